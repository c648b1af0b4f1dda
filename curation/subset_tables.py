"""The tables of a subset: rows of the base build's tables for the samples that stay, and the numbers that follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.builds import Build
from curation.errors import BuildError
from curation.mixtures.subset import Chosen, Cut
from curation.tables import MEDIA, PACKS, SAMPLES

_UNITS = ("tokens", "image_tokens", "loss_tokens")
_DECIDING = ("source", "rank", "repeats", "shard", "shard_row", *_UNITS)
_PACK_ROWS = 32_768


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The selected samples of a build, in the order of its table: `row` is the row of the `samples` table."""

    build: Build
    row: npt.NDArray[np.int64]
    chosen: Chosen
    amounts: Mapping[str, npt.NDArray[np.int64]]
    shard: npt.NDArray[np.int32]
    shard_row: npt.NDArray[np.int32]

    def at(self, places: npt.NDArray[Any]) -> Base:
        """Return some of the samples, by their places or a mask."""
        return Base(
            build=self.build,
            row=self.row[places],
            chosen=self.chosen.at(places),
            amounts={name: values[places] for name, values in self.amounts.items()},
            shard=self.shard[places],
            shard_row=self.shard_row[places],
        )


def read_base(build: Build, *, image_seq_len: int) -> Base:
    """Read the columns that decide, of the selected samples; `image_seq_len` is the image tokens of a tile."""
    files = build.table_files()["samples"]
    is_selected = pq.read_table(files, columns=["selected"])["selected"].to_numpy()
    row = np.flatnonzero(is_selected)
    table = pq.read_table(files, columns=list(_DECIDING)).take(pa.array(row))
    names = table["source"].combine_chunks().dictionary_encode()
    amounts = {name: table[name].to_numpy().astype(np.int64) for name in _UNITS}
    chosen = Chosen(
        sources=tuple(names.dictionary.to_pylist()),
        source=names.indices.to_numpy(),
        rank=table["rank"].to_numpy(),
        repeats=table["repeats"].to_numpy(),
        tokens=amounts["tokens"],
        tiles=amounts["image_tokens"] // image_seq_len,
    )
    places = {name: table[name].to_numpy() for name in ("shard", "shard_row")}
    return Base(build=build, row=row, chosen=chosen, amounts=amounts, **places)


@dataclass(frozen=True)
class Kept:
    """What stays of a base: `cut` has a value per sample of the base, and so have `shard` and `shard_row`."""

    base: Base
    cut: Cut
    shard: npt.NDArray[np.int32]
    shard_row: npt.NDArray[np.int32]

    @cached_property
    def places(self) -> npt.NDArray[np.int64]:
        """The places in the base of the samples that stay, in table order."""
        return np.flatnonzero(self.cut.repeats)

    def samples(self) -> Iterator[pa.Table]:
        """Give the `samples` table: the base's rows with new repeats and places."""
        columns = {"repeats": self.cut.repeats, "shard": self.shard, "shard_row": self.shard_row}
        done = 0
        for table in self._rows("samples", self.base.row[self.places]):
            here = self.places[done : done + table.num_rows]
            done += table.num_rows
            for name, values in columns.items():
                new = pa.array(values[here], SAMPLES.field(name).type)
                table = table.set_column(table.schema.get_field_index(name), name, new)
            yield table

    @cached_property
    def sample_ids(self) -> pa.ChunkedArray:
        """The ids of the samples that stay, in table order."""
        return self._column("sample_id")

    def _column(self, name: str) -> pa.ChunkedArray:
        table = pq.read_table(self.base.build.table_files()["samples"], columns=[name])
        return table[name].take(pa.array(self.base.row[self.places]))

    def media(self) -> Iterator[pa.Table]:
        """Give the `media` table. The base's stands in the order of its samples, so rows are found by counting."""
        counts = pq.read_table(self.base.build.table_files()["samples"], columns=["images", "videos"])
        per_row = (counts["images"].to_numpy() + counts["videos"].to_numpy()).astype(np.int64)
        starts = np.cumsum(per_row) - per_row
        kept = self.base.row[self.places]
        lengths = per_row[kept]
        wanted = np.repeat(starts[kept] - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        owners = np.repeat(np.arange(len(kept)), lengths)
        repeats, source = self.cut.repeats[self.places[owners]], self.base.chosen.source[self.places[owners]]
        seen: set[str] = set()
        done = 0
        for table in self._rows("media", wanted):
            here = slice(done, done + table.num_rows)
            ids = self.sample_ids.take(pa.array(owners[here]))
            if not pc.all(pc.equal(table["sample_id"], ids), min_count=0).as_py():
                raise BuildError(f"{self.base.build.folder}: media do not stand in the order of samples; build again")
            is_changed = np.diff(source[here], prepend=source[max(done - 1, 0)]) != 0
            columns = {
                "sample_repeats": repeats[here],
                "is_first_use": _are_first(table["media_id"].to_pylist(), is_changed.tolist(), seen),
            }
            done = here.stop
            for name, values in columns.items():
                new = pa.array(values, MEDIA.field(name).type)
                table = table.set_column(table.schema.get_field_index(name), name, new)
            yield table

    def ledger(self) -> Iterator[pa.Table]:
        """Give the `ledger` rows of the samples that stay: flags and trims, as none of them was dropped."""
        paths = self.base.build.table_files()["ledger"]
        for path in paths:
            table = pq.read_table(path, filters=pc.field("action") != "drop")
            yield table.filter(pc.is_in(table["sample_id"], value_set=self.sample_ids.combine_chunks()))

    def packs(self) -> Iterator[pa.Table]:
        """Give the `packs` table in pack order."""
        number = np.zeros(len(self.cut.repeats), dtype=np.int64)
        number[self.places] = np.arange(len(self.places))
        ids = self.sample_ids.combine_chunks()
        for start in range(0, len(self.cut.sample), _PACK_ROWS):
            rows = slice(start, start + _PACK_ROWS)
            sample = self.cut.sample[rows]
            columns = {
                "pack": self.cut.pack[rows],
                "position": self.cut.position[rows],
                "sample_id": pc.take(ids, pa.array(number[sample])),
                "repeat": self.cut.repeat[rows],
                "offset": self.cut.offset[rows],
                "length": self.base.chosen.tokens[sample],
                "shard": self.shard[sample],
                "shard_row": self.shard_row[sample],
            }
            yield pa.table({name: pa.array(columns[name], PACKS.field(name).type) for name in PACKS.names})

    def sources(self) -> list[dict[str, Any]]:
        """Return the rows of `sources`: what was read is what stays, the base's index tells the rest."""
        counted = ("rows_read", "samples", "selected")
        counts = np.bincount(self.base.chosen.source[self.places], minlength=len(self.base.chosen.sources))
        kept = dict(zip(self.base.chosen.sources, counts.tolist(), strict=True))
        rows = pq.read_table(self.base.build.table_files()["sources"]).to_pylist()
        return [row | dict.fromkeys(counted, kept.get(row["source"], 0)) | {"rows_unreadable": 0} for row in rows]

    def mixture(self) -> list[dict[str, Any]]:
        """Return the rows of `mixture`: what each node asked for, and what it has now, repeats counted."""
        rows = pq.read_table(self.base.build.table_files()["mixture"]).to_pylist()
        used, once = (self._amounts(weights) for weights in (self.cut.repeats, self.cut.repeats > 0))
        leaves = {row["path"]: row["source"] for row in rows if row["source"] is not None}
        unit = rows[0]["unit"] if rows else "tokens"
        whole = sum(counts[unit] for counts in used.values())
        return [_node(row, _below(row["path"], leaves), used=used, once=once, whole=whole) for row in rows]

    def _amounts(self, weights: npt.NDArray[Any]) -> dict[str, dict[str, int]]:
        chosen = self.base.chosen
        units = {"samples": np.ones(len(weights), dtype=np.int64), **self.base.amounts}
        sums = {unit: np.zeros(len(chosen.sources), dtype=np.int64) for unit in units}
        for unit, values in units.items():
            np.add.at(sums[unit], chosen.source, values * weights)
        return {
            name: {unit: int(total[number]) for unit, total in sums.items()}
            for number, name in enumerate(chosen.sources)
        }

    def _rows(self, name: str, wanted: npt.NDArray[np.int64]) -> Iterator[pa.Table]:
        """Give some rows of a table of the base, by rising row numbers, a row group at a time."""
        begun = 0
        for path in self.base.build.table_files()[name]:
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    end = begun + file.metadata.row_group(group).num_rows
                    first, last = np.searchsorted(wanted, [begun, end])
                    if first < last:
                        yield file.read_row_group(group).take(pa.array(wanted[first:last] - begun))
                    begun = end


def _are_first(names: Sequence[str | None], is_changed: Sequence[bool], seen: set[str]) -> list[bool]:
    """Say of each name whether its source has it for the first time; `seen` is what the source had before, filled."""
    found = []
    for name, is_new_source in zip(names, is_changed, strict=True):
        if is_new_source:
            seen.clear()
        found.append(name is not None and name not in seen)
        if name is not None:
            seen.add(name)
    return found


def schema_of(paths: Sequence[Path]) -> pa.Schema:
    """Return the columns of a table as the base has them."""
    return pq.read_schema(paths[0]).remove_metadata()


def _below(path: str, leaves: Mapping[str, str]) -> list[str]:
    return [source for leaf, source in leaves.items() if leaf == path or leaf.startswith(f"{path}/")]


def _node(
    row: Mapping[str, Any],
    sources: Sequence[str],
    *,
    used: Mapping[str, Mapping[str, int]],
    once: Mapping[str, Mapping[str, int]],
    whole: int,
) -> dict[str, Any]:
    unit = row["unit"]
    counts = {name: sum(used[source][name] for source in sources if source in used) for name in ("samples", *_UNITS)}
    offered = sum(once[source][unit] for source in sources if source in once)
    return {
        **row,
        **counts,
        "realised_share": counts[unit] / whole if whole else 0.0,
        "repeats": counts[unit] / offered if offered else 0.0,
    }
