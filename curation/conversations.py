"""What a pulled row's columns say of its conversation: [[role, [part, …]], …], each part a text or a medium's place."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

Conversation = Sequence[Any]


def text_columns(conversation: Conversation) -> dict[str, Any]:
    """Return turns, text_chars, answer_sha256 and question_sha256 of a conversation.

    `turns` counts all but system turns; the question is what user and system turns say, with the places of media.

    >>> text_columns([["user", [0, "One?"]], ["assistant", ["1"]]])["turns"]
    2
    """
    return {
        "turns": sum(role != "system" for role, _ in conversation),
        "text_chars": sum(len(part) for _, parts in conversation for part in parts if isinstance(part, str)),
        "answer_sha256": _text_sha256(conversation, {"assistant"}),
        "question_sha256": _text_sha256(conversation, {"user", "system"}),
    }


def without_media(conversation: Conversation) -> list[Any]:
    """Return a conversation that goes on about media that were shown before: without them, and as it would then begin.

    >>> without_media([["user", [0, 1, "\\nWhich?"]], ["assistant", ["The left."]]])
    [['user', ['Which?']], ['assistant', ['The left.']]]
    """
    (role, parts), *rest = conversation
    texts = [part for part in parts if isinstance(part, str)]
    return [[role, [texts[0].lstrip(), *texts[1:]]], *rest]


def questions(conversation: Conversation) -> set[str]:
    """Return what is asked, turn by turn, without the white space around it."""
    asked = (parts for role, parts in conversation if role == "user")
    return {"".join(part for part in parts if isinstance(part, str)).strip() for parts in asked}


def _text_sha256(conversation: Conversation, roles: set[str]) -> str:
    """Hash the words of some roles, and the places of media among them."""
    turns = [[role, [part if isinstance(part, str) else 0 for part in parts]] for role, parts in conversation]
    return hashlib.sha256(orjson.dumps([turn for turn in turns if turn[0] in roles])).hexdigest()
