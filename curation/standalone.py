"""Copy rows of a build's shards into shards of one's own, in another order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.builds import Build, telling_broken
from curation.fingerprint import file_sha256
from curation.mixtures.shard_file import GROUP_BYTES, GROUP_ROWS, open_writer
from curation.shard_rows import Recent
from curation.workspace import replacing

_OPEN_GROUPS = 128  # of about a megabyte each


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """The rows of the `shards` table, and for each row that was copied its shard and its row there."""

    shards: list[dict[str, Any]]
    shard: npt.NDArray[np.int32]
    shard_row: npt.NDArray[np.int32]


def copy_rows(
    build: Build,
    folder: Path,
    *,
    shard: npt.NDArray[np.int32],
    shard_row: npt.NDArray[np.int32],
    pack: npt.NDArray[np.int64],
) -> Copied:
    """Copy the rows, given in the order in which they shall stand, into `folder/shards`.

    `pack` is the pack in which each row first stands: shards end where packs do, at the size that the build's settings
    ask for. Memory stays at a row group of the source per recently used group and one group that is written.
    """
    output = build.settings.get("output") or {}
    form, limit = output.get("format", "parquet"), int(output.get("shard_size", 256_000_000))
    suffix = "arrow" if form == "arrow" else "parquet"
    (folder / "shards").mkdir(parents=True, exist_ok=True)
    reader = _Reader(build)
    described: list[dict[str, Any]] = []
    packs = deque(pairwise([*np.flatnonzero(np.diff(pack, prepend=-1)).tolist(), len(shard)]))
    while packs:
        path = folder / "shards" / f"shard-{len(described):05d}.{suffix}"
        with replacing(path) as temporary:
            with open_writer(temporary, form) as file:
                writer = _Writer(file)
                while packs and writer.num_bytes < limit:
                    for place in range(*packs.popleft()):
                        writer.add(*reader.row(int(shard[place]), int(shard_row[place])))
                writer.end_group()
            described.append(
                {
                    "shard": len(described),
                    "path": f"shards/{path.name}",
                    "rows": writer.rows,
                    "tokens": writer.tokens,
                    "bytes": temporary.stat().st_size,
                    "sha256": file_sha256(temporary),
                }
            )
    sizes = [row["rows"] for row in described]
    return Copied(
        shards=described,
        shard=np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
        shard_row=np.concatenate([np.arange(size, dtype=np.int32) for size in sizes]),
    )


class _Writer:
    """Writes rows in row groups of about a megabyte, as shards have them."""

    def __init__(self, file: Any) -> None:
        self.rows = self.num_bytes = self.tokens = 0
        self._file = file
        self._waiting: list[pa.Table] = []
        self._waiting_bytes = 0

    def add(self, row: pa.Table, size: int, tokens: int) -> None:
        """Add a row, and write the group before it where it would grow too large."""
        if self._waiting and (self._waiting_bytes + size > GROUP_BYTES or len(self._waiting) >= GROUP_ROWS):
            self.end_group()
        self._waiting.append(row)
        self._waiting_bytes += size
        self.rows += 1
        self.num_bytes += size
        self.tokens += tokens

    def end_group(self) -> None:
        """Write the rows that wait as a group."""
        if self._waiting:
            self._file.write_table(pa.concat_tables(self._waiting).combine_chunks())
        self._waiting, self._waiting_bytes = [], 0


class _Reader:
    """Rows of a build's shards in any order; the row groups that were used last are kept."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._files: Recent[int, tuple[Any, npt.NDArray[np.int64]]] = Recent(64)
        self._groups: Recent[tuple[int, int], tuple[pa.Table, list[int], list[int]]] = Recent(_OPEN_GROUPS)

    def row(self, shard: int, row: int) -> tuple[pa.Table, int, int]:
        """Return a row as a table, the bytes it takes and its tokens."""
        path = self._build.shard_path(shard)
        with telling_broken(path, self._build):
            file, starts = self._files.get(shard, lambda: _opened(path))
            group = int(np.searchsorted(starts, row, side="right")) - 1
            table, sizes, tokens = self._groups.get((shard, group), lambda: _group(file, group))
        place = row - int(starts[group])
        return table.slice(place, 1), sizes[place], tokens[place]


def _opened(path: Path) -> tuple[Any, npt.NDArray[np.int64]]:
    file: Any
    if path.suffix == ".arrow":
        file = pa.ipc.open_file(pa.memory_map(str(path)))
        sizes = [file.get_batch(number).num_rows for number in range(file.num_record_batches)]
    else:
        file = pq.ParquetFile(path)
        sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    return file, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _group(file: Any, group: int) -> tuple[pa.Table, list[int], list[int]]:
    if isinstance(file, pq.ParquetFile):
        table = file.read_row_group(group).combine_chunks()
    else:
        table = pa.Table.from_batches([file.get_batch(group)])
    images = table["images"].combine_chunks()
    lengths = pc.binary_length(pc.struct_field(images.flatten(), "bytes")).fill_null(0).to_numpy()
    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    per_row = pc.list_value_length(images).to_numpy()
    bounds = np.concatenate([[0], np.cumsum(per_row, dtype=np.int64)])
    tokens = pc.list_value_length(table["input_ids"].combine_chunks()).to_numpy().astype(np.int64)
    sizes = 8 * tokens // 3 + np.diff(ends[bounds])
    return table, sizes.tolist(), tokens.tolist()
