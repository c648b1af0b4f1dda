"""Write one shard: rows in pack order, media stored once, in row groups of about a megabyte. Runs in a worker."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import ChangedError, MediaError
from curation.media import content_from_json, open_image, read, sha256
from curation.mixtures.frames_stage import Clip, read_frames
from curation.mixtures.layout import ImageLayout, expand
from curation.mixtures.pixels import upright_rgb
from curation.records import Address
from curation.workspace import replacing

VERSION = 1
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTask:
    """The rows of one shard: for each row its encoded file (index into `encoded`) and its row there."""

    path: Path
    format: str
    images: str
    fit: int
    encoded: tuple[Path, ...]
    file: np.ndarray
    row: np.ndarray
    layout: ImageLayout
    cache: Path


def write_shard(work: ShardTask) -> dict[str, Any]:
    """Write the shard; return its rows, tokens, bytes and sha256.

    Raises ChangedError when a medium is gone or no longer has the bytes it was measured with.
    """
    with replacing(work.path) as temporary:
        tokens = write_rows(temporary, work.format, _rows(work))
        num_bytes, digest = temporary.stat().st_size, _file_sha256(temporary)
    return {"rows": len(work.row), "tokens": tokens, "bytes": num_bytes, "sha256": digest}


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


def _rows(work: ShardTask) -> Iterator[dict[str, Any]]:
    """Make the shard's rows in order, each encoded file mapped into memory once."""
    readers = {index: _Mapped(work.encoded[index]) for index in np.unique(work.file).tolist()}
    for index, number in zip(work.file.tolist(), work.row.tolist(), strict=True):
        yield _row(readers[index], number, work)


def _row(reader: _Mapped, number: int, work: ShardTask) -> dict[str, Any]:
    encoded = reader.row(number)
    images: list[dict[str, Any]] = []
    tiles: list[dict[str, int]] = []
    for medium in encoded["media"]:
        if medium["type"] == "video":
            clip = Clip(
                media_id=medium["media_id"],
                address=medium["address"],
                plan=medium["frame_plan"],
                num_frames=len(medium["frame_seconds"]),
            )
            seconds, jpegs, _ = read_frames(clip, work.cache)
            for second, jpeg in zip(seconds, jpegs, strict=True):
                images.append({"bytes": jpeg, "path": f"{medium['name']}#t={second:.3f}"})
                tiles.append({"rows": 0, "cols": 0})
        else:
            images.append({"bytes": _image(medium, work), "path": medium["name"]})
            tiles.append({"rows": medium["rows"], "cols": medium["cols"]})
    grids = [(tile["rows"], tile["cols"]) for tile in tiles]
    input_ids, labels = expand(encoded["ids"], encoded["loss"], grids, work.layout)
    return {
        "sample_id": encoded["sample_id"],
        "input_ids": input_ids,
        "labels": labels,
        "images": images,
        "tiles": tiles,
        "kind": encoded["kind"],
        "source": encoded["source"],
    }


def _image(medium: dict[str, Any], work: ShardTask) -> bytes:
    content = content_from_json(medium["address"])
    assert isinstance(content, Address)
    try:
        data = read(content)
    except MediaError as err:
        raise ChangedError(
            f"write: {content} was there in pull and is gone ({err}); put it back, or run the build again to do "
            "without it",
            path=content.path,
            now="gone",
        ) from err
    if (now := sha256(data)) != medium["media_id"]:
        raise ChangedError(
            f"write: {content} has changed since pull; run the build again to measure it anew",
            path=content.path,
            now=now,
        )
    return data if work.images == "original" else _fitted(data, work.fit)


def _fitted(data: bytes, longest_edge: int) -> bytes:
    """Shrink an image to what the profile can use; it keeps its bytes where that makes them no fewer."""
    import io

    from PIL import Image

    image = open_image(data)
    if max(image.size) <= longest_edge:
        return data
    shown = upright_rgb(image)  # what the processor sees; a palette or a bitmap would be shrunk without averaging
    if image.mode in ("1", "L"):
        shown = shown.convert("L")
    shown.thumbnail((longest_edge, longest_edge), Image.Resampling.LANCZOS)
    output = io.BytesIO()
    if image.format == "JPEG":
        shown.save(output, "JPEG", quality=92)
    else:
        shown.save(output, "PNG")
    return min(data, output.getvalue(), key=len)


class _Mapped:
    """An encoded file mapped into memory, read row by row."""

    def __init__(self, path: Path) -> None:
        with pa.memory_map(str(path)) as mapped:
            content = mapped.read_buffer()  # a view that outlives its descriptor: a shard may draw from 3,000 files
        self._file = pa.ipc.open_file(pa.BufferReader(content))
        sizes = [self._file.get_batch(index).num_rows for index in range(self._file.num_record_batches)]
        self._ends = np.cumsum(sizes).tolist()
        self._batches: dict[int, _Batch] = {}

    def row(self, number: int) -> dict[str, Any]:
        index = bisect_right(self._ends, number)
        if index not in self._batches:
            self._batches[index] = _Batch(self._file.get_batch(index))
        return self._batches[index].row(number - (self._ends[index - 1] if index else 0))


class _Batch:
    """The columns of a few rows, lists of numbers as views of the mapped file."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._numbers = {
            name: (batch[name].offsets.to_numpy(), batch[name].values.to_numpy()) for name in ("ids", "loss")
        }
        self._words = {name: batch[name] for name in ("sample_id", "source", "kind")}
        self._media = batch["media"]
        self._media_ends = self._media.offsets.to_numpy()

    def row(self, place: int) -> dict[str, Any]:
        row: dict[str, Any] = {name: words[place].as_py() for name, words in self._words.items()}
        for name, (offsets, values) in self._numbers.items():
            row[name] = values[offsets[place] : offsets[place + 1]]
        has_media = self._media_ends[place] < self._media_ends[place + 1]
        row["media"] = self._media[place].as_py() if has_media else ()
        return row


def _file_sha256(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
