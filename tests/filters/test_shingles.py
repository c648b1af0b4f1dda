"""Words, 5-grams and their minima, against the same in plain Python."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.filters.matches import decide
from curation.filters.near_duplicate_text import num_bands
from curation.filters.shingles import jaccard, minhash, shingles, split_words

TEXTS = st.text(st.sampled_from("ab1 .+\n\x00éλ≤日本’"), max_size=40)


def plain_words(text: str) -> list[str]:
    """Split as the module says, with a regular expression."""
    return re.findall(r"[\u3000-\ud7ff]|[a-z0-9\x80-\u2fff]+", text.lower())


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(TEXTS, max_size=6))
def test_words_are_those_of_a_regular_expression_whatever_else_is_in_the_batch(texts: list[str]) -> None:
    found = split_words(texts)
    expected = [plain_words(text) for text in texts]
    assert np.diff(found.bounds).tolist() == [len(words) for words in expected]
    flat = [word for words in expected for word in words]
    assert len(set(found.words.tolist())) == len(set(flat))
    assert len(set(zip(flat, found.words.tolist(), strict=True))) == len(set(flat))
    for index, text in enumerate(texts):
        alone = split_words([text])
        assert alone.words.tolist() == found.words[found.bounds[index] : found.bounds[index + 1]].tolist()
        assert alone.symbols[0] == found.symbols[index]


@settings(max_examples=50, deadline=None)
@given(one=st.lists(st.sampled_from("abcd"), max_size=20), other=st.lists(st.sampled_from("abcd"), max_size=20))
def test_jaccard_of_shingles_is_that_of_sets_of_word_tuples(one: list[str], other: list[str]) -> None:
    found, bounds = shingles(split_words([" ".join(one), " ".join(other)]))
    sets = [np.unique(found[bounds[index] : bounds[index + 1]]) for index in range(2)]
    plain = [
        {tuple(words[start : start + 5]) for start in range(max(len(words) - 4, min(len(words), 1)))}
        for words in (one, other)
    ]
    union = plain[0] | plain[1]
    assert jaccard(*sets) == (len(plain[0] & plain[1]) / len(union) if union else 1.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("what is 12 + 7?", "what is 12 + 8?"),
        ("what is 12 + 7?", "what is 12 - 7?"),
        ("solve for x", "solve for y"),
        ("is x < y", "is x > y"),
        ("is x ≤ y", "is x ≥ y"),
        ("the angle α", "the angle β"),
        ("page 3.5", "page 35"),
    ],
)
def test_numbers_operators_and_letters_tell_texts_apart(one: str, other: str) -> None:
    symbols = split_words([one, other]).symbols
    assert symbols[0] != symbols[1]


def test_other_words_and_punctuation_do_not_change_the_symbols() -> None:
    symbols = split_words(["A cat, 3 dogs.", "a bird; 3 dogs!", "I saw 3"]).symbols
    assert len(set(symbols.tolist())) == 1


def test_equal_minima_estimate_the_jaccard_similarity() -> None:
    """400 minima have a standard error of at most 0.025."""
    words = [f"w{number}" for number in range(400)]
    found, bounds = shingles(split_words([" ".join(words), " ".join([*words[:300], *(f"v{n}" for n in range(100))])]))
    sets = [np.unique(found[bounds[index] : bounds[index + 1]]) for index in range(2)]
    minima = minhash(found, bounds, 400)
    assert abs((minima[0] == minima[1]).mean() - jaccard(*sets)) < 0.1


def test_texts_without_words_have_no_shingles_and_the_largest_minima() -> None:
    found, bounds = shingles(split_words(["", "?!", "one"]))
    assert bounds.tolist() == [0, 0, 0, 1]
    assert (minhash(found, bounds, 3)[:2] == 0xFFFFFFFF).all()


@pytest.mark.parametrize("similarity", [0.5, 0.7, 0.8, 0.9, 1.0])
def test_bands_find_99_of_100_pairs_at_the_similarity(similarity: float) -> None:
    bands, rows = num_bands(similarity)
    assert bands * rows <= 120
    assert 1 - (1 - similarity**rows) ** bands >= 0.99


def test_likeness_does_not_drift_along_a_chain() -> None:
    """1 is like 2, 2 like 3, 3 like 4: 3 stays, since 2 is gone and 1 is not like it."""
    matches = decide([(2, 1), (3, 1), (3, 2), (4, 3)], lambda place, other: 1.0 if place - other == 1 else None)
    assert [(match.place, match.other) for match in matches] == [(2, 1), (4, 3)]
