"""Nothing that a dataset holds steers the terminal it is shown on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from curation.cli.main import main
from curation.cli.peek import command as peek
from curation.cli.printing import one_line, print_json
from curation.visible import visible
from tests.sources.layouts import write_lines, write_tar

ESCAPES = "\x1b]0;taken\x07\x1b[2J\x9b31m\u202etxt\r"


def _manifest(folder: Path, adapter: str, uri: str, **options: list[str]) -> Path:
    path = folder / "manifest.yaml"
    sources = {"a": {"adapter": adapter, "uri": uri, "options": options}}
    path.write_text(json.dumps({"version": 1, "profile": "smolvlm2-256m", "tokenizer": "bytes", "sources": sources}))
    return path


def _steering(text: str) -> set[str]:
    return {character for character in text if not character.isprintable()} - {"\n", "\t"}


def test_peek_shows_escapes_of_texts_ids_columns_and_names(tmp_path: Path) -> None:
    rows = [{"text": f"a{ESCAPES}", "id": f"b{ESCAPES}", "note": f"c{ESCAPES}"}, {"wrong" + ESCAPES: 1}]
    write_lines(tmp_path / (os.fsdecode(b"rows-caf\xe9") + "-\x1b[31m\n.jsonl"), rows)
    manifest = str(_manifest(tmp_path, "text", "*.jsonl", columns=["note"]))
    said = CliRunner().invoke(peek, [manifest, "a"], catch_exceptions=False).output
    assert ("␛" in said and "no_text" in said) or "invalid_row" in said
    assert _steering(said) == set()
    told = CliRunner().invoke(peek, [manifest, "a", "--json"], catch_exceptions=False).output
    assert _steering(told) - {"\u202e"} == set()
    first = json.loads(told)[0]
    assert first["turns"][0]["parts"] == [f"a{ESCAPES}"] and first["columns"] == {"note": f"c{ESCAPES}"}


def test_an_error_shows_the_escapes_of_a_file_s_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "\x1b[31m.parquet").write_bytes(b"no Parquet")
    assert main(["peek", str(_manifest(tmp_path, "text", "*.parquet")), "a"]) == 1
    said = capsys.readouterr().err
    assert "␛[31m.parquet" in said and _steering(said) == set()


def test_a_log_line_shows_the_escapes_of_a_file_s_name(tmp_path: Path) -> None:
    write_tar(tmp_path / "\x1b[31m.tgz", {"a.inkml": b"<ink/>"}, mode="w:gz")
    manifest = tmp_path / "manifest.yaml"
    source = {"adapter": "mathwriting", "uri": "*.tgz"}
    manifest.write_text(
        json.dumps({"version": 1, "profile": "smolvlm2-256m", "tokenizer": "bytes", "sources": {"a": source}})
    )
    command = [sys.executable, "-m", "curation", "peek", str(manifest), "a"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "␛[31m.tgz is read from end to end" in done.stderr and _steering(done.stderr) == set()


def test_json_says_what_no_json_can_hold(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "caf\udce9", "size": 2**70, "nan": [float("nan"), "\x9b"], "bytes": b"\xff"})
    said = capsys.readouterr().out
    assert json.loads(said) == {"name": "caf\\udce9", "size": 2**70, "nan": [None, "\x9b"], "bytes": "ff"}
    assert _steering(said) == set()


def test_what_is_clean_stays_and_what_steers_is_seen() -> None:
    assert visible("a\tb\nc é 图 🙂") == "a\tb\nc é 图 🙂"
    assert _steering(visible(ESCAPES + "\udce9")) == set()
    assert one_line("a\nb\tc") == "a␊b␉c"
