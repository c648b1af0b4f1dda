"""All pairs of 256-bit hashes that differ in few bits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from curation.filters.runs import counted
from curation.filters.shingles import mix

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

MAX_BITS = 31
MAX_COMPARED = 64
MAX_EQUAL = 16
_HASH_BITS = 256
_CHUNK_PAIRS = 1 << 20
_PAIR_BITS, _BETWEEN_BITS = 25, 20  # of a band, looked up at most by near_pairs and by near_between


@dataclass(frozen=True, slots=True, kw_only=True)
class NearPairs:
    """Pairs of positions `later[k] > earlier[k]` whose hashes differ in `distance[k]` bits, ordered by
    (later, distance, earlier). `num_capped`: how many members of large buckets met only the first of them.
    """

    later: NDArray[np.int64]
    earlier: NDArray[np.int64]
    distance: NDArray[np.int64]
    num_capped: int


def hash_array(column: pa.ChunkedArray) -> NDArray[np.uint8]:
    """Return a column of 32-byte binaries without nulls as [n, 32] bytes."""
    import numpy as np
    import pyarrow as pa

    fixed = column.cast(pa.binary(32)).combine_chunks()
    if not len(fixed):
        return np.zeros((0, 32), np.uint8)
    start = fixed.offset * 32
    return np.frombuffer(fixed.buffers()[1], np.uint8)[start : start + len(fixed) * 32].reshape(-1, 32)


def near_between(
    known: NDArray[np.uint8], hashes: NDArray[np.uint8], bits: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Find the hashes [n, 32] within `bits` (0 to 31) bits of a known one [m, 32]: (hash, known, distance), complete.

    As `near_pairs`, with the known side's bands flipped and the other side looked up once, so a few thousand known
    hashes against a million take seconds. Ordered by (hash, distance, known).
    """
    import numpy as np

    words = _words(hashes), _words(known)
    asks = np.arange(len(hashes))
    codes = [np.zeros(0, np.int64)]
    for low, high in _bands(bits, _BETWEEN_BITS):
        values, ours = _band(hashes, low, high), _band(known, low, high)
        flips = _flips(high - low)
        flipped = (ours[:, None] ^ flips).ravel()
        order = np.argsort(flipped, kind="stable")
        first = _firsts(flipped, high - low)
        for one, place in _meetings(asks, first[values], first[values + 1] - first[values]):
            other = order[place] // len(flips)
            near = _distance(words[0][one], words[1][other]) <= bits
            codes.append(one[near] * len(known) + other[near])
    one, other = np.divmod(np.unique(np.concatenate(codes)), max(len(known), 1))
    distance = _distance(words[0][one], words[1][other])
    order = np.lexsort((other, distance, one))
    return one[order], other[order], distance[order]


def _meetings(
    asks: NDArray[np.int64], begin: NDArray[np.int64], counts: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield each of `asks` beside the places, `counts` from `begin` on, that it meets; a million pairs at a time."""
    import numpy as np

    some = np.flatnonzero(counts)
    for part in _chunks(counts[some]):
        met = some[part]
        yield np.repeat(asks[met], counts[met]), np.repeat(begin[met], counts[met]) + counted(counts[met])


def _chunks(counts: NDArray[np.int64]) -> Iterator[slice]:
    """Cut counts where their sum reaches a million pairs."""
    import numpy as np

    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        done = int(ends[start - 1]) if start else 0
        stop = max(int(np.searchsorted(ends, done + _CHUNK_PAIRS, side="right")), start + 1)
        yield slice(start, stop)
        start = stop


def near_pairs(hashes: NDArray[np.uint8], bits: int) -> NearPairs:
    """Find the pairs of hashes [n, 32] that differ in at most `bits` (0 to 31) bits.

    Complete by the pigeonhole principle: of bits / 2 + 1 bands at least one differs in at most one bit, so each band is
    looked up as it is and with each of its bits flipped. Only where more than 64 hashes share a band's value do later
    ones meet just the first 64, and of equal hashes just the first 16. A million hashes that have nothing in common
    take some 9 s of processor time at 20 bits, on all cores.
    """
    import numpy as np

    spans = _bands(bits, _PAIR_BITS)
    groups = _groups(hashes)
    hashes = hashes[groups.first]
    words = _words(hashes)
    with ThreadPoolExecutor(min(os.cpu_count() or 1, len(spans))) as pool:
        parts = list(pool.map(lambda span: _band_pairs(_band(hashes, *span), words, span[1] - span[0], bits), spans))
    one, other = np.divmod(np.unique(np.concatenate([part[0] for part in parts])), max(len(hashes), 1))
    earlier, later, distance = groups.expand(one, other, _distance(words[one], words[other]))
    order = np.lexsort((earlier, distance, later))
    return NearPairs(
        later=later[order],
        earlier=earlier[order],
        distance=distance[order],
        num_capped=max((part[1] for part in parts), default=0) + groups.num_capped,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Groups:
    """Positions with equal hashes: group g has `members[bounds[g]:bounds[g + 1]]`, ascending; `first[g]` is one."""

    first: NDArray[np.int64]
    members: NDArray[np.int64]
    bounds: NDArray[np.int64]

    @property
    def num_capped(self) -> int:
        import numpy as np

        return int(np.maximum(np.diff(self.bounds) - MAX_EQUAL, 0).sum())

    def expand(
        self, one: NDArray[np.int64], other: NDArray[np.int64], distance: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Turn pairs of groups into pairs of their members, each of a group with the first 16 of the other."""
        import numpy as np

        itself = np.flatnonzero(np.diff(self.bounds) > 1)
        left = np.concatenate([itself, one, other])
        right = np.concatenate([itself, other, one])
        apart = np.concatenate([np.zeros(len(itself), np.int64), distance, distance])
        # All members of the left group, then for each the first few of the right one.
        sizes = np.diff(self.bounds)
        pair = np.repeat(np.arange(len(left)), sizes[left])
        member = self.members[self.bounds[left][pair] + counted(sizes[left])]
        reach = np.minimum(sizes[right][pair], MAX_EQUAL)
        row = np.repeat(np.arange(len(pair)), reach)
        match = self.members[self.bounds[right][pair][row] + counted(reach)]
        low, high = np.minimum(member[row], match), np.maximum(member[row], match)
        codes, index = np.unique(low * len(self.members) + high, return_index=True)
        low, high = np.divmod(codes, max(len(self.members), 1))
        keep = low != high
        return low[keep], high[keep], apart[pair[row]][index][keep]


def _groups(hashes: NDArray[np.uint8]) -> _Groups:
    import numpy as np

    words = _words(hashes)
    factors = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93], np.uint64)
    codes = (words * factors).sum(axis=1, dtype=np.uint64)
    codes = mix(codes ^ mix(words[:, 0] ^ (words[:, 2] >> np.uint64(7))))
    _, first, inverse, counts = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    return _Groups(first=first, members=np.argsort(inverse, kind="stable"), bounds=bounds)


def _words(hashes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return hashes [n, 32] as [n, 4] words."""
    import numpy as np

    return np.ascontiguousarray(hashes).view(np.uint64)


def _bands(bits: int, width: int) -> list[tuple[int, int]]:
    """Cut a hash into bits / 2 + 1 bands; return the first and the last bit (without it) of each, at most `width` bits.

    Of two hashes within `bits` bits of each other one band at least differs in a bit at most.
    """
    if not 0 <= bits <= MAX_BITS:
        raise ValueError(f"hamming: bits is {bits}; 0 to {MAX_BITS} can be looked up")
    num_bands = bits // 2 + 1
    edges = [round(index * _HASH_BITS / num_bands) for index in range(num_bands + 1)]
    return [(low, min(high, low + width)) for low, high in pairwise(edges)]


def _flips(width: int) -> list[int]:
    """Return what turns a band of so many bits into itself and those that differ from it in one bit."""
    return [0, *(1 << bit for bit in range(width))]


def _firsts(values: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """Return where each number of so many bits begins in the sorted values; the next one's begin is its end."""
    import numpy as np

    firsts = np.zeros((1 << width) + 1, np.int64)
    np.cumsum(np.bincount(values, minlength=1 << width), out=firsts[1:])
    return firsts


def _band(hashes: NDArray[np.uint8], low: int, high: int) -> NDArray[np.int64]:
    """Return bits low to high - 1 of each hash as a number."""
    import numpy as np

    value = np.zeros(len(hashes), np.int64)
    for index in range(low // 8, (high + 7) // 8):
        value = (value << 8) | hashes[:, index]
    return (value >> (-high % 8)) & ((1 << (high - low)) - 1)


def _band_pairs(
    values: NDArray[np.int64], words: NDArray[np.uint64], width: int, bits: int
) -> tuple[NDArray[np.int64], int]:
    """Return near pairs that agree in a band but for a bit at most, as lower * n + higher, and how many are capped."""
    import numpy as np

    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = _firsts(ordered, width)
    within = np.arange(len(ordered)) - first[ordered]
    found = [np.zeros(0, np.int64)]
    for flip in _flips(width):
        # One side of each flip is enough, but for members of large buckets that others do not reach.
        asks = np.flatnonzero(((ordered & flip) == 0) | (within >= MAX_COMPARED))
        wanted = ordered[asks] ^ flip
        begin = first[wanted]
        end = np.minimum(first[wanted + 1], begin + MAX_COMPARED)
        if not flip:
            end = np.minimum(end, asks)
        for place, other_place in _meetings(asks, begin, np.maximum(end - begin, 0)):
            one, other = order[place], order[other_place]
            near = (_distance(words[one], words[other]) <= bits) & (one != other)
            found.append(np.minimum(one, other)[near] * len(words) + np.maximum(one, other)[near])
    return np.unique(np.concatenate(found)), int((within >= MAX_COMPARED).sum())


def _distance(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return by how many bits words [n, 4] differ."""
    import numpy as np

    return np.asarray(np.bitwise_count(one ^ other).sum(axis=1, dtype=np.int64))
