"""Durations that are asked for are met by every prefix, in rank order, across sources, or refused with numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from curation.errors import MixtureError
from curation.mixtures.durations import Pool, order_by_mean, order_by_ranges
from curation.mixtures.ranges import Range, range_of, read_ranges


def fixed(**shares: Fraction) -> Callable[[Mapping[str, int]], dict[str, Fraction]]:
    """Return parts of the mixture that do not follow what is left of the sources."""
    return lambda sizes: dict(shares)


ONE = fixed(a=Fraction(1))
LENGTHS = st.lists(st.sampled_from([0.0, 2.5, 5.005, 12.0, 29.97, 30.0, 61.0, 180.0, 600.0]), min_size=1, max_size=80)


def pool(seconds: list[float], *, per_second: float = 0.0) -> Pool:
    """Return a pool whose samples take one unit, or `per_second` units for every second of video."""
    times = np.array(seconds, dtype=np.float64)
    return Pool(seconds=times, amounts=np.ones(len(times), np.int32) + (times * per_second).astype(np.int32))


def drawn(count: int, mean: float, *, seed: int = 0) -> list[float]:
    return [float(each) for each in np.random.default_rng(seed).gamma(1.5, mean / 1.5, count).clip(1, 3600).round(3)]


@pytest.mark.parametrize("mean", [20.0, 60.0, 90.0, 210.0, 300.0])
def test_a_mean_is_met_by_the_whole_and_by_every_long_prefix(mean: float) -> None:
    times = np.array(drawn(5000, 83))
    order = order_by_mean({"a": pool(times.tolist())}, ONE, mean)["a"]
    assert times[order].mean() == pytest.approx(mean, rel=1e-3)
    running = np.cumsum(times[order]) / np.arange(1, len(order) + 1)
    spread = times.max() - times.min()
    assert (np.abs(running - mean) <= spread / np.arange(1, len(order) + 1)).all()


def test_a_mean_that_is_there_already_leaves_nothing_out() -> None:
    times = drawn(300, 60)
    order = order_by_mean({"a": pool(times)}, ONE, float(np.mean(times)))["a"]
    assert sorted(order.tolist()) == list(range(300))


def test_few_videos_are_exchanged_until_they_meet_the_mean() -> None:
    for order in ([2.0, 3.0, 4.0, 5.0], [5.0, 4.0, 3.0, 2.0], [3.0, 5.0, 2.0, 4.0]):
        for mean in (3.0, 3.5, 4.0):
            chosen = order_by_mean({"a": pool(order)}, ONE, mean)["a"]
            assert np.array(order)[chosen].mean() == mean


def test_several_sources_meet_the_mean_together_as_their_shares_say() -> None:
    times = {"short": drawn(4000, 15, seed=1), "long": drawn(3000, 200, seed=2)}
    shares = {"short": Fraction(1, 4), "long": Fraction(3, 4)}
    orders = order_by_mean({name: pool(own) for name, own in times.items()}, fixed(**shares), 120.0)
    means = {name: np.array(times[name])[orders[name]].mean() for name in times}
    assert means["short"] / 4 + means["long"] * 3 / 4 == pytest.approx(120, rel=2e-3)
    assert means["short"] < np.mean(times["short"]) and means["long"] < np.mean(times["long"])


def test_shares_of_tokens_are_turned_into_numbers_of_videos() -> None:
    """A long video takes more tokens, so with shares of tokens a source of long videos has fewer of them."""
    times = {"short": drawn(4000, 15, seed=1), "long": drawn(3000, 200, seed=2)}
    pools = {name: pool(own, per_second=66) for name, own in times.items()}
    orders = order_by_mean(pools, fixed(short=Fraction(1, 2), long=Fraction(1, 2)), 60.0)
    seconds = videos = 0.0
    for name, order in orders.items():
        amount = pools[name].amounts[order].sum()
        seconds += np.array(times[name])[order].sum() / amount
        videos += len(order) / amount
    assert seconds / videos == pytest.approx(60, rel=2e-3)


def test_samples_without_videos_stay_and_are_spread_evenly() -> None:
    times = [0.0, 30.0, 0.0, 90.0] * 250
    for order in (
        order_by_mean({"a": pool(times)}, ONE, 45.0)["a"],
        order_by_ranges({"a": pool(times)}, ONE, read_ranges({"0-60": 3, "60-": 1}))["a"],
    ):
        assert set(np.flatnonzero(np.array(times) == 0)) <= set(order.tolist())
        is_text = np.array(times)[order] == 0
        assert abs(is_text[: len(order) // 2].mean() - is_text.mean()) < 0.01


def test_ranges_have_their_shares_in_every_prefix() -> None:
    times = np.array(drawn(3000, 60))
    ranges = read_ranges({"0-30": 1, "30-60": 2, "60-180": 1})
    order = order_by_ranges({"a": pool(times.tolist())}, ONE, ranges)["a"]
    chosen = range_of(times[order], ranges)
    assert (chosen >= 0).all()
    for number, each in enumerate(ranges):
        running = np.cumsum(chosen == number)
        assert (np.abs(running - each.share * np.arange(1, len(order) + 1)) <= 1.5).all()


def test_several_sources_have_the_shares_of_ranges_together() -> None:
    times = {"a": drawn(9000, 40, seed=1), "b": drawn(9000, 100, seed=2)}
    shares = {"a": Fraction(1, 3), "b": Fraction(2, 3)}
    ranges = read_ranges({"0-30": 1, "30-90": 1, "90-": 1})
    orders = order_by_ranges({name: pool(own, per_second=10) for name, own in times.items()}, fixed(**shares), ranges)
    got, videos = np.zeros(3), 0.0
    for name, order in orders.items():
        own = np.array(times[name])[order]
        weight = float(shares[name]) / pool(times[name], per_second=10).amounts[order].sum()
        got += np.bincount(range_of(own, ranges), minlength=3) * weight
        videos += len(order) * weight
    assert got / videos == pytest.approx([1 / 3] * 3, abs=2e-3)


@pytest.mark.parametrize("mean", [1.0, 700.0])
def test_a_mean_out_of_reach_is_refused_with_what_there_is(mean: float) -> None:
    with pytest.raises(MixtureError, match=r"can't be met: .* from 2 to 600 s \(a: 3 of 2 to 600 s, mean 204\)"):
        order_by_mean({"a": pool([2.0, 10.0, 600.0])}, ONE, mean)


def test_ranges_out_of_reach_are_refused_by_name() -> None:
    pools = {"a": pool([5.0, 6.0]), "b": pool([50.0])}
    halves = fixed(a=Fraction(1, 2), b=Fraction(1, 2))
    with pytest.raises(MixtureError, match=r"'90-' has 50.0% of the videos, but none of a, b"):
        order_by_ranges(pools, halves, read_ranges({"0-30": 1, "90-": 1}))
    with pytest.raises(MixtureError, match=r"'b' has a weight but no video in 0-30"):
        order_by_ranges(pools, halves, read_ranges({"0-30": 1}))
    with pytest.raises(MixtureError, match=r"0-30 75.0%, 30- 25.0% .* which give 0-30 50.0%, 30- 50.0%"):
        order_by_ranges(pools, halves, read_ranges({"0-30": 3, "30-": 1}))
    with pytest.raises(MixtureError, match="no source with a weight has a video"):
        order_by_mean({"a": pool([0.0])}, ONE, 5.0)


@given(times=LENGTHS, place=st.floats(0, 1))
def test_a_mean_within_reach_is_met_to_one_video_and_no_sample_comes_twice(times: list[float], place: float) -> None:
    videos = [each for each in times if each]
    assume(videos)
    mean = min(videos) + place * (max(videos) - min(videos))
    order = order_by_mean({"a": pool(times)}, ONE, mean)["a"]
    assert len(set(order.tolist())) == len(order)
    assert {at for at, each in enumerate(times) if each == 0} <= set(order.tolist())
    chosen = np.array(times)[order]
    chosen = chosen[chosen > 0]
    assert len(chosen)
    assert abs(chosen.sum() - mean * len(chosen)) <= max(videos) - min(videos) + 1e-6


@given(times=LENGTHS, weights=st.lists(st.integers(0, 5), min_size=3, max_size=3))
def test_shares_of_ranges_are_met_to_one_video_in_rank_order_within_each(
    times: list[float], weights: list[int]
) -> None:
    assume(any(weights))
    asked = read_ranges(dict(zip(("0-10", "10-60", "60-"), weights, strict=True)))
    wanted: list[Range] = [each for each in asked if each.share]
    places = range_of(np.array(times), wanted)
    assume(all((places == number).any() for number in range(len(wanted))))
    order = order_by_ranges({"a": pool(times)}, ONE, asked)["a"]
    assert len(set(order.tolist())) == len(order)
    chosen = places[order]
    num_videos = int((chosen >= 0).sum())
    for number, each in enumerate(wanted):
        own = order[chosen == number]
        assert own.tolist() == sorted(own.tolist())
        assert abs(len(own) - each.share * num_videos) <= 1.5


@given(times=LENGTHS, more=LENGTHS, mean=st.floats(3, 500))
def test_the_order_of_a_source_does_not_depend_on_the_names_of_others(
    times: list[float], more: list[float], mean: float
) -> None:
    def ordered(names: tuple[str, str]) -> Any:
        first, second = names
        pools = {first: pool(times), second: pool(more)}
        try:
            orders = order_by_mean(pools, fixed(**{first: Fraction(1, 2), second: Fraction(1, 2)}), mean)
        except MixtureError:
            return None
        return [orders[first].tolist(), orders[second].tolist()]

    assert ordered(("a", "b")) == ordered(("z", "c"))


def test_natural_weights_follow_what_a_mean_leaves() -> None:
    """Weights by size: the source that loses videos loses weight with them, and the whole still has the mean."""
    times = {"short": drawn(4000, 15, seed=1), "long": drawn(3000, 200, seed=2)}
    pools = {name: pool(own) for name, own in times.items()}

    def natural(sizes: Mapping[str, int]) -> dict[str, Fraction]:
        return {name: Fraction(size, sum(sizes.values())) for name, size in sizes.items()}

    for mean in (40.0, 90.0, 150.0):
        orders = order_by_mean(pools, natural, mean)
        whole = np.concatenate([np.array(times[name])[order] for name, order in orders.items()])
        assert whole.mean() == pytest.approx(mean, rel=2e-3)
    ranges = read_ranges({"0-30": 1, "30-120": 1, "120-": 1})
    orders = order_by_ranges(pools, natural, ranges)
    whole = np.concatenate([np.array(times[name])[order] for name, order in orders.items()])
    assert np.bincount(range_of(whole, ranges)) / len(whole) == pytest.approx([1 / 3] * 3, abs=2e-3)
