"""Whole packs as rows of Parquet: what `datasets.load_dataset("parquet", …)` opens, images shown as images.

Columns: `input_ids`, `labels`, `position_ids`, `segment_ids`, `cu_seqlens` (int32 lists as in `build.packs()`),
`images`, `tiles`, `sample_ids`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from curation.reading import Packs

GROUP_BYTES = 8 << 20
_NUMBERS = ("input_ids", "labels", "position_ids", "segment_ids", "cu_seqlens")
_INT = {"dtype": "int32", "_type": "Value"}
_FEATURES = {
    **{name: {"feature": _INT, "_type": "List"} for name in _NUMBERS},
    "images": {"feature": {"_type": "Image"}, "_type": "List"},
    "tiles": {"feature": {"rows": _INT, "cols": _INT}, "_type": "List"},
    "sample_ids": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
}
PACKED = pa.schema(
    [
        *((name, pa.list_(pa.int32())) for name in _NUMBERS),
        ("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))),
        ("tiles", pa.list_(pa.struct([("rows", pa.int32()), ("cols", pa.int32())]))),
        ("sample_ids", pa.list_(pa.string())),
    ],
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)
_COMPRESSION = {
    **{f"{name}.list.element": "zstd" for name in (*_NUMBERS, "sample_ids")},
    "images.list.element.bytes": "none",
    **{
        f"{name}": "zstd" for name in ("images.list.element.path", "tiles.list.element.rows", "tiles.list.element.cols")
    },
}


def write(packs: Packs, folder: Path, shard_bytes: int) -> int:
    """Write `packs-00000.parquet` …; return how many samples."""
    samples = shards = 0
    file: pq.ParquetWriter | None = None
    size = 0
    for group, num_bytes in _groups(packs, min(GROUP_BYTES, shard_bytes)):
        if file is None or size >= shard_bytes:
            if file is not None:
                file.close()
            file, size = _open(folder / f"packs-{shards:05d}.parquet"), 0
            shards += 1
        file.write_table(pa.Table.from_pylist(group, schema=PACKED))
        size += num_bytes
        samples += sum(len(row["sample_ids"]) for row in group)
    if file is not None:
        file.close()
    return samples


def _open(path: Path) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, PACKED, compression=_COMPRESSION, use_dictionary=False, write_statistics=False)


def _groups(packs: Packs, group_bytes: int) -> Iterator[tuple[list[dict[str, Any]], int]]:
    group: list[dict[str, Any]] = []
    size = 0
    for number in range(len(packs)):
        row, row_bytes = _row(packs, number)
        group.append(row)
        size += row_bytes
        if size >= group_bytes:
            yield group, size
            group, size = [], 0
    if group:
        yield group, size


def _row(packs: Packs, number: int) -> tuple[dict[str, Any], int]:
    pack = packs[number]
    contents = [packs.content(number, position) for position in range(len(pack["sample_ids"]))]
    images = [
        {"bytes": data, "path": name}
        for content in contents
        for data, name in zip(content.images, content.names, strict=True)
    ]
    row = {
        **{name: pack[name] for name in _NUMBERS},
        "images": images,
        "tiles": [{"rows": rows, "cols": cols} for rows, cols in pack["tiles"].tolist()],
        "sample_ids": pack["sample_ids"],
    }
    return row, 16 * len(pack["input_ids"]) + sum(len(image["bytes"]) for image in images)
