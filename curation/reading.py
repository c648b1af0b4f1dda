"""Read the packs of a build in any order: what a training loop sees, without torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pyarrow.parquet as pq

from curation.errors import BuildError
from curation.pack_images import Geometry, PackImages
from curation.shard_rows import Content, Ids, Recent, Rows, Shard, open_shard

if TYPE_CHECKING:
    from curation.builds import Build

OPEN_SHARDS = 256
Run = tuple[Rows, int, int]
_UNREADABLE = (OSError, ValueError, IndexError, KeyError)


class Packs(Sequence[dict[str, Any]]):
    """The packs of a build by number, in the order of its `packs` table.

    A pack is a dict: `input_ids`, `labels`, `position_ids` (from 0 in each sample) and `segment_ids` (0 for the first
    sample, 1 for the next …), int32 [tokens] each; `cu_seqlens`, int32 [samples + 1], where samples begin and the
    total; `images`, a sequence of PIL images decoded when asked for, of all samples in order; `cu_images`, int32
    [samples + 1], where the images of each sample begin and the total; `tiles`, int32 [images, 2], rows and columns
    of each image's grid, 0 x 0 when it is not cut; `sample_ids`, a list of strings.

    Sixteen bytes a sample are held in memory. Files are opened when they are needed, by each process for itself, so
    forked and spawned workers may share one object. What can't be read is a BuildError that names pack, sample,
    source and shard.
    """

    def __init__(self, build: Build) -> None:
        self.build = build
        paths = build.table_files()["packs"]
        if not (build.folder / "build.json").is_file():
            raise BuildError(f"{build.place}: a plan has no shards to read packs from; run `curation build`")
        table = pq.read_table(paths, columns=["pack", "length", "shard", "shard_row"])
        pack = table["pack"].to_numpy()
        assert (np.diff(pack) >= 0).all(), "the packs table is in pack order"
        bounds = np.flatnonzero(np.diff(pack)) + 1
        self._starts = np.concatenate([[0], bounds, [len(pack)]]).astype(np.int64)[: None if len(pack) else 1]
        self._bounds = np.concatenate([[0], table["length"].to_numpy().cumsum(dtype=np.int64)])
        self._shard = table["shard"].to_numpy()
        self._row = table["shard_row"].to_numpy()
        self._process = os.getpid()
        self._open: Recent[int, Shard] = Recent(OPEN_SHARDS)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __reduce__(self) -> tuple[Any, ...]:
        return Packs, (self.build,)

    def __getitem__(self, index: Any) -> Any:
        """Return one pack, or the list of a slice's."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = int(index) + (len(self) if index < 0 else 0)
        if not 0 <= number < len(self):
            raise IndexError(f"pack {index} of {len(self)}")
        return self._pack(number)

    def _geometry(self) -> Geometry:
        return self.geometry

    @cached_property
    def geometry(self) -> Geometry:
        """How images become tiles, from the build's profile."""
        profile = self.build.profile()
        return Geometry(tile=profile.tile, longest_edge=profile.longest_edge)

    def _pack(self, number: int) -> dict[str, Any]:
        first, last = int(self._starts[number]), int(self._starts[number + 1])
        bounds = (self._bounds[first : last + 1] - self._bounds[first]).astype(np.int32)
        segments = np.arange(last - first, dtype=np.int32).repeat(bounds[1:] - bounds[:-1])
        runs = list(self._runs(number, bounds))
        tiles = np.concatenate([_tiles(rows, begin, end) for rows, begin, end in runs])
        places = _image_bounds(runs)
        return {
            "input_ids": np.concatenate([rows.input_ids[_cut(rows.id_bounds, *run)] for rows, *run in runs]),
            "labels": np.concatenate([rows.labels[_cut(rows.label_bounds, *run)] for rows, *run in runs]),
            "position_ids": np.arange(bounds[-1], dtype=np.int32) - bounds[segments],
            "segment_ids": segments,
            "cu_seqlens": bounds,
            "images": PackImages(_Encoded(self, number, places), tiles, self._geometry),
            "cu_images": places,
            "tiles": tiles,
            "sample_ids": [name for rows, begin, end in runs for name in rows.sample_ids[begin:end].to_pylist()],
        }

    def _runs(self, number: int, bounds: Ids) -> Iterator[Run]:
        """Give the pack's rows as runs of neighbours: the group they are in, first and last (exclusive) within it."""
        first = int(self._starts[number])
        shards = self._shard[first : first + len(bounds) - 1].tolist()
        numbers = self._row[first : first + len(bounds) - 1].tolist()
        place = 0
        while place < len(numbers):
            shard, row = shards[place], numbers[place]
            try:
                rows = self._shard_of(shard).rows(row)
            except _UNREADABLE as err:
                self._refuse(number, place, err)
            end = place + 1
            while end < len(numbers) and numbers[end] == numbers[end - 1] + 1 < rows.last and shards[end] == shard:
                end += 1
            run = rows, row - rows.first, row - rows.first + end - place
            self._check(number, place, bounds[place : end + 1], run)
            yield run
            place = end

    def _check(self, number: int, place: int, bounds: Ids, run: Run) -> None:
        """Refuse rows whose ids or labels are not as many as the index says."""
        rows, begin, end = run
        for found in (rows.id_bounds[begin : end + 1], rows.label_bounds[begin : end + 1]):
            wrong = found - bounds != found[0] - bounds[0]
            if wrong.any():
                sample = int(wrong.argmax()) - 1
                wanted = int(bounds[sample + 1] - bounds[sample])
                self._refuse(number, place + sample, f"its length is not the {wanted} tokens that the index says")

    def _shard_of(self, shard: int) -> Shard:
        if self._process != os.getpid():  # a forked worker shares no open file with its parent
            self._process, self._open = os.getpid(), Recent(OPEN_SHARDS)
        return self._open.get(shard, lambda: open_shard(self.build.file(self._shard_names[shard])))

    @cached_property
    def _shard_names(self) -> dict[int, str]:
        (path,) = self.build.table_files()["shards"]
        table = pq.read_table(path, columns=["shard", "path"])
        return dict(zip(table["shard"].to_pylist(), table["path"].to_pylist(), strict=True))

    def content(self, number: int, position: int) -> Content:
        """Return the images (encoded), kind and source of one sample of a pack."""
        place = int(self._starts[number]) + position
        try:
            return self._shard_of(int(self._shard[place])).content(int(self._row[place]))
        except _UNREADABLE as err:
            self._refuse(number, position, err)

    def _refuse(self, number: int, position: int, why: object) -> NoReturn:
        fix = f"run `curation verify {self.build.place}`"
        name = self._shard_names.get(int(self._shard[int(self._starts[number]) + position]), "")
        if isinstance(why, FileNotFoundError) and name not in self.build.files:
            fix = self.build.repair(name)
        raise BuildError(f"{self.where(number, position)}: {why}; {fix}") from (
            why if isinstance(why, Exception) else None
        )

    def where(self, number: int, position: int) -> str:
        """Name a sample of a pack, its source and its shard, for an error; reads the index."""
        place = int(self._starts[number]) + position
        shard, row = int(self._shard[place]), int(self._row[place])
        table = pq.read_table(self.build.table_files()["packs"], columns=["pack", "sample_id"]).slice(place, 1)
        sample_id = str(table["sample_id"][0])
        path = f"{self.build.place}/{self._shard_names.get(shard, f'shard {shard}')}"
        source = self._source_of(sample_id)
        return f"pack {table['pack'][0]}, sample {sample_id} of source {source}, row {row} of {path}"

    def _source_of(self, sample_id: str) -> str:
        paths = self.build.table_files()["sources"]
        names = pq.read_table(paths, columns=["source"])["source"].combine_chunks()
        fitting = [name for name in names.to_pylist() if sample_id.startswith(f"{name}/")]
        return max(fitting, key=len, default="unknown")


class _Encoded(Sequence[bytes]):
    """The encoded bytes of a pack's images; a sample's are read when one of them is asked for."""

    def __init__(self, packs: Packs, number: int, bounds: Ids) -> None:
        self._packs = packs
        self._number = number
        self._bounds = bounds
        self._samples: Recent[int, list[bytes]] = Recent(1)

    def __len__(self) -> int:
        return int(self._bounds[-1])

    def __getitem__(self, index: Any) -> Any:
        position = int(self._bounds.searchsorted(index, side="right")) - 1
        images = self._samples.get(position, lambda: self._packs.content(self._number, position).images)
        place = int(index - self._bounds[position])
        if len(images) != self._bounds[position + 1] - self._bounds[position]:
            self.refuse(index, f"it has {len(images)} images and another number of tile grids")
        return images[place]

    def refuse(self, index: int, why: object) -> NoReturn:
        """Raise a BuildError that says which image of which sample can't be used."""
        position = int(self._bounds.searchsorted(index, side="right")) - 1
        image = index - int(self._bounds[position])
        where = f"{self._packs.where(self._number, position)}, image {image}"
        raise BuildError(f"{where}: {why}; run `curation verify {self._packs.build.place}`") from (
            why if isinstance(why, Exception) else None
        )


def _cut(bounds: Ids, begin: int, end: int) -> slice:
    return slice(bounds[begin], bounds[end])


def _tiles(rows: Rows, begin: int, end: int) -> Ids:
    cut = _cut(rows.tile_bounds, begin, end)
    tiles = np.empty((cut.stop - cut.start, 2), np.int32)
    tiles[:, 0], tiles[:, 1] = rows.tiles[0][cut], rows.tiles[1][cut]
    return tiles


def _image_bounds(runs: list[Run]) -> Ids:
    found = [rows.tile_bounds[begin : end + 1] for rows, begin, end in runs]
    counts = np.concatenate([[0], *(bounds[1:] - bounds[:-1] for bounds in found)])
    return counts.cumsum(dtype=np.int32)
