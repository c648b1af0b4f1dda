"""Plain rows take a short way: what comes out is what the rules would have made."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from curation.records import Turn
from curation.sources.conversation import check_turns, place_media, read_messages, texts_of
from curation.sources.defects import RowDefect
from curation.sources.plain import plain_turns

ROLES = st.sampled_from(["human", "gpt", "user", "assistant", "system", "Human", "tool", "", None])
WORDS = st.sampled_from(["Why?", " ", "", "<image>\nWhy?", "a <b> c", "<video>", "\n<image>", None, 7, "é\u2028"])
MESSAGES = st.one_of(
    st.fixed_dictionaries({"from": ROLES, "value": WORDS}),
    st.fixed_dictionaries({"role": ROLES, "content": WORDS}),
    st.fixed_dictionaries({"from": ROLES, "value": WORDS, "role": ROLES, "content": WORDS}),
    st.fixed_dictionaries({"role": ROLES, "value": WORDS, "content": WORDS}),
    st.sampled_from(["from", 3, None, {}, {"from": "human"}, ["from", "value"]]),
)
GOOD = st.lists(st.sampled_from(["Why?", "a <b> c", "x"]), max_size=4).map(
    lambda words: [{"from": ("human", "gpt")[number % 2], "value": word} for number, word in enumerate(words)]
)


def by_the_rules(talk: Any) -> tuple[Turn, ...]:
    """Return the turns that the rules make of a row without media."""
    turns, flags = place_media(texts_of(read_messages(talk)), [], [], names_media=False)
    check_turns(turns)
    assert not flags
    return turns


@settings(max_examples=400, deadline=None)
@given(st.lists(MESSAGES, max_size=4) | GOOD | st.sampled_from([None, "human", {}, ()]))
def test_the_short_way_makes_what_the_rules_make_or_nothing(talk: Any) -> None:
    turns = plain_turns(talk, "<image>")
    if turns is not None:
        assert turns == by_the_rules(talk)


@given(GOOD)
def test_the_short_way_is_taken_where_nothing_is_odd(talk: list[dict[str, str]]) -> None:
    try:
        expected = by_the_rules(talk)
    except RowDefect:
        assert plain_turns(talk, "<image>") is None
    else:
        assert plain_turns(talk, "<image>") == expected
