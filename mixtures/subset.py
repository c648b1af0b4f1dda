"""Cut a mixture to a share of itself: arrays in, arrays out.

The order of a mixture is by key, (i + 0.5) / n for occurrence i of the n that are taken of a source; a share f of it
are the occurrences with keys below f. So every source is cut at the same fraction of what is taken of it, in its own
order, and the share g of the share f is the share f * g, sample for sample. Packs are made anew from that order with
the keys divided by f: packs never cross a key of 1/2, 1/4, 1/8 …, so such a share has exactly the whole's first packs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.fingerprint import fingerprint
from curation.mixtures.allocation import Order, interleave
from curation.mixtures.packing import pack
from curation.mixtures.selection import repeat_numbers

Integers = npt.NDArray[np.integer[Any]]
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a subset is: a share of a whole. `counts` are the occurrences that the whole takes of each source.

    `origin` is the whole's fingerprint, `where` the predicates that made it, from first to last.
    """

    origin: str
    counts: Mapping[str, int]
    share: Fraction = Fraction(1)
    where: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """What the subset is, however many steps led to it."""
        return fingerprint("subset", VERSION, self.origin, str(self.share), list(self.where))

    def plain(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return {
            "origin": self.origin,
            "share": str(self.share),
            "where": list(self.where),
            "counts": dict(sorted(self.counts.items())),
        }


def read_recipe(plain: Mapping[str, Any]) -> Recipe:
    """Make a recipe from what `plain` returned."""
    return Recipe(
        origin=str(plain["origin"]),
        share=Fraction(plain["share"]),
        where=tuple(plain["where"]),
        counts={str(source): int(count) for source, count in plain["counts"].items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The samples of a mixture, one value each: index of the source in `sources`, rank, times used, tokens, tiles."""

    sources: tuple[str, ...]
    source: Integers
    rank: npt.NDArray[np.float64]
    repeats: Integers
    tokens: Integers
    tiles: Integers

    def counts(self) -> dict[str, int]:
        """Return how many occurrences each source has."""
        totals = np.bincount(self.source, weights=self.repeats, minlength=len(self.sources))
        return {name: int(total) for name, total in zip(self.sources, totals, strict=True)}

    def at(self, places: npt.NDArray[Any]) -> Chosen:
        """Return some of the samples, by their places or a mask."""
        return Chosen(
            sources=self.sources,
            source=self.source[places],
            rank=self.rank[places],
            repeats=self.repeats[places],
            tokens=self.tokens[places],
            tiles=self.tiles[places],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A mixture that was cut. `repeats` has one value per sample of `Chosen` (0: left out).

    The others have one per occurrence, in pack order: its sample, which repeat it is, pack, place and offset in tokens.
    """

    repeats: npt.NDArray[np.int32]
    sample: npt.NDArray[np.int64]
    repeat: npt.NDArray[np.int32]
    pack: npt.NDArray[np.int64]
    position: npt.NDArray[np.int32]
    offset: npt.NDArray[np.int32]


def cut(chosen: Chosen, recipe: Recipe, *, context: int, max_tiles: int | None = None, strategy: Any = "best") -> Cut:
    """Take the share of the whole that the recipe says and pack it.

    `chosen` may be the whole or any larger share of it. Cost: a sort of the whole's occurrences, and packing (a million
    samples: 3 s; an eighth of them: 0.5 s).
    """
    order, samples = _ordered(chosen, recipe)
    packs = pack(
        chosen.tokens[samples].astype(np.int32),
        context=context,
        tiles=chosen.tiles[samples],
        max_tiles=max_tiles,
        strategy=strategy,
        order_keys=order.key / float(recipe.share),
    )
    by_place = np.lexsort((packs.position, packs.pack))
    samples = samples[by_place]
    return Cut(
        repeats=np.bincount(samples, minlength=len(chosen.source)).astype(np.int32),
        sample=samples,
        repeat=repeat_numbers(samples),
        pack=packs.pack[by_place],
        position=packs.position[by_place],
        offset=packs.offset[by_place],
    )


def share_of_tokens(chosen: Chosen, recipe: Recipe, tokens: int) -> Fraction:
    """Return the largest share of the recipe's whole, not above its own, that has at most so many tokens."""
    order, samples = _ordered(chosen, recipe)
    fitting = int(np.searchsorted(np.cumsum(chosen.tokens[samples], dtype=np.int64), tokens, side="right"))
    if fitting == len(samples):
        return recipe.share
    first_left_out = order.names[order.source[fitting]]
    return Fraction(2 * int(order.index[fitting]) + 1, 2 * recipe.counts[first_left_out])


def _ordered(chosen: Chosen, recipe: Recipe) -> tuple[Order, npt.NDArray[np.int64]]:
    """Return the occurrences of the recipe's share in mixture order, and the sample of each."""
    order = interleave({name: recipe.counts.get(name, 0) for name in chosen.sources})
    end = int(np.searchsorted(order.key, float(recipe.share))) if recipe.share < 1 else len(order.key)
    order = Order(names=order.names, source=order.source[:end], index=order.index[:end], key=order.key[:end])
    samples = np.empty(end, dtype=np.int64)
    for number, name in enumerate(order.names):
        is_own = order.source == number
        if is_own.any():
            ranked = _ranked(chosen, chosen.sources.index(name))
            samples[is_own] = ranked[order.index[is_own] % len(ranked)]
    return order, samples


def _ranked(chosen: Chosen, source: int) -> npt.NDArray[np.int64]:
    """Return a source's samples in the order in which they are taken: those used more often first, then by rank."""
    own = np.flatnonzero(chosen.source == source)
    return own[np.lexsort((chosen.rank[own], -chosen.repeats[own].astype(np.int64)))]
