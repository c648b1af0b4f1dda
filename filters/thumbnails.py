"""What the thumbnails of pull tell about pairs of images before any file is opened."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 64
_CHUNK_PAIRS = 2048
_BATCH_ROWS = 1024
_SCHEMA = pa.schema([("media_id", pa.string()), ("thumbnail", pa.binary())])


def read_thumbnails(pulled: Sequence[Path]) -> pa.RecordBatchReader:
    """Read (media_id, thumbnail) of the images of files that pull wrote; a thumbnail is 64x64 grey values."""
    return pa.RecordBatchReader.from_batches(_SCHEMA, _batches(pulled))


def _batches(pulled: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    for path in pulled:
        with pq.ParquetFile(path) as file:
            columns = ["media.list.element.media_id", "thumbnails"]
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=columns):
                known = batch.filter(batch["thumbnails"].is_valid())
                media_ids = pc.list_flatten(known["media"]).field("media_id")
                found = pa.record_batch([media_ids, pc.list_flatten(known["thumbnails"])], schema=_SCHEMA)
                yield found.filter(found["thumbnail"].is_valid())


def thumbnail_differences(
    thumbnails: Callable[[], pa.RecordBatchReader],
    media_ids: pa.Array,
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    *,
    folder: Path,
) -> NDArray[np.float64]:
    """Return for each pair of images the difference of grey values (0 to 255) where it is largest; 0 when unknown.

    The outermost cells are left out: a decoder that shrinks JPEG by blocks fills the last ones with the edge, and the
    edge of a scan is often dark.
    `one` and `other` are positions in `media_ids`. The thumbnails, 4 kB each, lie in a file in `folder` meanwhile.
    """
    import numpy as np
    import pyarrow.compute as pc

    found = np.zeros(len(one), np.float64)
    if not len(one):
        return found
    with tempfile.TemporaryFile(dir=folder) as file:
        inner = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)[1:-1, 1:-1].ravel()
        greys = np.memmap(file, np.uint8, "w+", shape=(len(media_ids), len(inner)))
        is_known = np.zeros(len(media_ids), np.bool_)
        for batch in thumbnails():
            rows = pc.index_in(batch["media_id"], value_set=media_ids)
            wanted = batch.append_column("row", rows).filter(rows.is_valid())
            for row, content in zip(wanted["row"].to_pylist(), wanted["thumbnail"], strict=True):
                greys[row] = np.frombuffer(content.as_buffer(), np.uint8)[inner]
                is_known[row] = True
        for start in range(0, len(one), _CHUNK_PAIRS):
            part = slice(start, start + _CHUNK_PAIRS)
            apart = np.abs(greys[one[part]].astype(np.int16) - greys[other[part]])
            found[part] = apart.max(axis=1) * (is_known[one[part]] & is_known[other[part]])
    return found
