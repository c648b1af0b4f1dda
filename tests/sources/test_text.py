"""Documents and pairs of text."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import ManifestError, SourceError
from curation.records import Sample, Text, Turn
from tests.sources.layouts import location, only_drop, only_sample, read_all, reasons, shape, write, write_lines


def test_a_document_is_one_assistant_turn(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [{"text": " As it is.\n", "id": "x", "int_score": 4}])
    sample = only_sample("text", location(path, columns="int_score"))
    assert sample.turns == (Turn(role="assistant", parts=(Text(text=" As it is.\n"),)),)
    assert (sample.row_id, sample.columns) == ("x", {"int_score": 4})


def test_parquet_is_read_by_the_columns_it_needs(tmp_path: Path) -> None:
    pq.write_table(pa.table({"content": ["a", None, "c"], "hexsha": ["1", "2", "3"]}), tmp_path / "a.parquet")
    rows = read_all("text", location(tmp_path, field="content"))
    assert reasons(rows) == ["ok", "no_text", "ok"]
    with pytest.raises(SourceError, match="no column 'contents'; did you mean 'content'"):
        read_all("text", location(tmp_path, field="contents"))


def test_a_field_inside_a_struct_is_named_with_dots(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [{"meta": {"text": "x"}}, {"meta.text": "y"}])
    rows = read_all("text", location(path, field="meta.text"))
    assert [shape(row) for row in rows if isinstance(row, Sample)] == [[["x"]], [["y"]]]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": ""}, "no_text"),
        ({"text": " \n"}, "no_text"),
        ({"text": 3}, "invalid_row"),
        ({"t": "x"}, "invalid_row"),
    ],
)
def test_a_row_without_text_is_a_drop(tmp_path: Path, row: Any, reason: str) -> None:
    assert only_drop("text", location(write_lines(tmp_path / "a.jsonl", [row]))).reason == reason


def test_pairs_have_a_question_an_answer_and_perhaps_a_system_prompt(tmp_path: Path) -> None:
    rows = [
        {"question": "q", "answer": "a", "system": "s"},
        {"question": "q", "answer": "a", "system": None},
        {"question": "", "answer": "a"},
        {"question": "q", "answer": None},
        {"question": "q", "answer": 4.0},
    ]
    where = location(
        write_lines(tmp_path / "a.jsonl", rows), prompt_field="question", answer_field="answer", system_field="system"
    )
    read = read_all("text", where)
    assert reasons(read) == ["ok", "ok", "no_question", "no_answer", "invalid_row"]
    assert [shape(row) for row in read if isinstance(row, Sample)] == [[["s"], ["q"], ["a"]], [["q"], ["a"]]]


@pytest.mark.parametrize(
    "options",
    [{"prompt_field": "q"}, {"answer_field": "a"}, {"system_field": "s"}, {"prompt_field": "q", "field": "t"}],
)
def test_half_a_pair_of_options_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match="prompt_field"):
        read_all("text", location(write_lines(tmp_path / "a.jsonl", [{}]), **options))


def test_a_folder_holds_every_packing_at_once(tmp_path: Path) -> None:
    import zstandard

    line = orjson.dumps({"text": "x"})
    write(tmp_path / "a.jsonl", line)
    write(tmp_path / "b.json.gz", gzip.compress(line + b"\n" + line))
    write(tmp_path / "sub" / "c.jsonl.zst", zstandard.compress(line))
    write(tmp_path / "notes.md", b"no data")
    rows = read_all("text", location(tmp_path))
    assert [row.row_key for row in rows] == ["a.jsonl:0", "b.json.gz:0", "b.json.gz:1", "sub/c.jsonl.zst:0"]


def test_gsm8k_and_dolma_as_published_are_read(real_data: Path) -> None:
    real = real_data / "real"
    gsm8k = location(real / "text-gsm8k" / "train.jsonl", prompt_field="question", answer_field="answer")
    rows = read_all("text", gsm8k)
    assert len(rows) == sum(1 for line in (real / "text-gsm8k" / "train.jsonl").read_bytes().split(b"\n") if line)
    assert isinstance(rows[0], Sample) and shape(rows[0])[1][0].endswith("#### 72")
    assert set(reasons(read_all("text", location(real / "text-dolma" / "documents")))) == {"ok"}
    math = location(real / "cot-math500" / "math.json", prompt_field="problem", answer_field="solution")
    assert set(reasons(read_all("text", math))) == {"ok"}
