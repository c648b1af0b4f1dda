"""Two texts beside each other, line by line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from itertools import zip_longest

MIN_WIDTH = 60
EQUAL, DIFFERENT = " │ ", " ≠ "


def rows_beside(left: Iterable[str], right: Iterable[str], *, width: int) -> list[str]:
    """Wrap both sides to half the width and put equal lines in one row; between them │, or ≠ where they differ.

    >>> rows_beside(["one two"], ["one", "three"], width=13)
    ['one   │ one', 'two   ≠ three']
    """
    room = (width - len(EQUAL)) // 2
    sides = [[line for text in texts for line in _wrapped(text, room)] for texts in (left, right)]
    return [f"{one:{room}}{EQUAL if one == other else DIFFERENT}{other}".rstrip() for one, other in _aligned(*sides)]


def _wrapped(text: str, room: int) -> Iterator[str]:
    for line in text.splitlines() or [""]:
        yield from textwrap.wrap(line.expandtabs(4), room) or [""]


def _aligned(left: list[str], right: list[str]) -> Iterator[tuple[str, str]]:
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    for _, start, stop, other_start, other_stop in matcher.get_opcodes():
        yield from zip_longest(left[start:stop], right[other_start:other_stop], fillvalue="")
