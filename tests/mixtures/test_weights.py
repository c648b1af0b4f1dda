"""The weight tree."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import MixtureError
from curation.mixtures.weights import Node, resolve_weights

SIZES = {"smoltalk": 300.0, "finemath": 100.0, "llava": 7.0, "vript": 9.0, "docs": 50.0}
TREE: dict[str, Any] = {
    "text": {"weight": 14, "of": {"smoltalk": "natural", "finemath": "natural"}},
    "video": {"weight": 33, "of": {"llava": 3, "vript": 1}},
    "docs": 41,
}


def shares(tree: Any, sizes: dict[str, float]) -> dict[str, Fraction]:
    return {node.path: node.share for node in resolve_weights(tree, sizes)}


def test_the_tree_of_the_contract_gives_exact_shares() -> None:
    assert shares(TREE, SIZES) == {
        "text": Fraction(14, 88),
        "text/smoltalk": Fraction(14, 88) * Fraction(3, 4),  # 300 of 400
        "text/finemath": Fraction(14, 88) / 4,
        "video": Fraction(33, 88),
        "video/llava": Fraction(33, 88) * Fraction(3, 4),  # 3 of 3 + 1
        "video/vript": Fraction(33, 88) / 4,
        "docs": Fraction(41, 88),
    }


def test_groups_have_no_source_and_leaves_keep_their_number() -> None:
    nodes = {node.path: node for node in resolve_weights(TREE, SIZES)}
    assert nodes["text"].source is None
    assert nodes["video/llava"] == Node(path="video/llava", source="llava", share=Fraction(99, 352), weight=Fraction(3))
    assert nodes["text/smoltalk"].weight is None


def test_without_a_tree_all_sources_are_in_proportion_to_their_size() -> None:
    assert shares(None, {"a": 3.0, "b": 1.0}) == {"a": Fraction(3, 4), "b": Fraction(1, 4)}


def test_decimal_weights_are_taken_as_written() -> None:
    assert shares({"a": 0.1, "b": 0.2}, {"a": 1.0, "b": 1.0})["a"] == Fraction(1, 3)  # 0.1 + 0.2 is 0.3, not 0.30…04


def test_weight_0_leaves_a_source_out_and_out_of_its_group_size() -> None:
    tree = {"g": {"weight": "natural", "of": {"a": 0, "b": 2}}, "c": "natural"}
    assert shares(tree, {"a": 1000.0, "b": 30.0, "c": 10.0}) == {
        "g": Fraction(3, 4),
        "g/a": 0,
        "g/b": Fraction(3, 4),
        "c": Fraction(1, 4),
    }


@given(st.dictionaries(st.text("abcdef", min_size=1), st.integers(0, 50), min_size=1).filter(lambda d: any(d.values())))
def test_leaf_shares_sum_to_1_exactly(weights: dict[str, int]) -> None:
    tree = {"first": {"weight": 0.7, "of": weights}, "second": 0.1}
    nodes = resolve_weights(tree, {**dict.fromkeys(weights, 1.0), "second": 2.0})
    assert sum((node.share for node in nodes if node.source), Fraction(0)) == 1
    assert nodes[0].share == Fraction(7, 8)


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"docs": 1, "smoltlk": 1}, r"mixture.weights.smoltlk: no source named 'smoltlk'; did you mean 'smoltalk'\?"),
        (
            {"docs": 1, "g": {"weight": 1, "of": {"docs": 1}}},
            r"g.of.docs: source 'docs' already stands at ",
        ),
        ({"docs": 1}, r"'smoltalk' has no weight; add smoltalk: 1 .* smoltalk: 0 to leave it out"),
        ({"docs": 1, "smoltalk": "natural"}, r"numbers \(docs\) and natural \(smoltalk\) stand side by side"),
        ({"docs": -1, "smoltalk": 1}, r"docs: the weight -1 is neither"),
        ({"docs": True, "smoltalk": 1}, r"the weight True is neither"),
        ({"docs": float("nan"), "smoltalk": 1}, r"the weight nan is neither"),
        ({"docs": "much", "smoltalk": 1}, r"the weight 'much' is neither"),
        ({"docs": 0, "smoltalk": 0}, r"every weight is 0 \(docs, smoltalk\)"),
        ({"docs": {"wieght": 1}, "smoltalk": 1}, r"unknown key 'wieght'; did you mean 'weight'\?"),
        ({"g": {"weight": 1, "of": {}}, "docs": 1, "smoltalk": 1}, r"mixture.weights.g: \{\} is not a tree"),
        ({}, r"not a tree of weights"),
    ],
)
def test_a_wrong_tree_is_refused_with_its_place_and_the_fix(tree: Any, said: str) -> None:
    with pytest.raises(MixtureError, match=said):
        resolve_weights(tree, {"docs": 1.0, "smoltalk": 1.0})


def test_natural_shares_of_empty_sources_are_refused_by_name() -> None:
    with pytest.raises(MixtureError, match=r"natural shares of a, b can't be formed"):
        resolve_weights(None, {"a": 0.0, "b": 0.0})
