"""A build over rows of which half are hostile: it ends, it is lawful, and what is shown of it steers nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from curation.cli.main import main
from tests.fuzzing.values import WORDS
from tests.hostile.tars import ENDS, member
from tests.sources.layouts import image_bytes, talk, write, write_lines

MANIFEST = {
    "version": 1,
    "profile": "smolvlm2-256m",
    "tokenizer": "bytes",
    "sources": {
        "texts": {"adapter": "text", "uri": "texts", "options": {"columns": ["note"]}},
        "talks": {"adapter": "llava", "uri": "talks", "media": "media"},
        "shards": {"adapter": "webdataset", "uri": "shards"},
    },
    "filters": [{"where": "text_chars > 0"}, "exact_duplicates", {"near_duplicate_text": {"similarity": 0.8}}],
    "guard": {"max_unreadable_fraction": 1.0, "max_dropped_fraction": 1.0},
    "mixture": {"unit": "samples", "weights": {"texts": "natural", "talks": "natural", "shards": "natural"}},
    "output": {"path": "build"},
}


def _write(folder: Path) -> Path:
    words = [word.encode("utf-8", "replace").decode() for word in WORDS if "://" not in word]
    rows = [{"text": f"{word} {number}", "id": word, "note": word} for number, word in enumerate(words)]
    write_lines(folder / "texts" / (os.fsdecode(b"caf\xe9\x1b[31m\n") + ".jsonl"), rows)
    os.mkfifo(folder / "texts" / "pipe.jsonl")
    write(folder / "media" / "red.png", image_bytes())
    write(folder / "media" / "lies.tar", member("blue.png", image_bytes("blue")) + ENDS["a member of a negative size"])
    (folder / "media" / "passwd.png").symlink_to("/etc/passwd")
    names = ("red.png", "blue.png", "passwd.png", "../texts", "/etc/passwd", *words)
    write_lines(
        folder / "talks" / "a.jsonl",
        [{"id": word, "image": name, "conversations": talk(f"<image>\n{word}?", f"{word}.")}
         for name, word in zip(names, (*words, *words), strict=False)],
    )  # fmt: skip
    write(
        folder / "shards" / "a.tar",
        member("a.png", image_bytes("green")) + member("a.txt", b"A <script>") + ENDS["a name of 100 GB"],
    )
    path = folder / "manifest.yaml"
    path.write_text(json.dumps(MANIFEST))
    return path


@pytest.mark.slow
def test_a_hostile_corpus_is_built_verified_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest, build = str(_write(tmp_path)), str(tmp_path / "build")
    assert main(["build", manifest, "--workers", "1", "--workspace", str(tmp_path / "workspace")]) == 0
    assert main(["verify", build]) == 0
    assert main(["sql", build, "select sample_id, row_id, columns from samples"]) == 0
    assert main(["sql", build, "select reason, detail from ledger"]) == 0
    assert main(["stats", build]) == 0
    assert main(["show", build, "0"]) == 0
    said = capsys.readouterr()
    steering = {letter for letter in said.out + said.err if not letter.isprintable()} - {"\n", "\t"}
    assert steering == set()
    for reason in ("outside_media_root", "truncated_file", "missing_media"):
        assert reason in said.out
    assert main(["report", build, "-o", str(tmp_path / "report.html")]) == 0
    assert "<script>alert" not in (tmp_path / "report.html").read_text()
