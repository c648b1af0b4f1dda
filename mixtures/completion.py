"""Which lengths share a pack: exact subset sums over a histogram of lengths, with Python integers as sets of lengths.

A set of lengths is one integer whose bit `l` is set when a sample of length `l` is in stock. With the mirrored set (bit
`context - l`) all pairs that fill a room exactly are one shift and one `and`, whatever the number of samples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

TRIPLE_TRIES = 8  # thirds that are tried for an exact triple; 32 fill no better (document lengths, context 4096)
ROUNDS = 6  # at most; lengths of real documents reach 99.9 % in 2 to 5
GOOD_ENOUGH = 0.0003  # share of packs above the bound that is not worth another round
SLACK = 8  # tokens left empty that do not count as waste


@dataclass(frozen=True, slots=True)
class Pattern:
    """`times` packs that hold samples of these lengths."""

    lengths: tuple[int, ...]
    times: int


class Stock:
    """The lengths that are still to be packed, by count and as bit sets."""

    __slots__ = ("context", "counts", "forward", "mirror")

    def __init__(self, counts: Sequence[int], context: int) -> None:
        self.context = context
        self.counts = list(counts)
        self.forward = sum_of_bits(length for length, count in enumerate(counts) if count)
        self.mirror = sum_of_bits(context - length for length, count in enumerate(counts) if count)

    def take(self, length: int, *, times: int = 1) -> None:
        """Remove samples of a length that is in stock."""
        self.counts[length] -= times
        if not self.counts[length]:
            self.forward ^= 1 << length
            self.mirror ^= 1 << (self.context - length)

    def shortest(self) -> int:
        """Return the shortest length in stock; longer than any room when there is none."""
        return (self.forward & -self.forward).bit_length() - 1 if self.forward else self.context + 1

    def longest(self, room: int) -> int:
        """Return the longest length of at most `room`, or -1."""
        return (self.forward & ((2 << room) - 1)).bit_length() - 1

    def pair(self, room: int) -> tuple[int, ...]:
        """Return two lengths in stock that fill the room exactly, as alike as possible, or nothing."""
        both = self.forward & (self.mirror >> (self.context - room))
        half = (room + 1) // 2
        upper = both >> half
        if upper & 1 and room % 2 == 0 and self.counts[half] < 2:
            upper ^= 1
        if not upper:
            return ()
        longer = (upper & -upper).bit_length() - 1 + half
        return longer, room - longer

    def triple(self, room: int, *, tries: int) -> tuple[int, ...]:
        """Return three lengths that fill the room exactly, or nothing.

        Thirds are tried from room / 3 downwards: alike lengths leave both ends of the histogram for harder packs.
        """
        candidates = self.forward & ((1 << (room // 3)) - 1)
        for _ in range(tries):
            third = candidates.bit_length() - 1
            if third <= 0:
                return ()
            pair = self.pair(room - third)
            if pair and self.counts[third] > pair.count(third):
                return (third, *pair)
            candidates ^= 1 << third
        return ()

    def fill(self, room: int, shortest: int) -> tuple[int, ...]:
        """Return what to put next into a room that holds at least the shortest length: an exact fill if one is found.

        Otherwise the longest length that fits, or, when nothing fits beside that, the pair that leaves least empty.
        """
        if self.counts[room]:
            return (room,)
        if room >= 2 * shortest and (found := self.pair(room)):
            return found
        if room >= 3 * shortest and (found := self.triple(room, tries=TRIPLE_TRIES)):
            return found
        longest = self.longest(room)
        if room - longest < shortest and room >= 2 * shortest:
            for empty in range(1, min(SLACK, room - longest, room - 2 * shortest + 1)):
                if found := self.pair(room - empty):
                    return found
        return (longest,)


def sum_of_bits(positions: Iterable[int]) -> int:
    """Return the integer with these bits set."""
    flags = bytearray()
    for position in positions:
        if position >> 3 >= len(flags):
            flags.extend(bytes((position >> 3) + 1 - len(flags)))
        flags[position >> 3] |= 1 << (position & 7)
    return int.from_bytes(flags, "little")


def complete(counts: Sequence[int], context: int, *, first: Sequence[int] = ()) -> list[Pattern]:
    """Pack a histogram: each pack starts from a length of `first`, then from the longest left, and is filled exactly.

    `counts[l]` is how many samples have length l, for l up to `context`. A pattern is repeated as often as it can be.
    """
    stock = Stock(counts, context)
    patterns: list[Pattern] = []
    starts = iter(first)
    start = next(starts, 0)
    while stock.forward:
        while start and not stock.counts[start]:
            start = next(starts, 0)
        lengths = [start or stock.longest(context)]
        stock.take(lengths[0])
        room, shortest = context - lengths[0], stock.shortest()
        while shortest <= room:
            for length in stock.fill(room, shortest):
                lengths.append(length)
                stock.take(length)
                room -= length
            shortest = stock.shortest()
        times = 1 if start else 1 + _repeat(stock, lengths)
        patterns.append(Pattern(tuple(lengths), times))
        start = next(starts, 0) if start else 0
    return patterns


def _repeat(stock: Stock, lengths: list[int]) -> int:
    needed = Counter(lengths)
    times = min(stock.counts[length] // count for length, count in needed.items())
    if times:
        for length, count in needed.items():
            stock.take(length, times=times * count)
    return times


def best_fit_decreasing(counts: Sequence[int], context: int) -> list[Pattern]:
    """Pack a histogram by best fit decreasing: the longest sample goes into the fullest pack that has room."""
    open_packs: dict[int, list[list[int]]] = {}
    rooms = 0
    packs: list[list[int]] = []
    for length in range(context, 0, -1):
        for _ in range(counts[length]):
            fitting = rooms >> length
            if fitting:
                room = length + (fitting & -fitting).bit_length() - 1
                pack = open_packs[room].pop()
                if not open_packs[room]:
                    rooms ^= 1 << room
            else:
                room, pack = context, []
                packs.append(pack)
            pack.append(length)
            room -= length
            if room:
                open_packs.setdefault(room, []).append(pack)
                rooms |= 1 << room
    return [Pattern(tuple(pack), 1) for pack in packs]


def num_packs(patterns: Iterable[Pattern]) -> int:
    """Count the packs that patterns stand for."""
    return sum(pattern.times for pattern in patterns)


def fewest_packs(counts: Sequence[int], context: int) -> int:
    """Return a number of packs that no packing can go below: Martello and Toth's bound L2 (1990).

    For every k: samples above context - k stand alone, each above context / 2 opens a pack, and what is at least k long
    and does not fit beside those needs more.
    """
    number = np.asarray(counts, dtype=np.int64)
    tokens = number * np.arange(len(counts))
    samples_to, tokens_to = np.cumsum(number), np.cumsum(tokens)
    half = context // 2
    shortest = np.arange(1, half + 1)
    long = samples_to[context] - samples_to[half]
    beside = samples_to[context - shortest] - samples_to[half]
    room = beside * context - (tokens_to[context - shortest] - tokens_to[half])
    rest = tokens_to[half] - tokens_to[shortest - 1]
    more = -(-(rest - room) // context)
    return int(long + max(0, more.max(initial=0)))


def solve(counts: Sequence[int], context: int) -> list[Pattern]:
    """Pack a histogram of lengths 1 … context into few packs; never more than best fit decreasing makes.

    `counts[l]` is how many samples have length l. Repeats `complete`, each time starting with the lengths that headed
    wasteful packs before, while the histogram is still rich ("squeaky wheel optimization", Joslin and Clements 1999),
    until the number of packs is near its bound or two rounds have gained nothing.
    """
    bound = fewest_packs(counts, context)
    enough = bound + int(bound * GOOD_ENOUGH)
    first: list[int] = []
    best = complete(counts, context)
    patterns, in_vain = best, 0
    for _ in range(ROUNDS - 1):
        wasteful = [pattern for pattern in patterns if context - sum(pattern.lengths) > SLACK]
        if num_packs(best) <= enough or not wasteful or in_vain == 2:
            break
        for pattern in wasteful:
            first.extend([pattern.lengths[0]] * pattern.times)
        first.sort(reverse=True)
        patterns = complete(counts, context, first=first)
        in_vain = 0 if num_packs(patterns) < num_packs(best) else in_vain + 1
        best = min(best, patterns, key=num_packs)
    if num_packs(best) > bound:
        rival = best_fit_decreasing(counts, context)
        best = min(best, rival, key=num_packs)
    return best
