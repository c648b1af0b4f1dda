"""Read JSON rows: lines (plain, .gz, .zst), one JSON list of any size, or one JSON object.

Plain lines and lists are split into byte ranges; lines are counted, and lists parsed, when tasks are made, so that a
row's number is its place in the file whatever the split. What a file holds is decided by its first bytes, not by its
name: `.json` files of lines and `.jsonl` files that hold a list both exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any, Literal

import orjson

from curation.records import WHOLE_FILES, Drop, Location, Task
from curation.sources.defects import Row
from curation.sources.files import SourceFile, open_binary
from curation.sources.json_list import CHUNK_BYTES, MAX_ROW_BYTES, BadElement, list_elements, list_parts
from curation.sources.remembered import remembered
from curation.sources.unpacked import Unpacked, is_packed

SUFFIXES = tuple(f"{name}{packed}" for name in (".jsonl", ".ndjson", ".json") for packed in ("", ".gz", ".zst"))
_BLOCK_BYTES = 4 << 20
_HEAD_BYTES = 1 << 16
_PARTS = 16
_MIN_PART_BYTES = 128 << 10
_MAX_PART_BYTES = 16 << 20
_MAX_OBJECT_BLOCKS = 512
_BOM = b"\xef\xbb\xbf"

Form = Literal["lines", "list", "object"]


def json_tasks(file: SourceFile, location: Location) -> list[Task]:
    """Split a file of JSON rows into tasks: byte ranges of plain lines or of a list, else the whole file.

    Rows name media, so a little text may stand for hours of work: a file is cut into 16 parts, or into more of at most
    16 MB. Where it is cut is kept in the location's cache.
    """
    whole = Task(path=file.path, key=file.key, num_bytes=file.num_bytes, location=location)
    part_bytes = min(max(file.num_bytes // _PARTS, _MIN_PART_BYTES), _MAX_PART_BYTES, location.task_bytes)
    if location.task_bytes == WHOLE_FILES or file.num_bytes <= part_bytes:
        return [whole]
    return [
        replace(whole, offset=offset, length=length, first_row=first_row, num_bytes=length)
        for offset, length, first_row in remembered(
            ("json parts", file.path, part_bytes), lambda: _cuts(file, part_bytes), path=file.path, cache=location.cache
        )
    ] or [whole]


def _cuts(file: SourceFile, part_bytes: int) -> list[tuple[int, int, int]]:
    """Return the parts of a file as (offset, length, first row); none when it can't be cut."""
    with open_binary(file.path) as opened:
        head = opened.read(_HEAD_BYTES)
        form = None if is_packed(head) else form_of(head, file.path)
        opened.seek(0)
        if form == "lines":
            return list(line_ranges(opened, part_bytes))
        if form == "list":
            starts = [(0, 0), *list_parts(opened, part_bytes, chunk_bytes=min(part_bytes, CHUNK_BYTES))]
            ends = [offset for offset, _ in starts[1:]] + [file.num_bytes]
            return [(offset, end - offset, first) for (offset, first), end in zip(starts, ends, strict=True)]
        return []


def line_ranges(file: IO[bytes], range_bytes: int) -> Iterator[tuple[int, int, int]]:
    """Cut a file of lines into ranges of at least `range_bytes` that end at line ends: (offset, length, first line)."""
    offset = start = lines = first_line = 0
    while block := file.read(_BLOCK_BYTES):
        position = 0
        while (cut := block.find(b"\n", max(position, start + range_bytes - 1 - offset))) >= 0:
            lines += block.count(b"\n", position, cut + 1)
            yield start, offset + cut + 1 - start, first_line
            start, first_line, position = offset + cut + 1, lines, cut + 1
        lines += block.count(b"\n", position)
        offset += len(block)
    if offset > start:
        yield start, offset - start, first_line


def json_rows(task: Task) -> Iterator[Row | Drop]:
    """Yield the rows of a task, or a Drop (`invalid_json`, `truncated_file`) where there is no row."""
    with open_binary(task.path) as opened:
        head = opened.read(_HEAD_BYTES)
        opened.seek(task.offset)
        if task.length is not None:
            if form_of(head, task.path) == "lines":
                yield from _line_rows(_blocks(opened, task.length), task.key, task.first_row)
            else:
                yield from _numbered(list_elements(_ListPart(opened, task)), task.key, task.first_row)
            return
        if is_packed(head):
            yield from _packed_rows(Unpacked(opened, head), task)
        else:
            yield from _form_rows(opened, head, task)


def _form_rows(file: IO[bytes] | Unpacked, head: bytes, task: Task) -> Iterator[Row | Drop]:
    form = form_of(head, task.path)
    if form == "lines":
        return _line_rows(_blocks(file, None), task.key, 0)
    return _numbered(list_elements(file) if form == "list" else _object_rows(file), task.key)


def _packed_rows(file: Unpacked, task: Task) -> Iterator[Row | Drop]:
    key = ""
    try:
        for row in _form_rows(file, file.peek(_HEAD_BYTES), task):
            key = row.row_key if isinstance(row, Drop) else row.key
            yield row
    except (EOFError, OSError) as err:
        number = int(key.rpartition(":")[2]) + 1 if key else 0
        row_key = f"{task.key}:{number}"
        yield Drop(row_key=row_key, reason="truncated_file", detail={"detail": str(err)})


class _ListPart:
    """The bytes of a part of a list as a list: with a bracket before it and, unless it is the last, one behind it."""

    def __init__(self, file: IO[bytes], task: Task) -> None:
        self._file = file
        self._left = task.length or 0
        self._before = b"[" if task.offset else b""
        self._after = b"]"

    def read(self, size: int = -1, /) -> bytes:
        if self._before:
            before, self._before = self._before, b""
            return before
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        if data or not self._after or not self._file.read(1):
            return data
        after, self._after = self._after, b""
        return after


def _numbered(elements: Iterator[Any | BadElement], key: str, first: int = 0) -> Iterator[Row | Drop]:
    for number, element in enumerate(elements, first):
        if isinstance(element, BadElement):
            yield Drop(row_key=f"{key}:{number}", reason=element.reason, detail={"detail": element.detail})
        else:
            yield Row(f"{key}:{number}", element)


def form_of(head: bytes, name: str) -> Form:
    """Decide from the first bytes (64 KiB) what a JSON file holds; the name settles what they leave open.

    A first line that is a whole JSON value with more behind it, or any `.jsonl`, is lines; else a `[` opens a list and
    a `{` one object.
    """
    text = head.removeprefix(_BOM).lstrip()
    first, _, rest = text.partition(b"\n")
    is_named_lines = any(end in name.lower() for end in (".jsonl", ".ndjson"))
    if first.strip() in (b"[", b"{"):
        return "list" if text.startswith(b"[") else "object"
    try:
        orjson.loads(first)
        is_whole = True
    except orjson.JSONDecodeError:
        is_whole = False
    if is_named_lines or not text.startswith((b"[", b"{")) or (is_whole and rest.strip()):
        return "lines"
    if text.startswith(b"["):
        return "list"
    return "object" if is_whole or rest else "lines"


def _object_rows(file: IO[bytes] | Unpacked) -> Iterator[Any | BadElement]:
    """Yield one object, or the rows of an object of objects ({id: row}; the key under `id` where it is free)."""
    blocks: list[bytes] = []
    for block in _blocks(file, None):
        blocks.append(block)
        if len(blocks) > _MAX_OBJECT_BLOCKS:
            yield BadElement("row_too_large", f"one object of more than {_MAX_OBJECT_BLOCKS * _BLOCK_BYTES} bytes")
            return
    try:
        value = orjson.loads(b"".join(blocks).removeprefix(_BOM))
    except orjson.JSONDecodeError as err:
        yield BadElement("invalid_json", str(err))
        return
    if isinstance(value, dict) and value and all(isinstance(row, dict) for row in value.values()):
        for key, row in value.items():
            yield {"id": key, **row}
    else:
        yield value


def _line_rows(blocks: Iterator[bytes], key: str, first_row: int) -> Iterator[Row | Drop]:
    number, loads = first_row, orjson.loads
    begun: list[bytes] = []  # the line that goes on, as far as it is read; nothing when it is too large
    size = 0
    for block in blocks:
        if b"\n" not in block:
            size += len(block)
            begun = [*begun, block] if size <= MAX_ROW_BYTES else []
            continue
        if size > MAX_ROW_BYTES:
            end, _, block = block.partition(b"\n")
            yield _too_large(f"{key}:{number}", size + len(end))
            number += 1
        *lines, rest = b"".join((*begun, block)).split(b"\n")
        begun, size = [rest], len(rest)
        for line in lines:
            if line and not line.isspace():
                try:
                    yield Row(f"{key}:{number}", loads(line))
                except orjson.JSONDecodeError:
                    yield _line_row(line, f"{key}:{number}", number)
            number += 1
    rest = b"".join(begun)
    if size > MAX_ROW_BYTES:
        yield _too_large(f"{key}:{number}", size)
    elif rest and not rest.isspace():
        yield _line_row(rest, f"{key}:{number}", number)


def _too_large(row_key: str, size: int) -> Drop:
    return Drop(row_key=row_key, reason="row_too_large", measured=size, threshold=MAX_ROW_BYTES)


def _line_row(line: bytes, row_key: str, number: int) -> Row | Drop:
    try:
        return Row(row_key, orjson.loads(line.removeprefix(_BOM) if number == 0 else line))
    except orjson.JSONDecodeError as err:
        return Drop(row_key=row_key, reason="invalid_json", detail={"detail": f"{err}; starts with {line[:60]!r}"})


def _blocks(file: IO[bytes] | Unpacked, length: int | None) -> Iterator[bytes]:
    left = length
    while left is None or left > 0:
        block = file.read(_BLOCK_BYTES if left is None else min(_BLOCK_BYTES, left))
        if not block:
            return
        if left is not None:
            left -= len(block)
        yield block
