"""The order of an epoch is a shuffle, computed place by place."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.order import shuffle

SIZES = st.integers(1, 3000)
SEEDS = st.integers(0, 2**63)


@given(SIZES, SEEDS, st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_every_item_stands_at_exactly_one_place(size: int, seed: int, epoch: int) -> None:
    order = shuffle(size, seed=seed, epoch=epoch)
    assert sorted(order.at(place) for place in range(size)) == list(range(size))


def test_an_order_is_fixed_for_good() -> None:
    """Literal values: a change here would break the resume of every run that is under way."""
    assert [shuffle(10, seed=17, epoch=0).at(place) for place in range(10)] == [6, 1, 4, 0, 3, 7, 5, 2, 9, 8]
    assert [shuffle(10, seed=17, epoch=1).at(place) for place in range(10)] == [7, 8, 3, 5, 6, 1, 0, 4, 2, 9]
    assert shuffle(3_000_000_000, seed=17, epoch=2).at(2_999_999_999) == 192_763_432


def test_seeds_and_epochs_give_different_orders() -> None:
    orders = {
        tuple(shuffle(50, seed=seed, epoch=epoch).at(place) for place in range(50))
        for seed in range(5)
        for epoch in range(5)
    }
    assert len(orders) == 25


@pytest.mark.parametrize("size", [2, 3, 5, 12, 97])
def test_every_item_comes_first_about_equally_often(size: int) -> None:
    draws = 400 * size
    firsts = Counter(shuffle(size, seed=seed, epoch=0).at(0) for seed in range(draws))
    # 400 expected each; the largest of up to 97 binomial deviations stays within 5 standard deviations (20 each)
    assert all(300 <= firsts[item] <= 500 for item in range(size))


def test_neighbours_are_scattered() -> None:
    order = shuffle(10_000, seed=3, epoch=0)
    items = [order.at(place) for place in range(10_000)]
    near = sum(abs(a - b) < 100 for a, b in pairwise(items))
    assert 100 <= near <= 300, "2 % of random pairs are within 100 of each other"


def test_a_place_outside_is_refused() -> None:
    for place in (-1, 10):
        with pytest.raises(IndexError, match=f"place {place} of 10"):
            shuffle(10, seed=0, epoch=0).at(place)
