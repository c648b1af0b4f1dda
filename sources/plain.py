"""Build the turns of plain rows: most rows of most text sets have nothing odd about them.

The rules of `curation.sources.conversation` cost ten times what parsing a row costs. Here one pass decides that none of
them applies and builds the turns; where it can't be sure it returns None, and the rules are asked.
"""

from __future__ import annotations

from typing import Any

from curation.records import Role, Turn
from curation.sources.conversation import ROLES, VIDEO_PLACEHOLDER, text_turn


def plain_turns(talk: Any, placeholder: str) -> tuple[Turn, ...] | None:
    """Return the turns of a row without media: user and assistant in turn, their words strings, no placeholder in them.

    None where anything else is there; then the rules decide. `placeholder` begins with `<`.
    """
    if type(talk) is not list or not talk or len(talk) % 2:
        return None
    turns: list[Turn] = []
    expected: Role = "user"
    roles = ROLES
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
            turns.append(text_turn(role, text))
    except (KeyError, TypeError):  # another role, another form, or no message at all
        return None
    return tuple(turns)
