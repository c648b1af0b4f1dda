"""How much of each source is taken, refusals whose edits work, and the order."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from curation.errors import MixtureError
from curation.manifests.sizes import parse_count
from curation.mixtures.allocation import allocate, interleave
from curation.mixtures.weights import resolve_weights

AMOUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=30).filter(any)
SOURCES = st.dictionaries(st.sampled_from("abcd"), st.tuples(AMOUNTS, st.integers(1, 9)), min_size=1)


def test_a_prefix_ends_where_the_total_is_nearest() -> None:
    taken = allocate({"a": [10, 10, 10]}, {"a": 1}, budget=16, max_repeats=1, unit="tokens").sources["a"]
    assert (taken.passes, taken.prefix, taken.amount) == (0, 2, 20)  # 20 is 4 off, 10 is 6 off
    taken = allocate({"a": [10, 10, 10]}, {"a": 1}, budget=15, max_repeats=1, unit="tokens").sources["a"]
    assert (taken.passes, taken.prefix, taken.amount) == (0, 1, 10)  # equally near: the fewer


def test_repeats_are_whole_passes_and_a_prefix() -> None:
    taken = allocate({"a": [4, 6]}, {"a": 1}, budget=24, max_repeats=3, unit="tokens").sources["a"]
    assert (taken.passes, taken.prefix, taken.amount, taken.count) == (2, 1, 24, 5)


def test_samples_are_apportioned_by_largest_remainder() -> None:
    available = {name: [1] * 100 for name in "abc"}
    shares = {"a": Fraction(416, 1000), "b": Fraction(337, 1000), "c": Fraction(247, 1000)}
    taken = allocate(available, shares, budget=10, max_repeats=1, unit="samples").sources
    assert {name: part.count for name, part in taken.items()} == {"a": 4, "b": 3, "c": 3}  # c has the remainder 0.47


def test_without_a_budget_the_bottleneck_decides_and_is_named() -> None:
    available = {"a": [5] * 10, "b": [5] * 100}
    found = allocate(available, {"a": 0.5, "b": 0.5}, budget=None, max_repeats=2, unit="tokens")
    assert found.bottleneck == "a" and found.budget == 200
    assert found.sources["a"].passes == 2 and found.sources["a"].prefix == 0
    assert found.sources["b"].amount == 100


def test_share_0_takes_nothing_even_of_an_empty_source() -> None:
    found = allocate({"a": [1, 1], "b": []}, {"a": 1.0, "b": 0.0}, budget=None, max_repeats=1, unit="tokens")
    assert found.sources["b"].count == 0 and found.sources["a"].count == 2


@given(SOURCES, st.floats(0.05, 1), st.sampled_from(["samples", "tokens"]), st.sampled_from([0.5, 1.0, 2.0, 3.25]))
def test_amounts_are_as_near_as_whole_samples_allow(sources: Any, part: float, unit: str, max_repeats: float) -> None:
    available = {name: amounts for name, (amounts, _) in sources.items()}
    shares = {name: weight for name, (_, weight) in sources.items()}
    whole = allocate(available, shares, budget=None, max_repeats=max_repeats, unit=unit)
    budget = int(whole.budget * part)
    assume(budget > 0)
    found = allocate(available, shares, budget=budget, max_repeats=max_repeats, unit=unit)
    for name, taken in found.sources.items():
        amounts = [1] * len(available[name]) if unit == "samples" else available[name]
        assert taken.amount == taken.passes * sum(amounts) + sum(amounts[: taken.prefix])
        assert abs(taken.asked - budget * shares[name] / sum(shares.values())) < 1e-6
        limit = 1 if unit == "samples" else max(amounts) / 2
        assert abs(taken.amount - taken.asked) <= limit + 1e-9
    if unit == "samples":
        assert sum(taken.count for taken in found.sources.values()) == budget


@given(SOURCES, st.integers(1, 2000), st.integers(1, 2000))
def test_a_smaller_budget_takes_a_prefix_of_a_larger_one(sources: Any, one: int, other: int) -> None:
    available = {name: amounts for name, (amounts, _) in sources.items()}
    shares = {name: weight for name, (_, weight) in sources.items()}
    small, large = (
        allocate(available, shares, budget=budget, max_repeats=1e6, unit="tokens").sources
        for budget in sorted((one, other))
    )
    assert all(small[name].count <= large[name].count for name in available)


SHORT = {"chat": {"weight": 3, "of": {"a": 2, "b": 1}}, "docvqa": 2, "video": {"weight": 1, "of": {"v": "natural"}}}
HAS = {"a": 4_000_000, "b": 2_000_000, "docvqa": 400_000, "v": 3_000_000}


def refused(tree: Any, *, budget: int | None, max_repeats: float) -> str | None:
    available = {name: np.full(total // 100, 100) for name, total in HAS.items()}
    nodes = resolve_weights(tree, HAS)
    shares = {node.source: node.share for node in nodes if node.source}
    try:
        allocate(available, shares, budget=budget, max_repeats=max_repeats, unit="tokens", nodes=nodes)
    except MixtureError as err:
        return str(err)
    return None


def test_a_refusal_names_the_bottleneck_and_every_edit_works_when_applied() -> None:
    said = refused(SHORT, budget=3_600_000, max_repeats=1.0)
    assert said is not None
    assert said.startswith("mixture: 'docvqa' needs 1.20M tokens but has 0.40M; raise max_repeats to 3.0, lower its")
    weight = float(re.findall(r"lower its weight to ([\d.]+)", said)[0])
    size = parse_count(re.findall(r"lower the budget to ([\d.]+M?)", said)[0])
    assert (weight, size) == (0.5, 1_200_000)  # 0.5 of 4.5 is a ninth, and a ninth of 3.6M is 0.4M
    assert refused(SHORT, budget=3_600_000, max_repeats=3.0) is None
    assert refused({**SHORT, "docvqa": weight}, budget=3_600_000, max_repeats=1.0) is None
    assert refused(SHORT, budget=size, max_repeats=1.0) is None
    assert refused({**SHORT, "docvqa": weight * 1.01}, budget=3_600_000, max_repeats=1.0) is not None


def test_a_group_is_named_when_only_its_weight_can_be_lowered() -> None:
    tree = {"docs": {"weight": 2, "of": {"docvqa": "natural"}}, "rest": {"weight": 1, "of": {"a": 2, "b": 1, "v": 1}}}
    said = refused(tree, budget=1_000_000, max_repeats=1.0)
    assert said is not None
    weight = float(re.findall(r"the weight of 'docs' to ([\d.]+)", said)[0])
    tree["docs"]["weight"] = weight
    assert refused(tree, budget=1_000_000, max_repeats=1.0) is None


def test_a_weight_is_not_offered_where_it_would_only_move_the_shortage() -> None:
    said = refused({"a": 1, "b": 1, "docvqa": 1, "v": 1}, budget=40_000_000, max_repeats=1.0)
    assert said is not None and "weight" not in said
    assert "(also short: 'b', 'v', 'a')" in said
    repeats = float(re.findall(r"max_repeats to ([\d.]+)", said)[0])
    assert refused({"a": 1, "b": 1, "docvqa": 1, "v": 1}, budget=40_000_000, max_repeats=repeats) is None


@given(SOURCES, st.integers(1, 3000), st.sampled_from([0.5, 1.0, 1.7]))
def test_all_offered_edits_of_a_flat_mixture_work(sources: Any, budget: int, max_repeats: float) -> None:
    available = {name: amounts for name, (amounts, _) in sources.items()}
    tree = {name: weight for name, (_, weight) in sources.items()}

    def refusal(weights: Any, size: int, repeats: float) -> str:
        nodes = resolve_weights(weights, {name: float(sum(amounts)) for name, amounts in available.items()})
        shares = {str(node.source): node.share for node in nodes}
        try:
            allocate(available, shares, budget=size, max_repeats=repeats, unit="tokens", nodes=nodes)
        except MixtureError as err:
            return str(err)
        return ""

    said = refusal(tree, budget, max_repeats)
    assume(said)
    name = said.split("'")[1]
    assert not refusal(tree, budget, float(re.findall(r"max_repeats to ([\d.]+)", said)[0]))
    for weight in re.findall(r"its weight to ([\d.]+)", said):
        assert not refusal({**tree, name: float(weight)}, budget, max_repeats)
    for size in re.findall(r"the budget to ([\d.]+M?)", said):
        assert not refusal(tree, parse_count(size), max_repeats)


@pytest.mark.parametrize(
    ("available", "change", "said"),
    [
        ({"a": [1], "b": []}, {}, "'b' has a weight but no samples left"),
        ({"a": [1], "b": [0, 0]}, {}, "'b' has a weight but 0 tokens in its 2 samples"),
        ({"a": [1], "b": [1]}, {"max_repeats": 0.0}, "mixture.max_repeats: 0.0 is not above 0"),
        ({"a": [1], "b": [1]}, {"budget": 0}, "mixture.budget: 0 tokens is not above 0"),
    ],
)
def test_impossible_mixtures_are_refused_by_name(available: Any, change: dict[str, Any], said: str) -> None:
    settings: dict[str, Any] = {"budget": None, "max_repeats": 1.0, "unit": "tokens", **change}
    with pytest.raises(MixtureError, match=said):
        allocate(available, {"a": 1, "b": 1}, **settings)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(0, 40), max_size=6))
def test_every_prefix_of_the_order_has_the_right_shares(counts: dict[str, int]) -> None:
    order = interleave(counts)
    assert len(order.key) == sum(counts.values())
    assert (np.diff(order.key) >= 0).all()
    for number, name in enumerate(order.names):
        own = order.source == number
        assert order.index[own].tolist() == list(range(counts[name]))
        for place, key in enumerate(order.key.tolist(), start=1):
            assert abs(int(own[:place].sum()) - key * counts[name]) <= 1


def test_ties_are_broken_by_the_name_of_the_source() -> None:
    order = interleave({"b": 2, "a": 2})
    assert [order.names[source] for source in order.source] == ["a", "b", "a", "b"]
    assert order.key.tolist() == [0.25, 0.25, 0.75, 0.75]
