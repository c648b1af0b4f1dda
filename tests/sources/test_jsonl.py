"""Lines, lists and objects of JSON, whole and broken, plain and compressed."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.records import WHOLE_FILES, Drop, Location, Task
from curation.sources.defects import Row
from curation.sources.files import SourceFile
from curation.sources.json_list import BadElement, list_elements, list_parts
from curation.sources.jsonl import form_of, json_rows, json_tasks, line_ranges
from tests.sources.layouts import write

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(st.sampled_from('ab"\\{}[],: \n\u00e9'), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "{", "b,}"]), inner, max_size=3),
    max_leaves=8,
)


def _rows(path: Path, task_bytes: int = 1 << 20) -> list[Row | Drop]:
    location = Location(uri=(str(path),), task_bytes=task_bytes)
    file = SourceFile(path=str(path), key=path.name, num_bytes=path.stat().st_size)
    return [row for task in json_tasks(file, location) for row in json_rows(task)]


def _values(rows: list[Row | Drop]) -> list[tuple[str, Any]]:
    return [(row.row_key, row.reason) if isinstance(row, Drop) else (row.key, row.value) for row in rows]


@given(
    st.lists(st.sampled_from([b"{}", b"", b"[1, 2]", b'{"a": "xxxxxxxxxxxx"}', b"  "]), max_size=30), st.integers(1, 60)
)
def test_ranges_cover_all_lines_once_and_count_them(lines: list[bytes], size: int) -> None:
    text = b"\n".join(lines)
    ranges = list(line_ranges(io.BytesIO(text), size))
    assert b"".join(text[offset : offset + length] for offset, length, _ in ranges) == text
    assert [first for _, _, first in ranges] == [text[:offset].count(b"\n") for offset, _, _ in ranges]
    assert all(text[:offset].endswith(b"\n") for offset, _, _ in ranges[1:])


def test_a_row_is_numbered_by_its_line_whatever_the_split(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"n": 0}\n\n{"n": 2}\nbroken\n{"n": 4}')
    wanted = [("a.jsonl:0", {"n": 0}), ("a.jsonl:2", {"n": 2}), ("a.jsonl:3", "invalid_json"), ("a.jsonl:4", {"n": 4})]
    for task_bytes in (1, 9, 20, 1000):
        assert _values(_rows(path, task_bytes)) == wanted


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'\xef\xbb\xbf{"n": 0}\r\n{"n": 1}\r\n')
    for task_bytes in (1, 1000):
        assert _values(_rows(path, task_bytes)) == [("a.jsonl:0", {"n": 0}), ("a.jsonl:1", {"n": 1})]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gz", "zst"])
def test_compressed_lines_are_one_task_and_a_cut_stream_gives_what_is_whole(tmp_path: Path, pack: Any) -> None:
    import random

    words = random.Random(3)
    lines = [orjson.dumps({"n": n, "noise": words.randbytes(60).hex()}) for n in range(5000)]
    packed = pack(b"\n".join(lines[:2500]) + b"\n") + pack(b"\n".join(lines[2500:]))  # two members
    path = write(tmp_path / "a.json.gz", packed)
    assert [row.value["n"] for row in _rows(path, 10) if isinstance(row, Row)] == list(range(5000))
    cut = write(tmp_path / "b.json.gz", packed[: len(packed) * 3 // 4])
    rows = _rows(cut, 10)
    assert len(rows) > 3000
    assert all(isinstance(row, Row) for row in rows[:-1])
    last = rows[-1]
    assert isinstance(last, Drop) and last.reason == "truncated_file"
    assert last.row_key == f"b.json.gz:{len(rows) - 1}"


@settings(deadline=None)
@given(st.lists(JSON, max_size=8), st.integers(1, 40), st.booleans())
def test_a_list_is_read_whole_in_pieces_of_any_size(values: list[Any], chunk_bytes: int, indent: bool) -> None:
    text = orjson.dumps(values, option=orjson.OPT_INDENT_2 if indent else None)
    assert list(list_elements(io.BytesIO(text), chunk_bytes=chunk_bytes)) == values


def test_a_broken_element_costs_itself_alone() -> None:
    text = b'[{"a": 1}, {"a": nope}, {"b": "}, {"}, {"c": [1, {"d": 2}, {"e": 3}]}]'
    rows = list(list_elements(io.BytesIO(text), chunk_bytes=7))
    assert rows[0] == {"a": 1}
    assert isinstance(rows[1], BadElement) and rows[1].reason == "invalid_json"
    assert rows[2:] == [{"b": "}, {"}, {"c": [1, {"d": 2}, {"e": 3}]}]


def test_a_cut_list_gives_its_whole_elements_and_one_truncated_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", b'[{"a": 1}, {"a": 2}, {"a": ')
    assert _values(_rows(path)) == [("a.json:0", {"a": 1}), ("a.json:1", {"a": 2}), ("a.json:2", "truncated_file")]


def test_memory_stays_flat_when_a_list_grows(tmp_path: Path) -> None:
    import tracemalloc

    row = orjson.dumps({"text": "x" * 1000, "turns": [{"from": "human"}, {"from": "gpt"}]})
    peaks = []
    for count in (6_000, 24_000):
        path = write(tmp_path / f"{count}.json", b"[" + b", ".join([row] * count) + b"]")
        task = Task(path=str(path), key="a", num_bytes=0, location=Location(uri=()))
        tracemalloc.start()
        assert sum(1 for _ in json_rows(task)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


@pytest.mark.parametrize(
    ("head", "name", "form"),
    [
        (b'{"a": 1}\n{"a": 2}\n', "x.json", "lines"),
        (b'[{"a": 1},\n {"a": 2}]', "x.json", "list"),
        (b'[\n {"a": 1}]', "x.jsonl", "list"),
        (b'[{"role": "user"}]\n[{"role": "user"}]\n', "x.jsonl", "lines"),
        (b'{\n "a": 1\n}', "x.json", "object"),
        (b'{"a": 1}', "x.json", "object"),
        (b'{"a": "' + b"x" * 70000, "x.json.gz", "lines"),
        (b"", "x.json", "lines"),
    ],
)
def test_the_first_bytes_say_what_a_file_holds(head: bytes, name: str, form: str) -> None:
    assert form_of(head, name) == form


def test_an_object_of_objects_is_rows_with_their_keys_as_ids(tmp_path: Path) -> None:
    path = write(tmp_path / "math.json", b'{"x/1.json": {"problem": "p"}, "x/2.json": {"problem": "q", "id": 7}}')
    assert [value for _, value in _values(_rows(path))] == [
        {"id": "x/1.json", "problem": "p"},
        {"id": 7, "problem": "q"},
    ]


@given(st.lists(JSON, max_size=20), st.integers(1, 60), st.sampled_from([",", ", ", " ,\n "]), st.integers(1, 40))
@settings(max_examples=200)
def test_parts_of_a_list_have_its_elements_once_and_number_them(
    values: list[Any], part_bytes: int, comma: str, chunk_bytes: int
) -> None:
    text = b"[ " + comma.encode().join(orjson.dumps(value) for value in values) + b" ] "
    parts = [(0, 0), *list_parts(io.BytesIO(text), part_bytes, chunk_bytes=chunk_bytes)]
    ends = [offset for offset, _ in parts[1:]] + [len(text)]
    for (offset, number), end in zip(parts, ends, strict=True):
        part = text[offset:end] if not offset else b"[" + text[offset:end]
        found = list(list_elements(io.BytesIO(part + (b"" if end == len(text) else b"]")), chunk_bytes=chunk_bytes))
        following = next((count for start, count in parts if start == end), len(values))
        assert found == values[number:following]


@pytest.mark.parametrize("cut", [0, 1, 7, 40_000], ids=lambda cut: f"{cut} bytes lost")
def test_a_list_cut_into_tasks_gives_the_rows_of_the_whole_also_where_it_is_broken(tmp_path: Path, cut: int) -> None:
    rows = [{"n": number, "text": '"{[,' * (number % 7)} for number in range(30_000)]
    text = orjson.dumps(rows).replace(b'{"n":777,', b'{"n" 777,')
    path = write(tmp_path / "a.json", text[: len(text) - cut])
    location = Location(uri=(str(path),), cache=str(tmp_path / "cache"))
    file = SourceFile(path=str(path), key=path.name, num_bytes=path.stat().st_size)
    tasks = json_tasks(file, location)
    assert len(tasks) > 3
    assert json_tasks(file, location) == tasks
    assert len(list((tmp_path / "cache").iterdir())) == 1, "where it is cut is kept"
    whole = json_tasks(file, replace(location, task_bytes=WHOLE_FILES))
    assert len(whole) == 1
    in_parts = [row for task in tasks for row in json_rows(task)]
    assert in_parts == list(json_rows(whole[0]))
    assert len(in_parts) >= 28_000
    path.write_bytes(text + b" ")
    assert json_tasks(replace(file, num_bytes=len(text) + 1), location) != tasks
