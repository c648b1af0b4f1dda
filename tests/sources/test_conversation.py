"""The rules for roles, order and placeholders."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.records import Image, Role, Text, Turn, Video
from curation.sources.conversation import check_turns, place_media, read_messages, split_text, with_system
from curation.sources.defects import RowDefect

A, B = Image(content=b"a", name="a"), Image(content=b"b", name="b")
V = Video(content=b"v", name="v")


def _parts(question: str, images: list[Image], videos: list[Video] | None = None) -> list[object]:
    turns, _ = place_media([("user", question), ("assistant", "x")], images, videos or [])
    return [part.text if isinstance(part, Text) else part.name for part in turns[0].parts]


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("<image>\nWhat?", ["a", "What?"]),
        ("What?\n<image>", ["What?", "a"]),
        ("Look\n<image>\nnow", ["Look\n", "a", "now"]),  # one newline goes, the one behind
        ("And <image> this?", ["And ", "a", " this?"]),
        ("<image>\n\nWhat?", ["a", "\nWhat?"]),
        (" <image> ", [" ", "a", " "]),
    ],
)
def test_an_image_stands_where_its_placeholder_stood(question: str, parts: list[str]) -> None:
    assert _parts(question, [A]) == parts


def test_several_placeholders_take_the_images_in_order() -> None:
    assert _parts("<image>\n<image>\nCompare.", [A, B]) == ["a", "b", "Compare."]
    assert _parts("<image><image>\nCompare.", [A, B]) == ["a", "b", "Compare."]
    assert _parts("First\n<image>\nSecond\n<image>", [A, B]) == ["First\n", "a", "Second", "b"]


def test_image_stands_for_a_video_and_video_for_text_without_videos() -> None:
    assert _parts("<image>\nWhat?", [], [V]) == ["v", "What?"]
    assert _parts("<video>\nWhat?", [], [V]) == ["v", "What?"]
    assert _parts("<image>\nWrite a <video> tag.", [A]) == ["a", "Write a <video> tag."]
    assert _parts("<video> and <image>", [A], [V]) == ["v", " and ", "a"]


def test_without_placeholder_the_media_come_first_and_are_flagged() -> None:
    turns, flags = place_media([("system", "s"), ("user", "Compare."), ("assistant", "x")], [A, B], [])
    assert turns[1].parts == (A, B, Text(text="Compare."))
    assert [(flag.reason, flag.measured) for flag in flags] == [("placeholder_added", 2)]


@pytest.mark.parametrize(("question", "images", "videos"), [("<image>\nx", [A, B], []), ("<image><image>", [A], [])])
def test_other_counts_are_a_mismatch_with_both_numbers(question: str, images: list[Image], videos: list[Video]) -> None:
    with pytest.raises(RowDefect) as caught:
        place_media([("user", question)], images, videos)
    assert caught.value.reason == "placeholder_mismatch"
    assert (caught.value.measured, caught.value.threshold) == (question.count("<image>"), len(images))


def test_two_images_and_no_video_placeholder_do_not_take_a_video() -> None:
    with pytest.raises(RowDefect, match="placeholder_mismatch"):
        place_media([("user", "<image><image>\nx")], [A], [V])


def test_a_placeholder_in_an_answer_is_a_defect_only_where_there_are_media() -> None:
    with pytest.raises(RowDefect, match="placeholder_in_answer"):
        place_media([("user", "x"), ("assistant", "see <image>")], [A], [])
    turns, flags = place_media([("user", "x"), ("assistant", "see <image>")], [], [])
    assert turns[1].parts == (Text(text="see <image>"),)
    assert flags == ()


def test_a_literal_placeholder_in_text_stays_but_a_lost_image_is_a_mismatch() -> None:
    turns, flags = place_media([("user", "What does <image> mean?")], [], [], names_media=False)
    assert turns[0].parts == (Text(text="What does <image> mean?"),)
    assert [flag.reason for flag in flags] == ["placeholder_in_text"]
    for names_media in (True, False):
        with pytest.raises(RowDefect, match="placeholder_mismatch"):
            place_media([("user", "<image>\nWhat?")], [], [], names_media=names_media)


def test_another_placeholder_can_be_named() -> None:
    turns, _ = place_media([("user", "<IMG>\nWhat is <image>?")], [A], [], placeholders=("<IMG>",))
    assert turns[0].parts == (A, Text(text="What is <image>?"))


@given(st.lists(st.sampled_from(["<image>", "\n", "word", " ", "<im"]), max_size=12))
def test_nothing_but_placeholders_and_their_newlines_is_lost(tokens: list[str]) -> None:
    text = "".join(tokens)
    pieces = split_text(text, ("<image>",))
    kept = "".join(piece for piece in pieces if piece is not None)
    bare = text.replace("<image>", "")
    assert pieces.count(None) == text.count("<image>")
    assert kept.replace("\n", "") == bare.replace("\n", "")
    assert 0 <= bare.count("\n") - kept.count("\n") <= pieces.count(None)


def test_only_certain_role_names_are_mapped() -> None:
    messages = [{"from": "human", "value": "q"}, {"role": "Assistant", "content": "a", "from": None, "value": None}]
    assert read_messages(messages) == [("user", "q"), ("assistant", "a")]
    for name in ("tool", "observation", "pretrain", "function_call"):
        with pytest.raises(RowDefect, match="unknown_role"):
            read_messages([{"role": name, "content": "x"}])


@pytest.mark.parametrize("value", [None, [], "text", [3], [{"value": "x"}], {"from": "human"}])
def test_messages_of_the_wrong_type_are_invalid(value: Any) -> None:
    with pytest.raises(RowDefect, match="invalid_row"):
        read_messages(value)


@pytest.mark.parametrize(
    ("roles", "texts", "reason"),
    [
        ("ua", "qa", None),
        ("sua", "sqa", None),
        ("uaua", "qaqa", None),
        ("au", "aq", "wrong_role_order"),
        ("uua", "qqa", "wrong_role_order"),
        ("usa", "qsa", "wrong_role_order"),
        ("uau", "qaq", "no_answer"),
        ("u", "q", "no_answer"),
        ("s", "s", "no_answer"),
        ("ua", "q ", "no_answer"),
        ("ua", " a", "no_question"),
    ],
)
def test_turns_alternate_and_end_with_an_answer(roles: str, texts: str, reason: str | None) -> None:
    names: dict[str, Role] = {"s": "system", "u": "user", "a": "assistant"}
    turns = [Turn(role=names[role], parts=(Text(text=text.strip()),)) for role, text in zip(roles, texts, strict=True)]
    if reason is None:
        check_turns(turns)
        return
    with pytest.raises(RowDefect, match=reason):
        check_turns(turns)


def test_the_system_prompt_of_a_row_comes_first_once() -> None:
    assert with_system([("user", "q")], "s") == [("system", "s"), ("user", "q")]
    assert with_system([("system", "s"), ("user", "q")], "s") == [("system", "s"), ("user", "q")]
    assert with_system([("user", "q")], None) == [("user", "q")]
