"""Random access to the rows of shards: one row group at a time, as numpy views, whichever format the shard has."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

Ids = npt.NDArray[np.int32]
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_FULL = ["images", "kind", "source"]
_LIGHT = ["sample_id", "input_ids.list.element", "labels.list.element", "tiles.list.element"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Neighbouring rows of a shard, numbers `first` to `last` (exclusive), without their images.

    Row `first + k` has the ids `input_ids[id_bounds[k] : id_bounds[k + 1]]`, likewise labels and tiles (int32
    [images, 2], rows and columns). The arrays may lie in a mapped file: copy what is kept.
    """

    first: int
    last: int
    group: int
    input_ids: Ids
    id_bounds: Ids
    labels: Ids
    label_bounds: Ids
    tiles: tuple[Ids, Ids]
    tile_bounds: Ids
    sample_ids: pa.StringArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a row holds beside its tokens: the stored bytes of its images and the names that its source gives them."""

    kind: str
    source: str
    images: list[bytes]
    names: list[str]


class Shard(Protocol):
    """An open shard."""

    def rows(self, row: int) -> Rows:
        """Return the row group that holds a row. Raises IndexError when the shard has no such row."""

    def content(self, row: int) -> Content:
        """Return a row's images, kind and source. Raises OSError or ValueError when they can't be read."""


def open_shard(path: Path) -> Shard:
    """Open a shard by its suffix. Raises OSError or ValueError (Arrow's errors are both) for a broken one."""
    return ArrowShard(path) if path.suffix == ".arrow" else ParquetShard(path)


class ArrowShard:
    """An Arrow IPC file mapped into memory."""

    def __init__(self, path: Path) -> None:
        self._file = pa.ipc.open_file(pa.memory_map(str(path)))
        sizes = [self._file.get_batch(number).num_rows for number in range(self._file.num_record_batches)]
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._kept: Recent[int, tuple[Rows, pa.RecordBatch]] = Recent(64)

    def rows(self, row: int) -> Rows:
        return self._group(row)[0]

    def content(self, row: int) -> Content:
        rows, batch = self._group(row)
        return _content(batch, row - rows.first)

    def _group(self, row: int) -> tuple[Rows, pa.RecordBatch]:
        group = _group_of(self._starts, row)

        def read() -> tuple[Rows, pa.RecordBatch]:
            batch = self._file.get_batch(group)
            return _rows(batch, first=int(self._starts[group]), group=group), batch

        return self._kept.get(group, read)


class ParquetShard:
    """A Parquet file; the images of a row group are only read when one of them is asked for."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path, memory_map=True, pre_buffer=False)
        metadata = self._file.metadata
        sizes = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._kept: Recent[int, Rows] = Recent(16)
        self._full: Recent[int, pa.RecordBatch] = Recent(2)

    def rows(self, row: int) -> Rows:
        group = _group_of(self._starts, row)

        def read() -> Rows:
            table = self._file.read_row_group(group, columns=_LIGHT, use_threads=False)
            return _rows(_one_batch(table), first=int(self._starts[group]), group=group)

        return self._kept.get(group, read)

    def content(self, row: int) -> Content:
        group = _group_of(self._starts, row)

        def read() -> pa.RecordBatch:
            return _one_batch(self._file.read_row_group(group, columns=_FULL, use_threads=False))

        return _content(self._full.get(group, read), row - int(self._starts[group]))


class Recent(Generic[Key, Value]):
    """The last few values that were asked for."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return the value of a key, made when it is not there any more."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = self._values[key] = make()
        if len(self._values) > self._size:
            self._values.popitem(last=False)
        return value


def _group_of(starts: npt.NDArray[np.int64], row: int) -> int:
    if not 0 <= row < starts[-1]:
        raise IndexError(f"no row {row} among {starts[-1]}")
    return int(starts.searchsorted(row, side="right")) - 1


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    (batch,) = table.combine_chunks().to_batches()
    return batch


def _rows(batch: pa.RecordBatch, *, first: int, group: int) -> Rows:
    ids, labels, tiles = (batch.column(name) for name in ("input_ids", "labels", "tiles"))
    grid = tiles.values
    return Rows(
        first=first,
        last=first + batch.num_rows,
        group=group,
        input_ids=ids.values.to_numpy(),
        id_bounds=ids.offsets.to_numpy(),
        labels=labels.values.to_numpy(),
        label_bounds=labels.offsets.to_numpy(),
        tiles=(grid.field(0).to_numpy(), grid.field(1).to_numpy()),
        tile_bounds=tiles.offsets.to_numpy(),
        sample_ids=batch.column("sample_id"),
    )


def _content(batch: pa.RecordBatch, place: int) -> Content:
    images: Any = batch.column("images")[place].values
    return Content(
        kind=batch.column("kind")[place].as_py(),
        source=batch.column("source")[place].as_py(),
        images=images.field("bytes").to_pylist(),
        names=images.field("path").to_pylist(),
    )
