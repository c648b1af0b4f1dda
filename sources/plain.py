"""Build the records of plain rows: most rows of most text sets have nothing odd about them.

The rules of `curation.sources.conversation` cost ten times what parsing a row costs. Here one pass decides that none of
them applies and builds the turns; where it can't be sure it returns None, and the rules are asked. Records are made by
filling their slots: a frozen dataclass's own `__init__` takes two to three times as long, and it is most of the work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.records import Role, Sample, Text, Turn
from curation.sources.conversation import ROLES, VIDEO_PLACEHOLDER

_new = object.__new__
_set_text = vars(Text)["text"].__set__
_set_role, _set_parts = (vars(Turn)[name].__set__ for name in ("role", "parts"))
_set_key, _set_turns, _set_id, _set_kind, _set_columns, _set_flags = (
    vars(Sample)[name].__set__ for name in ("row_key", "turns", "row_id", "kind", "columns", "flags")
)


def text_turn(role: Role, text: str) -> Turn:
    """Return a turn of one text."""
    part = _new(Text)
    _set_text(part, text)
    turn = _new(Turn)
    _set_role(turn, role)
    _set_parts(turn, (part,))
    return turn


def plain_sample(row_key: str, row_id: str | None, turns: tuple[Turn, ...], columns: Mapping[str, Any]) -> Sample:
    """Return a sample without flags whose kind is left to its card and media."""
    sample = _new(Sample)
    _set_key(sample, row_key)
    _set_turns(sample, turns)
    _set_id(sample, row_id)
    _set_kind(sample, None)
    _set_columns(sample, columns)
    _set_flags(sample, ())
    return sample


def plain_turns(talk: Any, placeholder: str) -> tuple[Turn, ...] | None:
    """Return the turns of a row without media: user and assistant in turn, their words strings, no placeholder in them.

    None where anything else is there; then the rules decide. `placeholder` begins with `<`.
    """
    if type(talk) is not list or not talk or len(talk) % 2:
        return None
    turns: list[Turn] = []
    expected: Role = "user"
    new, set_text, set_role, set_parts, roles = _new, _set_text, _set_role, _set_parts, ROLES
    try:
        for message in talk:
            if "from" in message:
                role, text = roles[message["from"]], message["value"]
            elif "value" in message:
                return None
            else:
                role, text = roles[message["role"]], message["content"]
            if role != expected or type(text) is not str or not text or text.isspace():
                return None
            if "<" in text and (placeholder in text or VIDEO_PLACEHOLDER in text):
                return None
            expected = "assistant" if role == "user" else "user"
            part = new(Text)
            set_text(part, text)
            turn = new(Turn)
            set_role(turn, role)
            set_parts(turn, (part,))
            turns.append(turn)
    except (KeyError, TypeError):  # another role, another form, or no message at all
        return None
    return tuple(turns)
