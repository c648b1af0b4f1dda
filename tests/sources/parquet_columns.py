"""Columns of small Parquet files, as the published sets have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.sources.layouts import image_bytes

ROWS = 24
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
TURNS = pa.list_(pa.struct([("from", pa.string()), ("value", pa.string())]))
MESSAGES = pa.list_(pa.struct([("content", pa.string()), ("role", pa.string())]))
STRINGS = pa.list_(pa.string())


def image_cell(color: str = "red") -> dict[str, Any]:
    """Return an image as a Parquet cell holds it."""
    return {"bytes": image_bytes(color), "path": f"{color}.png"}


def write_parquet(path: Path, *, types: dict[str, Any] | None = None, **columns: list[Any]) -> Path:
    """Write columns to a Parquet file of row groups of eight rows; types that can't be inferred are given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: pa.array(values, (types or {}).get(name)) for name, values in columns.items()}
    pq.write_table(pa.table(arrays), path, row_group_size=8)
    return path


def numbered(text: str) -> list[str]:
    """Return a text for each row, told apart by its number."""
    return [f"{text} {number}" for number in range(ROWS)]
