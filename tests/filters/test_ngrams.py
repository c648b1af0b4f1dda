"""The index of n-grams agrees with Python's own sets; near hashes of two sides are all found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.filters.hamming import near_between
from curation.filters.ngrams import MAX_ITEMS, build_index, find, ngrams, whole_hashes
from curation.filters.shingles import split_words

WORDS = st.lists(st.sampled_from(["red", "blue", "12", "7", "x", "tree"]), max_size=12).map(" ".join)


def grams(text: str, size: int) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[start : start + size]) for start in range(len(words) - size + 1)}


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(WORDS, min_size=1, max_size=6), items=st.lists(WORDS, min_size=1, max_size=6), size=st.integers(2, 4)
)
def test_shares_are_those_of_sets_of_word_sequences(texts: list[str], items: list[str], size: int) -> None:
    expected = {}
    for number, text in enumerate(texts):
        for place, item in enumerate(items):
            shared = grams(text, size) & grams(item, size)
            if shared:
                expected[number, place] = len(shared) / len(grams(item, size))
    found = find(build_index(items, size), split_words(texts))
    assert {(text, item): share for text, item, share in found} == pytest.approx(expected)


@given(texts=st.lists(WORDS, min_size=1, max_size=8))
def test_whole_texts_are_equal_when_their_words_are(texts: list[str]) -> None:
    hashes = whole_hashes(split_words(texts))
    for one, first in zip(texts, hashes, strict=True):
        for other, second in zip(texts, hashes, strict=True):
            assert (first == second) == (one.split() == other.split())


def test_a_sequence_hashes_alike_wherever_it_stands() -> None:
    hashes, owner = ngrams(split_words(["a b c", "x y a b c z", "a b"]), 3)
    assert owner.tolist() == [0, 1, 1, 1, 1]
    assert hashes[0] == hashes[3]
    assert len(set(hashes.tolist())) == 4


def test_phrases_of_many_items_don_t_count() -> None:
    phrase = "as shown in the figure below"
    items = [f"{phrase} number {n}" for n in range(MAX_ITEMS + 1)]
    index = build_index(items, 5)
    assert [share for *_, share in find(index, split_words([f"{phrase} number 3"]))] == [1.0]
    assert find(index, split_words([phrase])) == []


@pytest.mark.parametrize("bits", [0, 1, 8, 20, 31])
def test_near_hashes_of_two_sides_are_all_found(bits: int) -> None:
    choose = np.random.default_rng(bits)
    known = choose.integers(0, 256, (60, 32), dtype=np.uint8)
    hashes = known[choose.integers(0, 60, 200)].copy()
    for row in hashes:
        for bit in choose.choice(256, choose.integers(0, 36), replace=False):
            row[bit // 8] ^= 1 << (bit % 8)
    apart = np.bitwise_count(hashes[:, None] ^ known[None]).sum(axis=2, dtype=int)
    one, other, distance = near_between(known, hashes, bits)
    found = list(zip(one.tolist(), other.tolist(), strict=True))
    assert sorted(found) == [tuple(pair) for pair in np.argwhere(apart <= bits).tolist()]
    assert (distance == apart[one, other]).all()
    assert [pair[0] for pair in found] == sorted(pair[0] for pair in found)


def test_nothing_is_near_to_nothing() -> None:
    none = np.zeros((0, 32), np.uint8)
    assert [len(side) for side in near_between(none, none, 20)] == [0, 0, 0]
    assert [len(side) for side in near_between(none, np.zeros((3, 32), np.uint8), 31)] == [0, 0, 0]
