"""The plan of a merge: whose turns go on in whose conversation, as a Parquet file that the tasks read their part of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

MERGES, MERGES_LEDGER = "merges.parquet", "ledger.parquet"

# A sample that goes on in another one, its keeper: both by the position of their pulled file and the row in it. `turns`
# is JSON as in `curation.tables.PULLED`, without media; `place` is 1 for the first that goes on.
MERGE = pa.schema(
    [
        ("source", pa.string()),
        ("keeper_id", pa.string()),
        ("keeper_file", pa.int32()),
        ("keeper_row", pa.int64()),
        ("keeper_questions", pa.int32()),
        ("place", pa.int32()),
        ("sample_id", pa.string()),
        ("file", pa.int32()),
        ("row", pa.int64()),
        ("questions", pa.int32()),
        ("turns", pa.string()),
    ]
)


def merged_turns(merges: Path, file: int) -> dict[int, list[str]]:
    """Return the turns (JSON) that go on in rows of a pulled file, in order, by row."""
    found: dict[int, list[str]] = {}
    for row, turns in _read(merges, ["keeper_row", "turns"], "keeper_file", file):
        found.setdefault(row, []).append(turns)
    return found


def merged_rows(merges: Path, file: int) -> set[int]:
    """Return the rows of a pulled file that went on in others."""
    return {row for (row,) in _read(merges, ["row"], "file", file)}


def touched_files(merges: Path) -> set[int]:
    """Return the pulled files with rows that others went on in, or that went on in others."""
    table = pq.read_table(merges, columns=["keeper_file", "file"])
    return {*table["keeper_file"].unique().to_pylist(), *table["file"].unique().to_pylist()}


def _read(merges: Path, columns: list[str], by: str, file: int) -> Iterator[tuple[Any, ...]]:
    table = pq.read_table(merges, columns=columns, filters=[(by, "=", file)])
    yield from zip(*(table[name].to_pylist() for name in columns), strict=True)
