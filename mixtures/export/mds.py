"""MDS, the format of mosaicml-streaming, written without it: `shard.00000.mds` … and `index.json`.

A shard is the number of samples, the offset of each and of the end (uint32), the columns as JSON, then the samples:
the sizes of their columns (uint32) and the columns' bytes. Images are `list[jpeg]`, whose reader opens any format.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.mixtures.export.records import Ids, Record, records

if TYPE_CHECKING:
    from curation.reading import Packs

# The columns by name, as the format wants them; none of fixed size.
COLUMNS = {
    "about": "json",
    "images": "list[jpeg]",
    "input_ids": "ndarray:int32",
    "kind": "str",
    "labels": "ndarray:int32",
    "sample_id": "str",
    "source": "str",
}
LARGEST = 1 << 31  # offsets are uint32; streaming's own default is 64 MB


def write(packs: Packs, folder: Path, shard_bytes: int) -> int:
    """Write the shards and their index; return how many samples."""
    config = {
        "version": 2,
        "format": "mds",
        "compression": None,
        "hashes": [],
        "size_limit": min(shard_bytes, LARGEST),
        "column_names": list(COLUMNS),
        "column_encodings": list(COLUMNS.values()),
        "column_sizes": [None] * len(COLUMNS),
    }
    header = json.dumps(config, sort_keys=True).encode()
    shards: list[dict[str, Any]] = []
    for samples in _groups(packs, len(header), min(shard_bytes, LARGEST)):
        data = _shard(header, samples)
        name = f"shard.{len(shards):05d}.mds"
        (folder / name).write_bytes(data)
        raw = {"basename": name, "bytes": len(data), "hashes": {}}
        shards.append({"samples": len(samples), "raw_data": raw, "zip_data": None, **config})
    (folder / "index.json").write_text(json.dumps({"version": 2, "shards": shards}, sort_keys=True))
    return sum(shard["samples"] for shard in shards)


def _groups(packs: Packs, header: int, size_limit: int) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    size = 8 + header
    for record in records(packs):
        sample = _sample(record)
        if group and size + 4 + len(sample) > size_limit:
            yield group
            group, size = [], 8 + header
        group.append(sample)
        size += 4 + len(sample)
    if group:
        yield group


def _shard(header: bytes, samples: list[bytes]) -> bytes:
    first = 4 + 4 * (len(samples) + 1) + len(header)
    offsets = np.concatenate([[0], np.cumsum([len(sample) for sample in samples])]) + first
    return b"".join([np.uint32(len(samples)).tobytes(), offsets.astype("<u4").tobytes(), header, *samples])


def _sample(record: Record) -> bytes:
    columns = {
        "about": record.about().encode(),
        "images": _list(record.images),
        "input_ids": _array(record.input_ids),
        "kind": record.kind.encode(),
        "labels": _array(record.labels),
        "sample_id": record.sample_id.encode("utf-8", "surrogatepass"),
        "source": record.source.encode(),
    }
    data = [columns[name] for name in COLUMNS]
    return b"".join([np.array([len(value) for value in data], "<u4").tobytes(), *data])


def _array(values: Ids) -> bytes:
    """One byte says one dimension, of uint32; then the length and the values."""
    return bytes([1 << 2 | 2]) + np.uint32(len(values)).tobytes() + values.astype("<i4").tobytes()


def _list(items: list[bytes]) -> bytes:
    sizes = np.array([0, len(items), *(len(item) for item in items)], "<u4")
    return b"".join([sizes.tobytes(), *items])
