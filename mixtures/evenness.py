"""Packs with two limits, tokens and image tiles, each with nearly the same number of tiles.

Samples stand on two shelves, those with more tiles per token than the mean and those with fewer. A pack aims at the
tiles that a full pack has on average of what is left, so both shelves run out together.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.mixtures.completion import SLACK, Stock

SPREAD = 0.07  # how far a pack's tiles may be from the aim before a less full pack is preferred
EVEN = 1.1  # p99 / median of the packs' tiles that needs no second limit
PAIR_TRIES = 3  # exact pairs on either side of the best split that are tried for their tiles
THIRD_TRIES = 2
SAMPLE_TRIES = 16  # lengths that are tried, from the longest, for one that fits the tiles left

Found = tuple[tuple["_Shelf", int], ...]


@dataclass(slots=True)
class _Pack:
    """One pack under way: room in tokens, tiles so far, and the tiles it may, should and must not reach."""

    room: int
    load: int
    least: float
    aim: float
    most: float
    limit: int


class _Shelf(Stock):
    """A stock that knows which samples it holds, by length and then by tiles.

    `density` is tiles per token on the whole, `thinnest` and `densest` of single samples.
    """

    __slots__ = ("densest", "density", "samples", "thinnest", "tiles")

    def __init__(self, lengths: npt.NDArray[np.int64], tiles: Sequence[int], *, members: Iterable[int], context: int):
        chosen = np.fromiter(members, dtype=np.int64)
        super().__init__(np.bincount(lengths[chosen], minlength=context + 1).tolist(), context)
        self.tiles = tiles
        loads = np.array([tiles[sample] for sample in chosen.tolist()], dtype=np.int64)
        self.density = float(loads.sum() / max(1, lengths[chosen].sum()))
        self.thinnest = float((loads / lengths[chosen]).min(initial=np.inf))
        self.densest = float((loads / lengths[chosen]).max(initial=0))
        self.samples: dict[int, deque[int]] = {}
        for sample, length in zip(chosen.tolist(), lengths[chosen].tolist(), strict=True):
            self.samples.setdefault(length, deque()).append(sample)

    def load(self, length: int, rank: int = 0) -> int:
        """Return the tiles of a length's lightest sample, or of the one that many places up (-1: the heaviest)."""
        return self.tiles[self.samples[length][rank]]


def is_even(packs: npt.NDArray[np.int64], tiles: npt.NDArray[np.int64], *, max_tiles: int) -> bool:
    """Say whether every pack keeps to `max_tiles` and the 99th percentile of their tiles is near the median."""
    loads = np.bincount(packs, weights=tiles)
    median, high = np.quantile(loads, (0.5, 0.99))
    return bool(loads.max() <= max_tiles and high <= median * EVEN)


def pack_evenly(
    lengths: npt.NDArray[np.int64], tiles: npt.NDArray[np.int64], *, context: int, max_tiles: int
) -> npt.NDArray[np.int64]:
    """Return each sample's pack, so that no pack exceeds `context` tokens or `max_tiles` tiles.

    A sample with more tiles than `max_tiles` gets a pack alone.
    """
    packs = np.full(len(lengths), -1, dtype=np.int64)
    alone = np.flatnonzero(tiles > max_tiles)
    packs[alone] = np.arange(len(alone))
    rest = np.flatnonzero(tiles <= max_tiles)
    for number, members in enumerate(_packs(lengths, tiles, rest, context=context, max_tiles=max_tiles), len(alone)):
        packs[members] = number
    return packs


def _packs(
    lengths: npt.NDArray[np.int64],
    tiles: npt.NDArray[np.int64],
    members: npt.NDArray[np.int64],
    *,
    context: int,
    max_tiles: int,
) -> Iterator[list[int]]:
    tokens_left, tiles_left = int(lengths[members].sum()), int(tiles[members].sum())
    is_heavy = tiles[members] * tokens_left > lengths[members] * tiles_left
    order = np.argsort(tiles[members], kind="stable")
    load_of = tiles.tolist()
    light, heavy = (
        _Shelf(lengths, load_of, members=members[order[is_heavy[order] == side]].tolist(), context=context)
        for side in (False, True)
    )
    while tokens_left:
        aim = min(max_tiles, tiles_left * context / tokens_left)
        most = min(max_tiles, max(math.ceil(aim), math.floor(aim * (1 + SPREAD))))
        state = _Pack(room=context, load=0, least=aim * (1 - SPREAD), aim=aim, most=most, limit=max_tiles)
        chosen: list[int] = []
        while found := _next(state, light, heavy):
            for sample in _pulled(state, found):
                chosen.append(sample)
                state.room -= int(lengths[sample])
                state.load += load_of[sample]
        yield chosen
        tokens_left -= context - state.room
        tiles_left -= state.load


def _pulled(state: _Pack, found: Found) -> list[int]:
    """Take samples off their shelves: of each length the lightest, or the heaviest where that is nearer the aim."""
    load = state.load
    for place, (shelf, length) in enumerate(found):
        load += shelf.load(length, found[:place].count((shelf, length)))
    samples = []
    for item in found:
        shelf, length = item
        low, high = shelf.load(length), shelf.load(length, -1)
        swapped = load - low + high
        is_nearer = len(found) == 1 or abs(swapped - state.aim) < abs(load - state.aim)
        is_heavier = found.count(item) == 1 and low < high and swapped <= state.most and is_nearer
        load += high - low if is_heavier else 0
        shelf.take(length)
        samples.append(shelf.samples[length].pop() if is_heavier else shelf.samples[length].popleft())
    return samples


def _next(state: _Pack, light: _Shelf, heavy: _Shelf) -> Found:
    """Return what to add to a pack: an exact fill with the right tiles, or one sample that leads there, or nothing."""
    shortest = min(light.shortest(), heavy.shortest())
    if shortest > state.room:
        return ()
    is_dense = (state.aim - state.load) * light.context > state.aim * state.room
    shelves = (heavy, light) if is_dense else (light, heavy)
    longest = max(light.longest(state.room), heavy.longest(state.room))
    if state.room == light.context:
        return ((heavy if heavy.longest(state.room) == longest else light, longest),)
    if 3 * longest >= state.room and (found := _exact(state, shelves, state.room, shortest)):
        return found
    if state.aim >= state.limit:  # tiles run out before tokens: those must be filled
        return _one(state, (heavy, light))
    return _nearly(state, shelves, shortest) or _one(state, shelves)


def _exact(state: _Pack, shelves: tuple[_Shelf, _Shelf], room: int, shortest: int) -> Found:
    """Return one to three samples that fill the room exactly and bring the tiles into range, or nothing."""
    thinnest = min(shelf.thinnest for shelf in shelves if shelf.forward)
    densest = max(shelf.densest for shelf in shelves if shelf.forward)
    if state.load + thinnest * room > state.most or state.load + densest * room < state.least:
        return ()
    for shelf in shelves:
        if shelf.counts[room] and _fits(state, ((shelf, room),)):
            return ((shelf, room),)
    if room < 2 * shortest:
        return ()
    if found := _pair(state, shelves, room, ()):
        return found
    if room < 3 * shortest:
        return ()
    for shelf in shelves:
        thirds = shelf.forward & ((1 << (room // 3)) - 1)
        for _ in range(THIRD_TRIES):
            third = thirds.bit_length() - 1
            if third <= 0:
                break
            if found := _pair(state, shelves, room - third, ((shelf, third),)):
                return found
            thirds ^= 1 << third
    return ()


def _pair(state: _Pack, shelves: tuple[_Shelf, _Shelf], room: int, besides: Found) -> Found:
    """Return two samples that fill the room exactly and bring the tiles into range, with what stands besides.

    Of two shelves, splits are tried around the one that meets the aim at the shelves' densities.
    """
    first, second = shelves
    load = state.load + sum(shelf.load(length) for shelf, length in besides)
    slope = first.density - second.density
    split = int(min(room, max(0, (state.aim - load - second.density * room) / slope))) if slope else room // 2
    for one, other, start in ((first, second, split), (first, first, room // 2), (second, second, room // 2)):
        if load + min(one.thinnest, other.thinnest) * room > state.most:
            continue
        if load + max(one.densest, other.densest) * room < state.least:
            continue
        both = one.forward & (other.mirror >> (one.context - room))
        if not both:
            continue
        upper, lower = both >> start, both & ((1 << start) - 1)
        for _ in range(PAIR_TRIES):
            if not upper:
                break
            length = (upper & -upper).bit_length() - 1 + start
            upper &= upper - 1
            if _fits(state, found := (*besides, (one, length), (other, room - length))):
                return found
        for _ in range(PAIR_TRIES if one is not other else 0):
            if not lower:
                break
            length = lower.bit_length() - 1
            lower ^= 1 << length
            if _fits(state, found := (*besides, (one, length), (other, room - length))):
                return found
    return ()


def _fits(state: _Pack, found: Found) -> bool:
    """Say whether these samples are in stock, as often as they stand here, and bring the tiles into range."""
    low = high = state.load
    for place, (shelf, length) in enumerate(found):
        before = found[:place].count((shelf, length)) if place else 0
        if before >= shelf.counts[length]:
            return False
        low, high = low + shelf.load(length, before), high + shelf.load(length, -1 - before)
    return low <= state.most and high >= state.least


def _nearly(state: _Pack, shelves: tuple[_Shelf, _Shelf], shortest: int) -> Found:
    """Return a fill that leaves a few tokens empty, or an exact one with few tiles, when no third could follow."""
    if state.room >= 3 * shortest:
        return ()
    for empty in range(1, min(SLACK, state.room - 2 * shortest + 1)):
        if found := _pair(state, shelves, state.room - empty, ()):
            return found
    anyway = _Pack(room=state.room, load=state.load, least=0, aim=state.aim, most=state.most, limit=state.limit)
    return _exact(anyway, shelves, state.room, shortest)


def _one(state: _Pack, shelves: tuple[_Shelf, _Shelf]) -> Found:
    """Return the longest sample that fits, of the shelf that leads to the aim if it has one, else of the other."""
    for most in (state.most, state.limit):
        for shelf in shelves:
            lengths = shelf.forward & ((2 << state.room) - 1)
            for _ in range(SAMPLE_TRIES):
                length = lengths.bit_length() - 1
                if length < 0:
                    break
                if state.load + shelf.load(length) <= most:
                    return ((shelf, length),)
                lengths ^= 1 << length
    return ()
