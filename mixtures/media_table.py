"""The `media` table of a build's index: what pull measured of each medium, and what is trained on of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.mixtures.candidates import Candidates, Files
from curation.mixtures.selection import Selection
from curation.tables import MEDIA

BATCH_ROWS = 4096
_MEASURED = ("media_id", "type", "mime", "bytes", "width", "height", "duration_seconds", "fps", "phash", "uri")


def task_rows(file: Files, pulled: list[str], encoded: list[str]) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Read columns of what pull and encode wrote for one task, row beside row."""
    with pq.ParquetFile(file.pulled) as first, pq.ParquetFile(file.encoded) as second:
        yield from zip(
            first.iter_batches(batch_size=BATCH_ROWS, columns=pulled),
            second.iter_batches(batch_size=BATCH_ROWS, columns=encoded),
            strict=True,
        )


def media_tables(candidates: Candidates, selection: Selection, backends: dict[str, str]) -> Iterator[pa.Table]:
    """Give the `media` table. `backends` says which video backend decoded a medium, by `<media_id>`."""
    known = (pa.array(list(backends), pa.string()), pa.array(list(backends.values()), pa.string()))
    wanted = [f"media.list.element.{name}" for name in _MEASURED]  # never the times of every frame: 10 times the rest
    chosen = [f"media.list.element.{name}" for name in ("tokens", "used_seconds", "frame_seconds")]
    for number, (file, is_first) in enumerate(zip(candidates.files, _first_uses(candidates, selection), strict=True)):
        start, done = int(candidates.starts[number]), 0
        for pulled, encoded in task_rows(file, ["sample_id", *wanted], chosen):
            table = _media(pulled, encoded, known)
            rows = slice(done, done + table.num_rows)
            owner = pc.list_parent_indices(pulled["media"]).to_numpy() + start
            start, done = start + pulled.num_rows, rows.stop
            columns = {
                "sample_source": pa.repeat(pa.scalar(file.source), table.num_rows),
                "sample_repeats": pa.array(selection.repeats[owner], pa.int32()),
                "is_first_use": pa.array(is_first[rows]),
            }
            for name, column in columns.items():
                table = table.append_column(MEDIA.field(name), column)
            yield table


def _first_uses(candidates: Candidates, selection: Selection) -> Iterator[npt.NDArray[np.bool_]]:
    """Say of the media of each file which are the first of their bytes that their source trains on.

    Holds the media ids of one source in memory, 64 bytes each.
    """
    numbered = list(enumerate(candidates.files))
    for _, group in groupby(numbered, key=lambda pair: pair[1].source):
        used, ids = [], []
        for number, file in group:
            with pq.ParquetFile(file.pulled) as read:
                media = read.read(columns=["media.list.element.media_id"])["media"].combine_chunks()
            repeats = selection.repeats[candidates.starts[number] : candidates.starts[number + 1]]
            used.append(np.repeat(repeats > 0, pc.list_value_length(media).fill_null(0).to_numpy()))
            ids.append(pc.list_flatten(media).field("media_id"))
        is_first = _first_of_each(pa.chunked_array(ids, pa.string()), np.concatenate(used))
        yield from np.split(is_first, np.cumsum([len(each) for each in used])[:-1])


def _first_of_each(names: pa.ChunkedArray, used: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Say of each name whether it is the first of its kind among those that are used; a null never is."""
    import polars as pl

    used = used & names.is_valid().to_numpy()
    found = np.zeros(len(used), dtype=np.bool_)
    found[used] = pl.Series(names.filter(pa.array(used))).is_first_distinct().to_numpy()
    return found


def _media(pulled: pa.RecordBatch, encoded: pa.RecordBatch, backends: tuple[pa.Array, pa.Array]) -> pa.Table:
    parents = pc.list_parent_indices(pulled["media"])
    measured = pc.list_flatten(pulled["media"])
    chosen = _aligned(pulled["media"], encoded["media"])
    starts = pulled["media"].offsets.to_numpy()[:-1] - pulled["media"].offsets[0].as_py()
    is_video = pc.equal(measured.field("type"), "video")
    frames = pc.list_value_length(chosen.field("frame_seconds"))
    columns = {
        "sample_id": pc.take(pulled["sample_id"], parents),
        "position": pa.array(np.arange(len(parents)) - starts[parents.to_numpy()], pa.int32()),
        **{name: measured.field(name) for name in _MEASURED},
        "frames_used": pc.if_else(is_video, frames, pa.scalar(None, pa.int32())),
        "used_seconds": chosen.field("used_seconds"),
        "tokens": chosen.field("tokens"),
        "backend": pc.take(backends[1], pc.index_in(measured.field("media_id"), value_set=backends[0])),
    }
    return pa.table({name: columns[name] for name in MEDIA.names if name in columns})


def _aligned(measured: pa.Array, chosen: pa.Array) -> pa.Array:
    """Flatten the encoded media so that they stand beside the measured ones.

    What encode left out, the media of a dropped sample or of turns that were trimmed away, becomes nulls.
    """
    wanted = pc.list_value_length(measured).fill_null(0).to_numpy()
    given = pc.list_value_length(chosen).fill_null(0).to_numpy()
    position = np.arange(wanted.sum()) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    places = np.repeat(np.cumsum(given) - given, wanted) + position
    is_missing = position >= np.repeat(given, wanted)
    return pc.take(pc.list_flatten(chosen), pa.array(places, pa.int64(), mask=is_missing))
