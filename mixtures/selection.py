"""Decide who is in the mixture, how often and in what order, and pack the order: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from curation.errors import MixtureError
from curation.manifests import Manifest
from curation.manifests.settings import MixtureSettings
from curation.mixtures.allocation import allocate, interleave
from curation.mixtures.candidates import UNITS, Candidates, used_seconds
from curation.mixtures.durations import Pool, order_by_mean, order_by_ranges
from curation.mixtures.packing import pack
from curation.mixtures.ranges import read_ranges
from curation.mixtures.weights import Node, resolve_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Who is in, and where. Positions are those of `Candidates`.

    `repeats`, `shard` and `shard_row` have one value per candidate (0 and -1: not in the mixture). The other arrays
    have one value per occurrence, in pack order: the position it repeats, which repeat it is, its pack, its place in
    the pack and its offset in tokens. `mixture` holds the rows of the `mixture` table.
    """

    repeats: np.ndarray
    order: np.ndarray
    repeat: np.ndarray
    pack: np.ndarray
    position: np.ndarray
    offset: np.ndarray
    shard: np.ndarray
    shard_row: np.ndarray
    mixture: list[dict[str, Any]] = field(default_factory=list)


def select(candidates: Candidates, manifest: Manifest, *, context: int) -> Selection:
    """Choose by weights and budget, order by rank so that every prefix has the right shares, and pack.

    Raises MixtureError with the bottleneck, its numbers and the edits that would fix it. Holds some 120 bytes a sample
    at its peak, of which 40 stay.
    """
    positions, keys, rows = _ordered(candidates, manifest)
    return _packed(candidates, manifest, positions, keys, context=context, rows=rows)


def _ordered(candidates: Candidates, manifest: Manifest) -> tuple[np.ndarray, np.ndarray, list[dict[str, Any]]]:
    """Return the occurrences in mixture order, their keys, and the rows of the `mixture` table."""
    mixture = manifest.mixture
    amounts = candidates.amounts[mixture.unit]
    ranked = _ranked(candidates)
    by_source = _by_duration(candidates, mixture, ranked)
    available = {source: amounts[positions] for source, positions in by_source.items()}
    nodes = resolve_weights(mixture.weights, _sizes(available))
    try:
        allocation = allocate(
            available,
            _shares(nodes),
            budget=mixture.budget,
            max_repeats=mixture.max_repeats,
            unit=mixture.unit,
            nodes=nodes,
        )
    except MixtureError as err:
        raise MixtureError(f"{err}{_left_by_durations(ranked, by_source)}") from err
    chosen = {
        source: np.concatenate([np.tile(positions, taken.passes), positions[: taken.prefix]])
        for source, positions in by_source.items()
        for taken in [allocation.sources[source]]
    }
    rows = _mixture_rows(candidates, mixture.unit, nodes, chosen, available)
    order = interleave({source: len(positions) for source, positions in chosen.items()})
    positions = np.empty(len(order.source), dtype=np.int64)
    for number, name in enumerate(order.names):
        is_own = order.source == number
        positions[is_own] = chosen[name][order.index[is_own]]
    return positions, order.key, rows


def place_in_shards(selection: Selection, num_bytes: np.ndarray, shard_size: int) -> Selection:
    """Give every selected sample a shard and a row in it: in pack order, where it first stands.

    A new shard begins with the pack after which the rows so far take `shard_size` bytes or more.
    """
    _, first = np.unique(selection.order, return_index=True)
    first.sort()
    positions = selection.order[first]
    ends = np.cumsum(num_bytes[positions])
    is_new_pack = np.diff(selection.pack[first], prepend=-1) > 0
    places = np.flatnonzero(is_new_pack)[1:]  # where a shard may begin, and the bytes that stand before it
    before = ends[places - 1]
    starts, begun = [0] if len(positions) else [], 0
    while (number := int(np.searchsorted(before, begun + shard_size))) < len(before):
        starts.append(int(places[number]))
        begun = int(before[number])
    sizes = np.diff([*starts, len(positions)])
    shard, shard_row = selection.shard.copy(), selection.shard_row.copy()
    shard[positions] = np.repeat(np.arange(len(starts)), sizes)
    shard_row[positions] = np.arange(len(positions)) - np.repeat(starts, sizes)
    return replace(selection, shard=shard, shard_row=shard_row)


def _packed(
    candidates: Candidates,
    manifest: Manifest,
    positions: np.ndarray,
    keys: np.ndarray,
    *,
    context: int,
    rows: list[dict[str, Any]],
) -> Selection:
    """Pack occurrences that stand in mixture order."""
    packs = pack(
        candidates.amounts["tokens"][positions].astype(np.int32),
        context=context,
        tiles=candidates.num_tiles[positions],
        max_tiles=manifest.packing.max_tiles,
        strategy=manifest.packing.strategy,
        order_keys=keys,
    )
    order = np.lexsort((packs.position, packs.pack))
    positions = positions[order]
    repeats = np.bincount(positions, minlength=len(candidates)).astype(np.int32)
    nowhere = np.full(len(candidates), -1, dtype=np.int32)
    return Selection(
        repeats=repeats,
        order=positions,
        repeat=repeat_numbers(positions),
        pack=packs.pack[order],
        position=packs.position[order],
        offset=packs.offset[order],
        shard=nowhere,
        shard_row=nowhere,
        mixture=rows,
    )


def repeat_numbers(positions: np.ndarray) -> np.ndarray:
    """Number the occurrences of each position 0, 1, … in the order they stand."""
    if not len(positions) or np.bincount(positions).max() == 1:
        return np.zeros(len(positions), dtype=np.int32)
    by_position = np.argsort(positions, kind="stable")
    ordered = positions[by_position]
    is_first = np.diff(ordered, prepend=-1) != 0
    begins = np.maximum.accumulate(np.where(is_first, np.arange(len(ordered)), 0))
    numbers = np.empty(len(positions), dtype=np.int32)
    numbers[by_position] = np.arange(len(ordered)) - begins
    return numbers


def _by_duration(
    candidates: Candidates, mixture: MixtureSettings, ranked: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Order each source so that the durations asked for are met; without any asked for, the order is by rank."""
    asked = mixture.video_seconds
    if asked is None:
        return dict(ranked)
    amounts = candidates.amounts[mixture.unit]
    seconds = used_seconds(candidates)
    pools = {source: Pool(seconds=seconds[own], amounts=amounts[own]) for source, own in ranked.items()}

    def shares_of(sizes: Mapping[str, int]) -> dict[str, Fraction]:
        return _shares(resolve_weights(mixture.weights, sizes))

    orders = (
        order_by_mean(pools, shares_of, asked.mean)
        if asked.mean is not None
        else order_by_ranges(pools, shares_of, read_ranges(asked.buckets or {}))
    )
    return {source: ranked[source][order] for source, order in orders.items()}


def _sizes(available: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {source: int(values.sum()) for source, values in available.items()}


def _shares(nodes: Sequence[Node]) -> dict[str, Fraction]:
    return {node.source: node.share for node in nodes if node.source is not None}


def _left_by_durations(ranked: Mapping[str, np.ndarray], chosen: Mapping[str, np.ndarray]) -> str:
    """Say what choosing by duration left of the sources, for errors about what they have."""
    fewer = [
        f"{len(chosen[source])} of {len(positions)} samples of '{source}'"
        for source, positions in ranked.items()
        if len(chosen[source]) < len(positions)
    ]
    return f" (mixture.video_seconds leaves {', '.join(fewer)})" if fewer else ""


def _ranked(candidates: Candidates) -> dict[str, np.ndarray]:
    """Return each source's undropped positions in rank order."""
    is_kept = candidates.drop < 0
    ranked = {}
    for number, source in enumerate(candidates.sources):
        positions = np.flatnonzero(is_kept & (candidates.source == number))
        ranked[source] = positions[np.argsort(candidates.rank[positions], kind="stable")]
    return ranked


def _mixture_rows(
    candidates: Candidates,
    unit: str,
    nodes: list[Node],
    chosen: Mapping[str, np.ndarray],
    available: Mapping[str, np.ndarray],
) -> list[dict[str, Any]]:
    """Make the `mixture` table: what each node asked for and what it got, repeats counted."""
    got = {
        source: {name: int(candidates.amounts[name][positions].sum()) for name in UNITS}
        for source, positions in chosen.items()
    }
    whole = sum(counts[unit] for counts in got.values())
    rows = []
    for node in nodes:
        own = [leaf.source for leaf in nodes if leaf.source is not None and _holds(node, leaf)]
        counts = {name: sum(got[source][name] for source in own) for name in UNITS}
        offered = sum(int(available[source].sum()) for source in own)
        rows.append(
            {
                "path": node.path,
                "source": node.source,
                "unit": unit,
                "asked_share": float(node.share),
                "realised_share": counts[unit] / whole if whole else 0.0,
                **counts,
                "repeats": counts[unit] / offered if offered else 0.0,
            }
        )
    return rows


def _holds(node: Node, leaf: Node) -> bool:
    return leaf.path == node.path or leaf.path.startswith(f"{node.path}/")
