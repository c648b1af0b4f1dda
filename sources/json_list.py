"""Stream the elements of one huge JSON list without loading it.

MAmmoTH-VL is one list of 22 GB. Whole runs of elements are parsed at once: a cut between `}` and `{` where the braces
balance is tried, and the parser itself proves the cut (a list of complete elements parses, anything else does not).
Where that fails (a broken element, braces inside strings) a scanner that knows strings and nesting isolates one
element after another, so that a broken one costs one row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

CHUNK_BYTES = 1 << 20
# A row is held in memory, and five times as much as Python values. Rows with pictures in base64 have 10 MB.
MAX_ROW_BYTES = 128 << 20
_CUT = re.compile(rb"\}\s*,\s*(?=\{)")
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],"]', re.DOTALL)
_BLANKS = b" \t\r\n"


class Readable(Protocol):
    """Anything with `read`."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes, none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class BadElement:
    """An element that is not JSON, or what is left when the file ends inside one. `reason` is the ledger's word."""

    reason: str
    detail: str


def list_elements(file: Readable, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Any | BadElement]:
    """Yield the elements of the JSON list in a file, in order; memory is a few chunks, or one element if larger."""
    for rows, _ in _runs(file, chunk_bytes):
        yield from rows


def list_parts(file: Readable, part_bytes: int, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[tuple[int, int]]:
    """Yield where the list of a file can be cut: (offset, number) of elements at least `part_bytes` apart.

    The first has neither the bracket nor what is before it. From each on `list_elements` reads the same elements, given
    a bracket in front. Parses the whole list.
    """
    number = last = 0
    for rows, offset in _runs(file, chunk_bytes):
        number += len(rows)
        if offset is not None and offset - last >= part_bytes:
            yield offset, number
            last = offset


def _runs(file: Readable, chunk_bytes: int) -> Iterator[tuple[list[Any | BadElement], int | None]]:
    """Yield runs of elements, each with the offset of what follows; None: nothing does."""
    buffer = file.read(chunk_bytes)
    num_read = len(buffer)
    buffer = buffer.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANKS)
    if not buffer.startswith(b"["):
        yield [BadElement("invalid_json", f"no list: starts with {buffer[:20]!r}")], None
        return
    buffer, size = buffer[1:], chunk_bytes
    while True:
        rows, buffer, is_closed = _take(buffer)
        yield rows, None if is_closed else num_read - len(buffer)
        if is_closed:
            return
        if rows:
            size = chunk_bytes
            continue
        if len(buffer) > MAX_ROW_BYTES:
            detail = f"more than {MAX_ROW_BYTES} bytes; what follows in the list is not read"
            yield [BadElement("row_too_large", detail)], None
            return
        more = file.read(size)
        if not more:
            yield [BadElement("truncated_file", f"the list does not end; {len(buffer)} bytes are left")], None
            return
        num_read += len(more)
        buffer += more
        size *= 2  # an element longer than a chunk: fewer, larger steps


def _take(buffer: bytes) -> tuple[list[Any | BadElement], bytes, bool]:
    """Take complete elements off the start of a buffer: (elements, what is left, whether the list ended)."""
    end = _last_cut(buffer)
    if end:
        try:
            return orjson.loads(b"[" + buffer[:end] + b"]"), buffer[end:].lstrip(_BLANKS)[1:], False
        except orjson.JSONDecodeError:
            pass
    return _scan(buffer)


def _last_cut(buffer: bytes) -> int:
    """Return the end of the last element before a `}, {` at which all braces are closed; 0 if there is none."""
    cuts = [match.start() + 1 for match in _CUT.finditer(buffer)]
    if not cuts:
        return 0
    depth = buffer.count(b"{", 0, cuts[-1]) - buffer.count(b"}", 0, cuts[-1])
    for position in range(len(cuts) - 1, -1, -1):
        if depth == 0:
            return cuts[position]
        start = cuts[position - 1] if position else 0
        depth -= buffer.count(b"{", start, cuts[position]) - buffer.count(b"}", start, cuts[position])
    return 0


def _scan(buffer: bytes) -> tuple[list[Any | BadElement], bytes, bool]:
    """Do the work of `_take` token by token."""
    rows: list[Any | BadElement] = []
    depth, start = 0, 0
    for match in _TOKEN.finditer(buffer):
        sign = buffer[match.start() : match.end()]
        if sign == b'"':  # a string that goes on behind the buffer
            break
        if sign in (b"{", b"["):
            depth += 1
        elif depth == 0 and sign in (b",", b"]", b"}"):
            rows.extend(_element(buffer[start : match.start()]))
            start = match.end()
            if sign != b",":
                return rows, b"", True
        elif sign in (b"}", b"]"):
            depth -= 1
    return rows, buffer[start:], False


def _element(text: bytes) -> list[Any | BadElement]:
    text = text.strip(_BLANKS)
    if not text:
        return []
    try:
        return [orjson.loads(text)]
    except orjson.JSONDecodeError as err:
        return [BadElement("invalid_json", f"{err}; starts with {text[:60]!r}")]
