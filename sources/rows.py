"""Rows of any file this toolkit reads row by row: JSON lines, JSON lists and objects, Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from curation.records import Drop, Location, Task
from curation.sources import jsonl, parquet
from curation.sources.defects import Row
from curation.sources.files import list_files

SUFFIXES = (*parquet.SUFFIXES, *jsonl.SUFFIXES)


def row_tasks(location: Location, *, suffixes: Sequence[str] = SUFFIXES, columns: Sequence[str] = ()) -> list[Task]:
    """List the tasks over all files of a location, in natural order; Parquet files must have the `columns`."""
    tasks: list[Task] = []
    for file in list_files(location.uri, suffixes=suffixes):
        if file.path.lower().endswith(parquet.SUFFIXES):
            tasks += parquet.parquet_tasks(file, location, required=columns)
        else:
            tasks += jsonl.json_tasks(file, location)
    return tasks


def read_rows(task: Task, columns: Sequence[str] | None = None) -> Iterator[Row | Drop]:
    """Yield the rows of a task, in order. `columns` limits what is read of Parquet."""
    if task.path.lower().endswith(parquet.SUFFIXES):
        return parquet.parquet_rows(task, columns)
    return jsonl.json_rows(task)
