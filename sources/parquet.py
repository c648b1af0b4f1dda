"""Read Parquet rows: tasks are runs of row groups, columns are read by name, batches are small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from curation.errors import SourceError, nearest
from curation.records import Drop, Location, Task
from curation.sources.arrow_values import python_values
from curation.sources.defects import Row
from curation.sources.files import SourceFile, is_remote, open_binary, reason_of
from curation.sources.unicode import is_readable

SUFFIXES = (".parquet",)
_BATCH_ROWS = 256
_BATCH_BYTES = 16 << 20
_FREE_ROWS = 1 << 20


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with ExitStack() as stack:
        opened: Any = path  # Arrow's own reader of files is twice as fast as one that asks Python for every page
        if is_remote(path) or not Path(path).is_file() or not is_readable(path):
            opened = stack.enter_context(open_binary(path))
        try:
            parquet = stack.enter_context(pq.ParquetFile(opened, pre_buffer=is_remote(path)))
        except (pa.ArrowException, OSError, ValueError) as err:  # ValueError: the name of a column is no UTF-8
            raise SourceError(
                f"source: '{path}' is no whole Parquet file ({reason_of(err)}); fetch it again or leave it out"
            ) from err
        yield parquet


def parquet_tasks(file: SourceFile, location: Location, *, required: Sequence[str] = ()) -> list[Task]:
    """Split a Parquet file into runs of row groups of about `location.task_bytes` uncompressed bytes.

    Raises:
        SourceError: the file is cut or no Parquet, or lacks a required column.

    """
    tasks: list[Task] = []
    with _opened(file.path) as parquet:
        _check_columns(parquet.schema_arrow.names, required, file.path)
        metadata = parquet.metadata
        groups: list[int] = []
        first_row = rows = size = 0
        for group in range(metadata.num_row_groups):
            about = metadata.row_group(group)
            _check_count(about.num_rows, file)
            if groups and size + about.total_byte_size > location.task_bytes:
                tasks.append(_task(file, location, groups, first_row, rows, size))
                groups, first_row, rows, size = [], first_row + rows, 0, 0
            groups.append(group)
            rows += about.num_rows
            size += about.total_byte_size
        if groups:
            tasks.append(_task(file, location, groups, first_row, rows, size))
    return tasks


def _check_count(num_rows: int, file: SourceFile) -> None:
    """Refuse a row group that states more rows than its file has bytes: each would become a row of the ledger."""
    if not 0 <= num_rows <= file.num_bytes + _FREE_ROWS:
        raise SourceError(
            f"source: '{file.path}' states a row group of {num_rows} rows in {file.num_bytes} bytes; fetch it again or "
            "leave it out"
        )


def _task(file: SourceFile, location: Location, groups: list[int], first_row: int, rows: int, size: int) -> Task:
    return Task(
        path=file.path,
        key=file.key,
        num_bytes=size,
        first_row=first_row,
        num_rows=rows,
        row_groups=tuple(groups),
        location=location,
    )


def _check_columns(names: Sequence[str], required: Sequence[str], path: str) -> None:
    for name in required:
        if name not in names:
            hint = nearest(name, names) or f"; it has: {', '.join(names)}"
            raise SourceError(f"source: '{path}' has no column '{name}'{hint}")


def parquet_rows(task: Task, columns: Sequence[str] | None = None) -> Iterator[Row | Drop]:
    """Yield a task's rows as dicts of the columns that exist among `columns` (None: all).

    A row group that can't be decoded costs its remaining rows: one Drop (`damaged_row_group`) each.
    """
    import pyarrow as pa

    with _opened(task.path) as parquet:
        names = parquet.schema_arrow.names
        wanted = names if columns is None else [name for name in names if name in set(columns)]
        if not wanted:
            raise SourceError(
                f"source: '{task.path}' has none of the columns {', '.join(columns or ())}; it has: {', '.join(names)}"
            )
        number = task.first_row
        for group in task.row_groups:
            about = parquet.metadata.row_group(group)
            end = number + about.num_rows
            batch_rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES * about.num_rows // max(1, about.total_byte_size)))
            try:
                for batch in parquet.iter_batches(batch_size=batch_rows, row_groups=[group], columns=wanted):
                    values = [python_values(column) for column in batch.columns]
                    for cells in zip(*values, strict=True):
                        yield Row(f"{task.key}:{number}", dict(zip(wanted, cells)))  # noqa: B905  as many as wanted
                        number += 1
            except (pa.ArrowException, OSError) as err:
                detail = {"detail": f"row group {group}: {reason_of(err)}"[:500]}
                for lost in range(number, end):
                    yield Drop(row_key=f"{task.key}:{lost}", reason="damaged_row_group", detail=detail)
                number = end
