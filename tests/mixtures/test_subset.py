"""Laws of cutting a mixture: nested, stratified, the share of a share, the first packs of the whole."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curation.mixtures.allocation import interleave
from curation.mixtures.packing import pack
from curation.mixtures.subset import Chosen, Cut, Recipe, cut, read_recipe, share_of_tokens

CONTEXT = 512


def chosen_samples(counts: dict[str, tuple[int, int]], seed: int = 0) -> Chosen:
    """Make samples of some sources, each (distinct samples, occurrences) many, with lengths from 20 to 400."""
    generator = np.random.default_rng(seed)
    names = tuple(counts)
    source = np.concatenate([np.full(counts[name][0], number) for number, name in enumerate(names)])
    rank = generator.random(len(source))
    repeats = np.zeros(len(source), dtype=np.int64)
    for number, name in enumerate(names):
        own = np.flatnonzero(source == number)
        own = own[np.argsort(rank[own])]
        passes, rest = divmod(counts[name][1], len(own))
        repeats[own] = passes
        repeats[own[:rest]] += 1
    places = np.flatnonzero(repeats)
    tokens = generator.integers(20, 400, len(source))
    whole = Chosen(sources=names, source=source, rank=rank, repeats=repeats, tokens=tokens, tiles=tokens // 64)
    return whole.at(places)


def recipe_of(chosen: Chosen, share: Any = 1) -> Recipe:
    return Recipe(origin="whole", counts=chosen.counts(), share=Fraction(share))


def kept_of(chosen: Chosen, made: Cut) -> Chosen:
    """Return the samples of a cut, as they would be read again from its tables."""
    places = np.flatnonzero(made.repeats)
    kept = chosen.at(places)
    return Chosen(
        sources=kept.sources,
        source=kept.source,
        rank=kept.rank,
        repeats=made.repeats[places],
        tokens=kept.tokens,
        tiles=kept.tiles,
    )


def rows_of(chosen: Chosen, made: Cut) -> list[tuple[float, ...]]:
    """Return the packs table, with ranks as names of the samples."""
    columns = (chosen.rank[made.sample], made.repeat, made.pack, made.position, made.offset)
    return list(zip(*(column.tolist() for column in columns), strict=True))


SHARES = st.fractions(min_value=Fraction(1, 50), max_value=1, max_denominator=60)
MIXES = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 200)), min_size=1, max_size=4).map(
    lambda sizes: {f"s{number}": size for number, size in enumerate(sizes)}
)


@given(MIXES, SHARES, SHARES)
def test_a_share_of_a_share_is_the_share(mix: dict[str, tuple[int, int]], first: Fraction, second: Fraction) -> None:
    whole = chosen_samples(mix)
    made = cut(whole, recipe_of(whole, first), context=CONTEXT)
    if not len(made.sample):
        return
    part = kept_of(whole, made)
    again = cut(part, recipe_of(whole, first * second), context=CONTEXT)
    direct = cut(whole, recipe_of(whole, first * second), context=CONTEXT)
    assert rows_of(part, again) == rows_of(whole, direct)


@given(MIXES, SHARES, SHARES)
def test_a_smaller_share_lies_in_a_larger_one(mix: dict[str, tuple[int, int]], one: Fraction, two: Fraction) -> None:
    whole = chosen_samples(mix)
    small, large = (cut(whole, recipe_of(whole, share), context=CONTEXT) for share in sorted((one, two)))
    assert (small.repeats <= large.repeats).all()


@given(MIXES, SHARES)
def test_every_source_is_cut_at_the_same_share_to_half_an_occurrence(
    mix: dict[str, tuple[int, int]], share: Fraction
) -> None:
    whole = chosen_samples(mix)
    made = cut(whole, recipe_of(whole, share), context=CONTEXT)
    for number, name in enumerate(whole.sources):
        own = made.repeats[whole.source == number]
        assert abs(int(own.sum()) - share * whole.counts()[name]) <= Fraction(1, 2)
        used = own[own > 0]
        assert not len(used) or used.max() - used.min() <= 1


@given(MIXES, st.integers(1, 40_000))
def test_as_many_tokens_as_fit_are_taken(mix: dict[str, tuple[int, int]], tokens: int) -> None:
    whole = chosen_samples(mix)
    share = share_of_tokens(whole, recipe_of(whole), tokens)
    made = cut(whole, recipe_of(whole, share), context=CONTEXT)
    assert whole.tokens[made.sample].sum() <= tokens
    if share < 1:
        more = cut(whole, recipe_of(whole, share + Fraction(1, 10**9)), context=CONTEXT)
        ties = len(more.sample) - len(made.sample)
        assert 1 <= ties <= len(mix)
        assert whole.tokens[more.sample].sum() > tokens - 400 * (ties - 1)


def test_an_eighth_has_the_first_packs_of_the_whole() -> None:
    whole = chosen_samples({"a": (20_000, 20_000), "b": (3_000, 10_000)})
    lengths = {name: whole.counts()[name] for name in whole.sources}
    everything = cut(whole, recipe_of(whole), context=CONTEXT)
    assert len(everything.sample) == sum(lengths.values())
    part = cut(whole, recipe_of(whole, Fraction(1, 8)), context=CONTEXT)
    first = rows_of(whole, everything)[: len(part.sample)]
    assert rows_of(whole, part) == first
    assert everything.pack[len(part.sample)] == part.pack[-1] + 1


def test_the_whole_is_packed_as_a_build_packs_it() -> None:
    whole = chosen_samples({"a": (500, 500), "b": (70, 70)})
    made = cut(whole, recipe_of(whole), context=CONTEXT)
    order = interleave({"a": 500, "b": 70})
    ranked = [own[np.argsort(whole.rank[own])] for own in (np.flatnonzero(whole.source == n) for n in (0, 1))]
    samples = np.array([ranked[s][i] for s, i in zip(order.source, order.index, strict=True)])
    packs = pack(whole.tokens[samples], context=CONTEXT, order_keys=order.key)
    by_place = np.lexsort((packs.position, packs.pack))
    assert made.sample.tolist() == samples[by_place].tolist()
    assert made.pack.tolist() == packs.pack[by_place].tolist()


def test_a_recipe_survives_json_and_its_fingerprint_tells_shares_apart() -> None:
    recipe = Recipe(origin="ab", counts={"b": 2, "a": 1}, share=Fraction(3, 7), where=("tokens > 3",))
    assert read_recipe(recipe.plain()) == recipe
    others = {Recipe(origin="ab", counts={"b": 2, "a": 1}, share=Fraction(1, 2)).fingerprint, recipe.fingerprint}
    assert len(others) == 2
