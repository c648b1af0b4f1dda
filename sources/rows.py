"""Rows of any file this toolkit reads row by row: JSON lines, JSON lists and objects, Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from curation.records import Drop, Location, Task
from curation.sources import jsonl, parquet
from curation.sources.defects import Row
from curation.sources.files import SourceFile, list_files

SUFFIXES = (*parquet.SUFFIXES, *jsonl.SUFFIXES)


def row_tasks(location: Location, *, suffixes: Sequence[str] = SUFFIXES, columns: Sequence[str] = ()) -> list[Task]:
    """List the tasks over all files of a location, in natural order; Parquet files must have the `columns`."""
    files = list_files(location.uri, suffixes=suffixes)
    return [task for file in files for task in file_tasks(file, location, columns=columns)]


def file_tasks(file: SourceFile, location: Location, *, columns: Sequence[str] = ()) -> list[Task]:
    """List the tasks of one file; a Parquet file must have the `columns`."""
    if file.path.lower().endswith(parquet.SUFFIXES):
        return parquet.parquet_tasks(file, location, required=columns)
    return jsonl.json_tasks(file, location)


def read_rows(task: Task, columns: Sequence[str] | None = None) -> Iterator[Row | Drop]:
    """Yield the rows of a task, in order. `columns` limits what is read of Parquet."""
    if task.path.lower().endswith(parquet.SUFFIXES):
        return parquet.parquet_rows(task, columns)
    return jsonl.json_rows(task)
