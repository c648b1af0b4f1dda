"""Packs with two limits, tokens and image tiles, each with nearly the same number of tiles.

Samples stand on two shelves, those with more tiles per token than the mean and those with fewer. A pack aims at the tiles
that a full pack has on average of what is left, so both shelves run out together.
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
PAIR_TRIES = 6  # exact pairs of two shelves that are tried for their tiles
THIRD_TRIES = 6
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
    """A stock that knows which samples it holds, by length and then by tiles."""

    __slots__ = ("samples", "tiles")

    def __init__(self, lengths: npt.NDArray[np.int64], tiles: Sequence[int], *, members: Iterable[int], context: int):
        chosen = np.fromiter(members, dtype=np.int64)
        super().__init__(np.bincount(lengths[chosen], minlength=context + 1).tolist(), context)
        self.tiles = tiles
        self.samples: dict[int, deque[int]] = {}
        for sample, length in zip(chosen.tolist(), lengths[chosen].tolist(), strict=True):
            self.samples.setdefault(length, deque()).append(sample)

    def lightest(self, length: int) -> int:
        return self.tiles[self.samples[length][0]]

    def heaviest(self, length: int) -> int:
        return self.tiles[self.samples[length][-1]]

    def pull(self, length: int, *, aim: float, limit: float) -> int:
        """Remove and return the sample of a length whose tiles are nearest to the aim, of the lightest and heaviest."""
        self.take(length)
        samples = self.samples[length]
        low, high = self.tiles[samples[0]], self.tiles[samples[-1]]
        return samples.pop() if low < high <= limit and high - aim < aim - low else samples.popleft()


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
            for number, (shelf, length) in enumerate(found):
                later = sum(other.lightest(size) for other, size in found[number + 1 :])
                share = (state.aim - state.load) * length / state.room
                bound = (state.most if later + state.load <= state.most else state.limit) - state.load - later
                sample = shelf.pull(length, aim=share, limit=bound)
                chosen.append(sample)
                state.room -= length
                state.load += load_of[sample]
        yield chosen
        tokens_left -= context - state.room
        tiles_left -= state.load


def _next(state: _Pack, light: _Shelf, heavy: _Shelf) -> Found:
    """Return what to add to a pack: an exact fill with the right tiles, or one sample that leads there, or nothing."""
    shortest = min(light.shortest(), heavy.shortest())
    if shortest > state.room:
        return ()
    is_dense = (state.aim - state.load) * (light.context or 1) > state.aim * state.room
    shelves = (heavy, light) if is_dense else (light, heavy)
    if state.room == light.context:
        longest = max(light.longest(state.room), heavy.longest(state.room))
        return (((heavy if heavy.longest(state.room) == longest else light), longest),)
    exact = _exact(state, shelves, state.room, shortest)
    return exact or _nearly(state, shelves, shortest) or _one(state, shelves)


def _exact(state: _Pack, shelves: tuple[_Shelf, _Shelf], room: int, shortest: int) -> Found:
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
    """Return two samples that fill the room exactly and bring the tiles into range, with what stands besides."""
    first, second = shelves
    for one, other in ((first, second), (first, first), (second, second)):
        both = one.forward & (other.mirror >> (one.context - room))
        half = (room + 1) // 2
        upper, lower = both >> half, both & ((1 << half) - 1)
        for _ in range(PAIR_TRIES):
            if upper:
                length = (upper & -upper).bit_length() - 1 + half
                upper &= upper - 1
            elif lower and one is not other:
                length = lower.bit_length() - 1
                lower ^= 1 << length
            else:
                break
            found = (*besides, (one, length), (other, room - length))
            if _fits(state, found):
                return found
    return ()


def _fits(state: _Pack, found: Found) -> bool:
    """Say whether these samples are in stock, as often as they stand here, and bring the tiles into range."""
    low = high = state.load
    for shelf, length in found:
        if shelf.counts[length] < 2 and found.count((shelf, length)) > 1:
            return False
        low, high = low + shelf.lightest(length), high + shelf.heaviest(length)
    if len(found) == 3 and found[0] == found[1] == found[2] and found[0][0].counts[found[0][1]] < 3:
        return False
    return low <= state.most and high >= state.least


def _nearly(state: _Pack, shelves: tuple[_Shelf, _Shelf], shortest: int) -> Found:
    """Return an exact fill whatever its tiles, or one that leaves a few tokens empty, when no third sample could follow."""
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
                if state.load + shelf.lightest(length) <= most:
                    return ((shelf, length),)
                lengths ^= 1 << length
    return ()
