"""The file of a shard: its schema, and row groups of about a megabyte, in Parquet or Arrow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GROUP_BYTES = 1 << 20
GROUP_ROWS = 100

_FEATURES = {
    "sample_id": {"dtype": "string", "_type": "Value"},
    "input_ids": {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "List"},
    "labels": {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "List"},
    "images": {"feature": {"_type": "Image"}, "_type": "List"},
    "tiles": {
        "feature": {"rows": {"dtype": "int32", "_type": "Value"}, "cols": {"dtype": "int32", "_type": "Value"}},
        "_type": "List",
    },
    "kind": {"dtype": "string", "_type": "Value"},
    "source": {"dtype": "string", "_type": "Value"},
}
SHARD = pa.schema(
    [
        ("sample_id", pa.string()),
        ("input_ids", pa.list_(pa.int32())),
        ("labels", pa.list_(pa.int32())),
        ("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))),
        ("tiles", pa.list_(pa.struct([("rows", pa.int32()), ("cols", pa.int32())]))),
        ("kind", pa.string()),
        ("source", pa.string()),
    ],
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)


def write_rows(path: Path, form: str, rows: Iterator[dict[str, Any]]) -> int:
    """Write rows of the schema `SHARD` in row groups of about a megabyte; return their tokens."""
    tokens = 0
    with open_writer(path, form) as file:
        for group in _groups(rows):
            tokens += sum(len(row["input_ids"]) for row in group)
            file.write_table(_table(group))
    return tokens


def open_writer(path: Path, form: str) -> Any:
    """Open a shard for writing: `write_table` adds a row group of the schema `SHARD`. `form`: parquet or arrow."""
    if form == "arrow":
        return pa.ipc.new_file(str(path), SHARD)
    tokens = ["input_ids.list.element", "labels.list.element"]
    compression = {
        "sample_id": "zstd",
        tokens[0]: "zstd",
        tokens[1]: "zstd",
        "images.list.element.bytes": "none",
        "images.list.element.path": "zstd",
        "tiles.list.element.rows": "zstd",
        "tiles.list.element.cols": "zstd",
        "kind": "zstd",
        "source": "zstd",
    }
    return pq.ParquetWriter(
        path, SHARD, compression=compression, use_dictionary=["kind", "source"], write_statistics=False
    )


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    def lists(name: str) -> pa.Array:
        lengths = [len(row[name]) for row in rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate([row[name] for row in rows])))

    columns = [
        lists(field.name)
        if field.name in ("input_ids", "labels")
        else pa.array([row[field.name] for row in rows], field.type)
        for field in SHARD
    ]
    return pa.table(columns, schema=SHARD)


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    num_bytes = 0
    for row in rows:
        size = 8 * len(row["input_ids"]) // 3 + sum(len(image["bytes"]) for image in row["images"])
        if group and (num_bytes + size > GROUP_BYTES or len(group) >= GROUP_ROWS):
            yield group
            group, num_bytes = [], 0
        group.append(row)
        num_bytes += size
    if group:
        yield group
