"""Read CSV and TSV rows: tasks are byte ranges that begin and end between records.

A record may hold line ends inside quotes, so a file larger than a task is parsed once when tasks are made; the
boundaries are where the parser itself is between records. A `.tsv` has no quoting (a `"` is a character) unless told
otherwise. Bytes that are no UTF-8 are kept as escapes, which `pull` replaces and flags.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO

from curation.errors import ManifestError, SourceError
from curation.records import Drop, Location, Task
from curation.sources.defects import Row
from curation.sources.files import SourceFile, open_binary
from curation.sources.options import names_option
from curation.sources.unpacked import Unpacked, is_packed

SUFFIXES = tuple(f"{name}{packed}" for name in (".csv", ".tsv") for packed in ("", ".gz", ".zst"))
DELIMITED_OPTIONS = {
    "header": "names of the columns of a CSV or TSV that does not begin with them",
    "quoted": "true or false: fields of a CSV or TSV may stand in double quotes; default true for .csv, false for .tsv",
}
_BLOCK_BYTES = 1 << 20
_FIELD_CHARS = 16 << 20


@dataclass(slots=True)
class _Lines:
    """Lines of a file as text, and how many bytes of it have been given out."""

    file: IO[bytes] | Unpacked
    end: int | None = None
    taken: int = 0

    def __iter__(self) -> Iterator[str]:
        rest, begun = b"", []
        while self.end is None or self.taken < self.end:
            block = self.file.read(_BLOCK_BYTES)
            if block and b"\n" not in block:  # joined when the line ends: joining with every block is quadratic
                begun.append(block)
                continue
            *lines, rest = b"".join((*begun, block)).split(b"\n")
            begun = [rest]
            for line in lines:
                self.taken += len(line) + 1
                yield line.decode("utf-8", "surrogateescape") + "\n"
                if self.end is not None and self.taken >= self.end:
                    return
            if not block:
                break
        if rest:
            self.taken += len(rest)
            yield rest.decode("utf-8", "surrogateescape")


def delimited_tasks(file: SourceFile, location: Location) -> list[Task]:
    """Split a CSV or TSV file into runs of records of about `location.task_bytes`. Raises SourceError."""
    check_delimited(location)
    whole = Task(path=file.path, key=file.key, num_bytes=file.num_bytes, location=location)
    with open_binary(file.path) as opened:
        head = opened.read(4)
        if is_packed(head) or file.num_bytes <= location.task_bytes:
            return [whole]
        opened.seek(0)
        lines = _Lines(opened)
        records = _records(lines, file.path, location)
        if not names_option(location, "header"):
            next(records, None)
        tasks: list[Task] = []
        start, first, number = lines.taken, 0, 0
        for record in records:
            number += record != []
            if lines.taken - start >= location.task_bytes:
                tasks.append(_range(whole, start, lines.taken, first, number))
                start, first = lines.taken, number
        if number > first:
            tasks.append(_range(whole, start, lines.taken, first, number))
    return tasks


def delimited_rows(task: Task) -> Iterator[Row | Drop]:
    """Yield the records of a task as dicts; a record with too few or too many fields is a Drop (`invalid_row`)."""
    with open_binary(task.path) as opened:
        head = opened.read(4)
        opened.seek(0)
        file = Unpacked(opened, head) if is_packed(head) else opened
        lines = _Lines(file)
        number = task.first_row
        try:
            records = _records(lines, task.path, task.location)
            names = names_option(task.location, "header") or _header(next(records, []), task.path)
            if task.length is not None:
                opened.seek(task.offset)
                records = _records(_Lines(opened, end=task.length), task.path, task.location)
            for record in records:
                if record != []:
                    yield _row(f"{task.key}:{number}", record, names)
                    number += 1
        except EOFError as err:
            yield Drop(row_key=f"{task.key}:{number}", reason="truncated_file", detail={"detail": str(err)})


def check_delimited(location: Location) -> None:
    """Check the options of delimited files. Raises ManifestError."""
    names_option(location, "header")
    if not isinstance(location.options.get("quoted", False), bool):
        raise ManifestError(
            f"source options: 'quoted' is {location.options['quoted']!r}; give true or false, or leave it out"
        )


def _range(whole: Task, start: int, end: int, first: int, number: int) -> Task:
    size = end - start
    return replace(whole, offset=start, length=size, num_bytes=size, first_row=first, num_rows=number - first)


def _records(lines: _Lines, path: str, location: Location) -> Iterator[list[str] | csv.Error]:
    """Parse lines into records, or what is wrong with one; an empty line is an empty record."""
    csv.field_size_limit(_FIELD_CHARS)
    is_tabbed = ".tsv" in path.rpartition("/")[2].lower()
    is_quoted = location.options.get("quoted", not is_tabbed)
    reader = csv.reader(
        lines,
        delimiter="\t" if is_tabbed else ",",
        quoting=csv.QUOTE_MINIMAL if is_quoted else csv.QUOTE_NONE,
    )
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as err:  # the parser begins anew with the next line
            yield err


def _header(record: list[str] | csv.Error, path: str) -> tuple[str, ...]:
    if not isinstance(record, list) or not any(record):
        raise SourceError(f"source: '{path}' does not begin with a line of names; give them with the option `header`")
    return tuple(name.removeprefix("\ufeff").strip() for name in record)


def _row(key: str, record: list[str] | csv.Error, names: tuple[str, ...]) -> Row | Drop:
    if not isinstance(record, list):
        return Drop(row_key=key, reason="invalid_csv", detail={"detail": str(record)})
    if len(record) != len(names):
        detail = {"detail": "another number of fields than there are names of columns"}
        return Drop(row_key=key, reason="invalid_row", measured=len(record), threshold=len(names), detail=detail)
    return Row(key, dict(zip(names, record, strict=True)))
