"""Read JSON rows: lines (plain, .gz, .zst), one JSON list of any size, or one JSON object.

Plain lines are split into byte ranges; their newlines are counted once, when tasks are made, so that a row's number
is its line in the file whatever the split. What a file holds is decided by its first bytes, not by its name: `.json`
files of lines and `.jsonl` files that hold a list both exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any, Literal

import orjson

from curation.records import Drop, Location, Task
from curation.sources.defects import Row
from curation.sources.files import SourceFile, open_binary
from curation.sources.json_list import MAX_ROW_BYTES, BadElement, list_elements
from curation.sources.unpacked import Unpacked, is_packed

SUFFIXES = tuple(f"{name}{packed}" for name in (".jsonl", ".ndjson", ".json") for packed in ("", ".gz", ".zst"))
_BLOCK_BYTES = 4 << 20
_HEAD_BYTES = 1 << 16
_MAX_OBJECT_BLOCKS = 512
_BOM = b"\xef\xbb\xbf"

Form = Literal["lines", "list", "object"]


def json_tasks(file: SourceFile, location: Location) -> list[Task]:
    """Split a file of JSON rows into tasks: byte ranges of plain lines, else the whole file."""
    whole = Task(path=file.path, key=file.key, num_bytes=file.num_bytes, location=location)
    if file.num_bytes <= location.task_bytes:
        return [whole]
    with open_binary(file.path) as opened:
        head = opened.read(_HEAD_BYTES)
        if is_packed(head) or form_of(head, file.path) != "lines":
            return [whole]
        opened.seek(0)
        return [
            replace(whole, offset=offset, length=length, first_row=first_row, num_bytes=length)
            for offset, length, first_row in line_ranges(opened, location.task_bytes)
        ]


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
        if task.length is not None:
            opened.seek(task.offset)
            yield from _line_rows(_blocks(opened, task.length), task.key, task.first_row)
            return
        head = opened.read(_HEAD_BYTES)
        opened.seek(0)
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


def _numbered(elements: Iterator[Any | BadElement], key: str) -> Iterator[Row | Drop]:
    for number, element in enumerate(elements):
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
    number, rest = first_row, b""
    loads = orjson.loads
    pending: list[bytes] = []
    size = 0  # of the line that goes on, as far as it is read
    for block in blocks:
        if b"\n" not in block:
            pending.append(block)
            size += len(block)
            if size > MAX_ROW_BYTES:
                pending.clear()
                rest = b""
            continue
        if size > MAX_ROW_BYTES:
            end, _, block = block.partition(b"\n")
            yield _too_large(f"{key}:{number}", size + len(end))
            number += 1
            pending.clear()
        lines = (b"".join((rest, *pending, block))).split(b"\n")
        pending.clear()
        rest = lines.pop()
        size = len(rest)
        for line in lines:
            if line and not line.isspace():
                try:
                    yield Row(f"{key}:{number}", loads(line))
                except orjson.JSONDecodeError:
                    yield _line_row(line, f"{key}:{number}", number)
            number += 1
    rest = b"".join((rest, *pending))
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
