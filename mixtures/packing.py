"""Which pack every sample goes into: packs of at most `context` tokens, in windows, inside bands of the order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from curation.errors import MixtureError
from curation.mixtures.completion import Pattern, solve
from curation.mixtures.evenness import is_even, pack_evenly

Integers = npt.NDArray[np.integer[Any]]

WINDOW = 1 << 16  # samples whose lengths are packed together; four times as many fill no better
BAND_PACKS = 64  # packs a band holds at least: a band ends with a pack that is not full (512: 0.02 points more fill)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packs:
    """Where each occurrence of the order stands, in arrays as long as the order.

    `pack` numbers packs from 0 in training order. `position` is the place in the pack and `offset` the token it starts
    at; inside a pack the order of the mixture is kept. `bands` are (share of the order, number of packs): occurrences
    whose order key is below the share are exactly those of the first so many packs; the last entry is the whole.
    `oversized` are the occurrences with more tiles than `max_tiles`; each has a pack of its own.
    """

    pack: npt.NDArray[np.int64]
    position: npt.NDArray[np.int32]
    offset: npt.NDArray[np.int32]
    num_packs: int
    bands: tuple[tuple[float, int], ...]
    oversized: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The packs of occurrences `start` … `start + len(pack)`; `pack` is numbered through the whole order."""

    start: int
    pack: npt.NDArray[np.int64]
    position: npt.NDArray[np.int32]
    offset: npt.NDArray[np.int32]
    next_pack: int


def pack(
    lengths: Integers,
    *,
    context: int,
    tiles: Integers | None = None,
    max_tiles: int | None = None,
    strategy: Literal["best", "none"] = "best",
    window: int = WINDOW,
    order_keys: npt.NDArray[np.float64] | None = None,
) -> Packs:
    """Pack samples, given in mixture order, into sequences of at most `context` tokens and `max_tiles` tiles.

    `lengths` and `tiles` have one value per occurrence. `order_keys` are the rising keys of the order, in [0, 1): no
    pack crosses a key of 1/2, 1/4, 1/8 …, so every such part of the mixture is a prefix of the packs (down to parts of
    `BAND_PACKS` packs). Within a window packs are numbered by the place of their longest sample. `strategy` none gives
    every sample a pack of its own. With `max_tiles` packs also get about the same number of tiles each.

    A sample with more than `max_tiles` tiles stands alone. Occurrences of one sample that stand in one window may share
    a pack: nothing here knows that they are the same. The same arguments give the same packs. Raises MixtureError for a
    length that is below 1 or above `context`.
    """
    lengths = np.asarray(lengths)
    size = len(lengths)
    packs, position, offset = np.empty(size, np.int64), np.empty(size, np.int32), np.empty(size, np.int32)
    bounds = band_bounds(lengths, context=context, order_keys=order_keys)
    bands, num_packs = [], 0
    parts = pack_windows(
        lengths, context=context, tiles=tiles, max_tiles=max_tiles, strategy=strategy, window=window, bounds=bounds
    )
    ends = {end: share for share, end in bounds}
    for part in parts:
        end = part.start + len(part.pack)
        packs[part.start : end] = part.pack
        position[part.start : end] = part.position
        offset[part.start : end] = part.offset
        num_packs = part.next_pack
        if end in ends:
            bands.append((ends[end], num_packs))
    oversized = np.empty(0, dtype=np.int64)
    if tiles is not None and max_tiles is not None:
        oversized = np.flatnonzero(np.asarray(tiles) > max_tiles).astype(np.int64)
    return Packs(
        pack=packs,
        position=position,
        offset=offset,
        num_packs=num_packs,
        bands=tuple(bands) or ((1.0, 0),),
        oversized=oversized,
    )


def band_bounds(
    lengths: Integers, *, context: int, order_keys: npt.NDArray[np.float64] | None = None
) -> list[tuple[float, int]]:
    """Return (share, end) of the bands, rising: a band ends before occurrence `end`, the first with a key >= share."""
    bounds = [(1.0, len(lengths))]
    if order_keys is None:
        return bounds
    if len(order_keys) != len(lengths) or (np.diff(order_keys) < 0).any():
        raise ValueError("pack: order_keys must rise and have one value per length")
    share, end = 0.5, len(lengths)
    while True:
        cut = int(np.searchsorted(order_keys, share, side="left"))
        least = BAND_PACKS * context
        if min(int(lengths[:cut].sum(dtype=np.int64)), int(lengths[cut:end].sum(dtype=np.int64))) < least:
            return bounds[::-1]
        bounds.append((share, cut))
        share, end = share / 2, cut


def pack_windows(
    lengths: Integers,
    *,
    context: int,
    tiles: Integers | None = None,
    max_tiles: int | None = None,
    strategy: Literal["best", "none"] = "best",
    window: int = WINDOW,
    bounds: list[tuple[float, int]] | None = None,
) -> Iterator[Window]:
    """Yield the packs window after window, as `pack` makes them, in memory that depends on `window` alone.

    `lengths` and `tiles` may be memory-mapped. `bounds` come from `band_bounds`.
    """
    if context < 1 or window < 1 or (max_tiles is not None and max_tiles < 1):
        raise MixtureError(f"packing: context {context}, window {window} and max_tiles {max_tiles} must be 1 or more")
    start = next_pack = 0
    for _, end in bounds or [(1.0, len(lengths))]:
        num_windows = -(-(end - start) // window)
        cuts = [start + (end - start) * number // max(1, num_windows) for number in range(num_windows + 1)]
        for low, high in pairwise(cuts):
            part = np.asarray(lengths[low:high]).astype(np.int64)
            _check_lengths(part, low, context)
            loads = None if tiles is None else np.asarray(tiles[low:high]).astype(np.int64)
            packs = np.arange(len(part), dtype=np.int64)
            if strategy == "best":
                packs = _numbered(_best(part, loads, context=context, max_tiles=max_tiles), part)
            position, offset = _laid_out(packs, part)
            first, next_pack = next_pack, next_pack + int(packs.max()) + 1
            yield Window(start=low, pack=packs + first, position=position, offset=offset, next_pack=next_pack)
        start = end


def _best(
    lengths: npt.NDArray[np.int64], tiles: npt.NDArray[np.int64] | None, *, context: int, max_tiles: int | None
) -> npt.NDArray[np.int64]:
    """Pack one window by length, and again with both limits when the first way is uneven."""
    packs = place(lengths, solve(np.bincount(lengths, minlength=context + 1).tolist(), context))
    if tiles is None or max_tiles is None or is_even(packs, tiles, max_tiles=max_tiles):
        return packs
    return pack_evenly(lengths, tiles, context=context, max_tiles=max_tiles)


def _check_lengths(lengths: npt.NDArray[np.int64], start: int, context: int) -> None:
    wrong = np.flatnonzero((lengths < 1) | (lengths > context))
    if len(wrong):
        raise MixtureError(
            f"packing: sample {start + int(wrong[0])} of the order has {int(lengths[wrong[0]])} tokens and the context "
            f"is {context} ({len(wrong)} such in its window); drop or trim over-long samples before packing, or "
            "raise packing.context"
        )


def place(lengths: npt.NDArray[np.int64], patterns: list[Pattern]) -> npt.NDArray[np.int64]:
    """Give each sample a pack of the patterns; samples of one length take the places of that length in order."""
    sizes = np.array([len(pattern.lengths) for pattern in patterns], dtype=np.int64)
    times = np.array([pattern.times for pattern in patterns], dtype=np.int64)
    filled = np.array([length for pattern in patterns for _ in range(pattern.times) for length in pattern.lengths])
    packs = np.repeat(np.arange(times.sum()), np.repeat(sizes, times))
    pack_of = np.empty(len(lengths), dtype=np.int64)
    pack_of[np.argsort(lengths, kind="stable")] = packs[np.argsort(filled, kind="stable")]
    return pack_of


def _numbered(packs: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Number packs by the place of their longest sample: how many others a pack holds does not move it."""
    order = np.lexsort((-lengths, packs))
    starts = np.flatnonzero(np.diff(packs[order], prepend=-1))
    rank = np.empty(len(starts), dtype=np.int64)
    rank[np.argsort(order[starts])] = np.arange(len(starts))
    return rank[packs]


def _laid_out(
    packs: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return position and offset of each sample in its pack, in mixture order."""
    order = np.argsort(packs, kind="stable")
    starts = np.flatnonzero(np.diff(packs[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    before = np.cumsum(lengths[order]) - lengths[order]
    position, offset = np.empty(len(order), np.int32), np.empty(len(order), np.int32)
    position[order] = np.arange(len(order)) - np.repeat(starts, sizes)
    offset[order] = before - np.repeat(before[starts], sizes)
    return position, offset
