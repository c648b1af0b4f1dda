"""`curation sql`: forms of results, stdin, the prompt."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import polars
import pytest

from curation.builds import open_build
from curation.cli.main import main
from curation.cli.prompt import completion_words, completions, is_complete
from tests.cli.tiny_build import shard_rows, tables, write_build

KINDS = "select kind, sum(tokens) as tokens from samples where selected group by kind order by kind"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_build(tmp_path_factory.mktemp("build") / "tiny"))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("table", "kind      tokens\ndocument     104\ntext          60\nvideo        178\n"),
        ("csv", "kind,tokens\ndocument,104\ntext,60\nvideo,178\n"),
        ("markdown", "| kind | tokens |\n|---|---:|\n| document | 104 |\n| text | 60 |\n| video | 178 |\n"),
    ],
)
def test_a_result_is_printed_in_the_form_asked_for(
    folder: str, form: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sql", folder, KINDS, "--format", form]) == 0
    assert capsys.readouterr().out == text


@pytest.mark.parametrize("option", [["--json"], ["--format", "json"]])
def test_json_is_a_list_of_rows(folder: str, option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", folder, KINDS, *option]) == 0
    assert json.loads(capsys.readouterr().out)[0] == {"kind": "document", "tokens": 104}


def test_parquet_goes_to_stdout_as_bytes(folder: str) -> None:
    command = [sys.executable, "-m", "curation", "sql", folder, KINDS, "--format", "parquet"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert polars.read_parquet(io.BytesIO(done.stdout)).get_column("tokens").to_list() == [104, 60, 178]


AWKWARD = """
    select [1, 2] as l, {'a': 'x|y'} as s, 'ab'::blob as b, null as n, date '2020-01-02' as d, 1.5::decimal(4, 2) as m,
        1e300 * 1e300 as i, true as t, 'a' || chr(27) || chr(10) || 'b' as c, 12345678901234567890123::hugeint as h
"""


@pytest.mark.parametrize("form", ["table", "csv", "json", "markdown"])
def test_awkward_types_have_a_form(folder: str, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", folder, AWKWARD, "--format", form]) == 0
    told = capsys.readouterr().out
    assert "2020-01-02" in told
    assert "\x1b" not in told or form == "csv"


def test_a_long_table_stops_and_says_so(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", folder, "from range(1500)"]) == 0
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 1001
    assert told.err == "the first 1000 of 1500 rows; add a limit, or --format csv for all of them\n"


def test_an_empty_result_says_so(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", folder, "select kind from samples where tokens > 1e9"]) == 0
    assert capsys.readouterr().out == "kind\n(no rows)\n"


def test_stdin_may_hold_several_queries(
    folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("select 1 as one;\n-- and\nselect 2 as two"))
    assert main(["sql", folder, "-"]) == 0
    assert capsys.readouterr().out == "one\n  1\ntwo\n  2\n"


def test_an_empty_stdin_is_wrong_usage(
    folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(" -- nothing\n"))
    assert main(["sql", folder, "-"]) == 2
    assert "the query is empty" in capsys.readouterr().err


def test_a_mistake_is_exit_code_1_with_its_place(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", folder, "select kindd from samples"]) == 1
    assert capsys.readouterr().err == "error: sql: line 1, column 8: no column named 'kindd'; did you mean 'kind'?\n"


def test_the_prompt_answers_over_several_lines_and_survives_mistakes(
    folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    query = "select kind\nfrom samples\nwhere selected order by 1 limit 1;"
    typed = [query, "from nowhere;", ".tables", ".schema shards", ".tabels", ".quit", "select 9;"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(typed)))
    assert main(["sql", folder]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("kind\ndocument\ntable    num_rows\nledger          2\n")
    assert "sha256       VARCHAR" in told.out
    assert "9" not in told.out.splitlines()[-1]
    assert told.err == (
        "error: sql: line 1, column 6: no table named 'nowhere'; the tables are ledger, media, mixture, packs, "
        "samples, shards, sources\nerror: sql: no command .tabels; did you mean '.tables'?\n"
    )


def test_the_prompt_answers_a_last_query_without_a_semicolon(
    folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("select 41 + 1 as answer"))
    assert main(["sql", folder]) == 0
    assert capsys.readouterr().out == "answer\n    42\n"


def test_the_prompt_knows_the_words_of_other_prompts(
    folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("help\n\\d\n\\x\nexit;\nselect 41 + 1 as answer;\n"))
    assert main(["sql", folder]) == 0
    told = capsys.readouterr()
    assert ".schema" in told.out
    assert "num_rows" in told.out
    assert "answer" not in told.out
    assert told.err == "error: sql: no command \\x; .help lists them\n"


@pytest.mark.parametrize(
    ("text", "is_whole"),
    [
        ("select 1;", True),
        ("select 1; ", True),
        ("select 1", False),
        ("select ';", False),
        ("select 'it''s';", True),
        ('select ";"', False),
        ("select 1 /* ; */", False),
        ("select 1; /* open", False),
        ("", False),
    ],
)
def test_a_query_ends_at_a_semicolon_outside_quotes_and_comments(text: str, is_whole: bool) -> None:
    assert is_complete(text) is is_whole


def test_on_a_terminal_the_prompt_has_history(folder: str, tmp_path: Path) -> None:
    control, terminal = pty.openpty()
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "TERM": "dumb"}
    command = [sys.executable, "-m", "curation", "sql", folder]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment) as process:
        os.close(terminal)
        told = _talk(control, "tiny> ", b"")
        told += _talk(control, "42", b"select 6 * 7 as answer;\n")
        os.write(control, b".quit\n")
        assert process.wait(timeout=20) == 0
    os.close(control)
    assert "answer" in told
    assert "select 6 * 7 as answer;" in (tmp_path / "curation" / "sql_history").read_text()


def _talk(control: int, until: str, line: bytes) -> str:
    """Type a line and read what the terminal shows until some text comes."""
    os.write(control, line)
    told, deadline = "", time.monotonic() + 20
    while until not in told:
        assert time.monotonic() < deadline, told
        if select.select([control], [], [], 0.2)[0]:
            told += os.read(control, 4096).decode()
    return told


def test_a_share_is_of_all_groups_and_quantiles_have_names(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    query = """select kind, share(tokens * repeats) as part, quantiles(tokens).median as middle
        from samples where selected group by kind order by kind"""
    assert main(["sql", folder, query, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["part"] for row in rows] == pytest.approx([104 / 402, 120 / 402, 178 / 402])
    assert [row["middle"] for row in rows] == [104, 60, 178]


def test_a_histogram_counts_every_row_once(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    query = "with used as (from samples where selected) select sum(count) as rows from histogram(used, tokens)"
    assert main(["sql", folder, query, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"rows": 3}]


def test_another_build_stands_beside_under_its_name(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shard = shard_rows()[:2]
    rows = tables(shard_rows())
    rows["samples"] = [row for row in rows["samples"] if row["source"] != "video"]
    other = write_build(tmp_path / "other", shard=shard, rows=rows)
    query = "select sample_id from samples anti join {}.samples using (sample_id)"
    for also, name in ((str(other), "other"), (f"old={other}", "old")):
        assert main(["sql", folder, "--also", also, query.format(name), "--format", "csv"]) == 0
        assert capsys.readouterr().out == "sample_id\nvideo/v.json:0\n"
    assert main(["sql", folder, "--also", str(other), "from other.sample"]) == 1
    assert "did you mean" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("also", "code", "message"),
    [
        (["my-build={}"], 1, "'my-build' is no plain SQL name; give it one: --also other=my-build"),
        (["main={}"], 1, "the name 'main' is taken"),
        (["a={}", "a={}"], 2, "two builds are named 'a'"),
        (["a=/nowhere"], 1, "no such folder"),
    ],
)
def test_a_name_that_can_not_be_is_refused(
    folder: str, also: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [word for each in also for word in ("--also", each.format(folder))]
    assert main(["sql", folder, *options, "select 1"]) == code
    assert message in capsys.readouterr().err


def test_the_prompt_completes_tables_columns_functions_and_words(folder: str) -> None:
    with open_build(folder).connect({"other": open_build(folder)}) as connection:
        words = completion_words(connection)
    assert completions("other.sam", words) == ["other.samples"]
    assert completions("loss", words) == ["loss_tokens"]
    assert completions("s.loss", words) == ["s.loss_tokens"]
    assert completions("qua", words) == ["qualify", "quantiles("]
    assert completions(".sch", words) == [".schema"]


def test_on_a_terminal_tab_completes_a_column(folder: str, tmp_path: Path) -> None:
    control, terminal = pty.openpty()
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "TERM": "dumb"}
    command = [sys.executable, "-m", "curation", "sql", folder]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment) as process:
        os.close(terminal)
        _talk(control, "tiny> ", b"")
        told = _talk(control, "402", b"select sum(loss_t\t) * 0 + 402 as answer from samples;\n")
        os.write(control, b".quit\n")
        assert process.wait(timeout=20) == 0
    os.close(control)
    assert "sum(loss_tokens" in told
