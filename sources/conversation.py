"""The rules that turn a dataset's messages into turns. Pure: no file is touched here.

Roles: human, user -> user; gpt, assistant, model, bot, chatgpt -> assistant; system, developer -> system; any other
word is `unknown_role`. After an optional system turn, user and assistant alternate, the user first and the assistant
last; otherwise `wrong_role_order`, or `no_answer` when the last answer is missing or an answer is blank.

Placeholders: a medium stands where its placeholder stood in a user turn; with the placeholder goes exactly one
newline next to it, the following one before the preceding one, and nothing else. `<image>` stands for a video in rows
that have videos and no images. `<video>` is plain text in rows without videos. No placeholder at all: the media come
first in the first user turn, and the sample is flagged `placeholder_added`. Other counts: `placeholder_mismatch`. In
an answer: `placeholder_in_answer`. A row without media keeps `<image>` as text, flagged `placeholder_in_text`; but
where a question starts or ends with a placeholder (on a line of its own, if the row has no key for media at all), a
medium is lost: `placeholder_mismatch`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from curation.records import Flag, Image, Part, Role, Text, Turn, Video
from curation.sources.defects import RowDefect

ROLES: dict[str, Role] = {
    "assistant": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
    "developer": "system",
    "gpt": "assistant",
    "human": "user",
    "model": "assistant",
    "system": "system",
    "user": "user",
}
VIDEO_PLACEHOLDER = "<video>"
Message = tuple[Role, Any]


def read_messages(value: Any) -> list[Message]:
    """Read a list of {from, value} or {role, content} as (role, content); where both forms stand, nulls give way."""
    if not isinstance(value, list | tuple) or not value:
        what = "empty" if value in ([], ()) else type(value).__name__
        raise RowDefect("invalid_row", f"the conversation is {what}, not a list of messages")
    messages: list[Message] = []
    for message in value:
        if not isinstance(message, dict):
            raise RowDefect("invalid_row", f"a message is {type(message).__name__}, not an object")
        role = message.get("from") or message.get("role")
        content = message.get("value")
        if content is None:
            content = message.get("content")
        if not isinstance(role, str):
            raise RowDefect("invalid_row", "a message has no role")
        messages.append((ROLES.get(role) or _role(role), content))
    return messages


def _role(name: str) -> Role:
    role = ROLES.get(name.strip().lower())
    if role is None:
        raise RowDefect("unknown_role", name)
    return role


def text_turn(role: Role, text: str) -> Turn:
    """Return a turn of one text."""
    return Turn(role=role, parts=(Text(text=text),))


def texts_of(messages: Iterable[Message]) -> list[tuple[Role, str]]:
    """Check that all contents are strings; a null answer counts as blank."""
    texts: list[tuple[Role, str]] = []
    for role, content in messages:
        if content is None and role == "assistant":
            raise RowDefect("no_answer", "an answer is null")
        if not isinstance(content, str):
            raise RowDefect("invalid_row", f"the {role}'s text is {type(content).__name__}, not a string")
        texts.append((role, content))
    return texts


def place_media(
    texts: Sequence[tuple[Role, str]],
    images: Sequence[Image],
    videos: Sequence[Video],
    *,
    placeholders: tuple[str, ...] = ("<image>",),
    names_media: bool = True,
) -> tuple[tuple[Turn, ...], tuple[Flag, ...]]:
    """Put media where their placeholders stand in the user turns.

    `names_media`: the row has a key for media, even if it is null.
    """
    takes_videos = bool(videos) or not images
    pattern = _pattern(placeholders, with_video=takes_videos)
    names = (*placeholders, VIDEO_PLACEHOLDER) if takes_videos else placeholders
    counts = [(role, _count(pattern, names, text)) for role, text in texts]
    total = sum([count for role, count in counts if role == "user"])
    num_media = len(images) + len(videos)
    if not num_media:
        lost = total > 0 and _is_marked(texts, placeholders, names_media=names_media)
        return _plain(texts, total, lost=lost)
    for role, reason in (("assistant", "placeholder_in_answer"), ("system", "placeholder_in_system")):
        if stray := sum(count for other, count in counts if other == role):
            raise RowDefect(reason, measured=stray, threshold=0)
    if not total:
        return _media_first(texts, [*images, *videos])
    if total != num_media or (images and videos and _num_videos(texts) != len(videos)):
        raise RowDefect("placeholder_mismatch", _media_words(images, videos), measured=total, threshold=num_media)
    return _filled(texts, images, videos, pattern), ()


def _filled(
    texts: Sequence[tuple[Role, str]], images: Sequence[Image], videos: Sequence[Video], pattern: re.Pattern[str]
) -> tuple[Turn, ...]:
    """Put each medium where its placeholder stands: there are as many of one as of the other."""
    image_queue, video_queue = iter(images), iter(videos)
    turns = []
    for role, text in texts:
        if role != "user":
            turns.append(text_turn(role, text))
            continue
        parts: list[Part] = []
        for position, piece in enumerate(pattern.split(text)):
            if position % 2:
                takes_video = not images or (bool(videos) and piece == VIDEO_PLACEHOLDER)
                parts.append(next(video_queue) if takes_video else next(image_queue))
            elif piece:
                parts.append(Text(text=piece))
        turns.append(Turn(role=role, parts=tuple(parts)))
    return tuple(turns)


def _plain(texts: Sequence[tuple[Role, str]], total: int, *, lost: bool) -> tuple[tuple[Turn, ...], tuple[Flag, ...]]:
    if lost:
        raise RowDefect("placeholder_mismatch", "the row has no medium", measured=total, threshold=0)
    flags = (Flag(reason="placeholder_in_text", measured=total),) if total else ()
    return tuple(text_turn(role, text) for role, text in texts), flags


def _media_first(
    texts: Sequence[tuple[Role, str]], media: list[Image | Video]
) -> tuple[tuple[Turn, ...], tuple[Flag, ...]]:
    turns = [text_turn(role, text) for role, text in texts]
    for position, turn in enumerate(turns):
        if turn.role == "user":
            turns[position] = Turn(role="user", parts=(*media, *(part for part in turn.parts if part != Text(text=""))))
            return tuple(turns), (Flag(reason="placeholder_added", measured=len(media)),)
    raise RowDefect("wrong_role_order", "there is no user turn")


def split_text(text: str, placeholders: tuple[str, ...]) -> list[str | None]:
    """Split a text at its placeholders: None stands for each, blank pieces are left out.

    >>> split_text("<image>\\nWhat is this?", ("<image>",))
    [None, 'What is this?']
    """
    pieces = _pattern(placeholders, with_video=False).split(text)
    return [None if position % 2 else piece for position, piece in enumerate(pieces) if position % 2 or piece]


def check_turns(turns: Sequence[Turn], *, keep_blank: bool = False) -> None:
    """Check the order of a conversation and that its turns say something. Raises RowDefect.

    With `keep_blank` it is enough that somebody asks and somebody answers: a blank turn beside others stays.
    """
    start = 1 if turns and turns[0].role == "system" else 0
    expected: Role = "user"
    for turn in turns[start:]:
        if turn.role != expected:
            raise RowDefect("wrong_role_order", " ".join(turn.role for turn in turns))
        expected = "assistant" if expected == "user" else "user"
    if expected == "assistant" or len(turns) == start:
        raise RowDefect("no_answer", "the last turn is the user's", measured=(len(turns) - start) // 2)
    blank = [turn.role for turn in turns[start:] if not _says_something(turn)]
    for role, reason in (("user", "no_question"), ("assistant", "no_answer")):
        number = sum(each == role for each in blank)
        if number and not (keep_blank and number < (len(turns) - start) // 2):
            raise RowDefect(reason, f"{number} of the {role}'s turns are blank")


def _says_something(turn: Turn) -> bool:
    return any(not isinstance(part, Text) or (part.text and not part.text.isspace()) for part in turn.parts)


def with_system(texts: Sequence[tuple[Role, str]], system: Any) -> list[tuple[Role, str]]:
    """Put the row's own system prompt first, unless the conversation has it already."""
    if not isinstance(system, str) or not system or texts[:1] == [("system", system)]:
        return list(texts)
    return [("system", system), *texts]


@lru_cache(maxsize=64)
def _pattern(placeholders: tuple[str, ...], *, with_video: bool) -> re.Pattern[str]:
    names = (*placeholders, VIDEO_PLACEHOLDER) if with_video else placeholders
    one = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?:\n(?=(?:{one})(?!\n)))?({one})\n?")


def _count(pattern: re.Pattern[str], names: tuple[str, ...], text: str) -> int:
    for name in names:
        if name in text:  # a search for a plain string is 20 times as fast as the pattern
            return sum(1 for _ in pattern.finditer(text))
    return 0


def _is_marked(texts: Sequence[tuple[Role, str]], placeholders: tuple[str, ...], *, names_media: bool) -> bool:
    """Say whether a question starts or ends with a placeholder (on its own line, if the row has no key for media)."""
    marks = (*placeholders, VIDEO_PLACEHOLDER)
    heads = marks if names_media else tuple(f"{mark}\n" for mark in marks)
    tails = marks if names_media else tuple(f"\n{mark}" for mark in marks)
    questions = [text.strip() for role, text in texts if role == "user"]
    return any(text.startswith(heads) or text.endswith(tails) for text in questions)


def _num_videos(texts: Sequence[tuple[Role, str]]) -> int:
    return sum(text.count(VIDEO_PLACEHOLDER) for role, text in texts if role == "user")


def _media_words(images: Sequence[Image], videos: Sequence[Video]) -> str:
    return f"{len(images)} images, {len(videos)} videos"
