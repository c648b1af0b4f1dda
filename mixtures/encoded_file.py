"""What encode wrote for shards (`encode_stage.TOKENS`), mapped into memory and read row by row in any order."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa


class EncodedFile:
    """An encoded file mapped into memory."""

    def __init__(self, path: Path) -> None:
        with pa.memory_map(str(path)) as mapped:
            content = mapped.read_buffer()  # a view that outlives its descriptor: a shard may draw from 3,000 files
        self._file = pa.ipc.open_file(pa.BufferReader(content))
        sizes = [self._file.get_batch(index).num_rows for index in range(self._file.num_record_batches)]
        self._ends = np.cumsum(sizes).tolist()
        self._batches: dict[int, _Batch] = {}

    def row(self, number: int) -> dict[str, Any]:
        """Return a row; `ids` and `loss` are views of the mapped file."""
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
