"""The order of packs in an epoch: a shuffle that is computed place by place, with nothing to store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt

_MASK = (1 << 64) - 1
_ROUNDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffle:
    """A permutation of range(size), made by `shuffle`: `at(place)` is what stands at a place.

    A Feistel network over the pairs (left, right) of the smallest near-square that holds `size`; what falls outside
    goes round again, 1 + O(1 / sqrt(size)) times on average. About 4 microseconds a place, the same on every machine.
    """

    size: int
    keys: tuple[int, ...]

    def at(self, place: int) -> int:
        """Return the item at a place. Raises IndexError outside range(size)."""
        if not 0 <= place < self.size:
            raise IndexError(f"place {place} of {self.size}")
        across = isqrt(self.size - 1) + 1
        down = -(-self.size // across)
        while True:
            left, right = divmod(place, across)
            for number, key in enumerate(self.keys):
                if number % 2:
                    right = (right + _mix(left, key)) % across
                else:
                    left = (left + _mix(right, key)) % down
            place = left * across + right
            if place < self.size:
                return place


def shuffle(size: int, *, seed: int, epoch: int) -> Shuffle:
    """Return the order of `size` packs in an epoch: a function of these three numbers alone."""
    digest = hashlib.shake_256(f"{seed}/{epoch}".encode()).digest(8 * _ROUNDS)
    keys = tuple(int.from_bytes(digest[8 * number : 8 * number + 8], "big") for number in range(_ROUNDS))
    return Shuffle(size=size, keys=keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What all ranks take at one step: the places `begin` to `end` (exclusive) of the epoch's order, `size` a rank."""

    begin: int
    end: int
    size: int

    def share(self, rank: int) -> range:
        """Return the places of one rank."""
        return range(self.begin + rank * self.size, self.begin + (rank + 1) * self.size)


def steps(num_packs: int, position: int, *, batch_size: int, world_size: int) -> Iterator[Step]:
    """Give the steps of an epoch from a position on: each rank takes `batch_size` packs, and fewer at the last."""
    left = (num_packs - position) // world_size
    while left:
        size = min(batch_size, left)
        end = position + world_size * size
        yield Step(begin=position, end=end, size=size)
        position, left = end, left - size


def _mix(value: int, key: int) -> int:
    """Scatter 64 bits: the finalizer of splitmix64."""
    value = ((value + key) * 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
