"""The names of control tokens that stand in a dataset's own text, where they are plain text or, by choice, are not."""

from __future__ import annotations

import re
from collections.abc import Mapping


class ControlText:
    """Finds the names of control tokens in text, where they are no control tokens."""

    def __init__(self, special: Mapping[str, int]) -> None:
        self._special = special
        longest_first = sorted(special, key=len, reverse=True)
        self._splitter = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")
        is_bracketed = all(re.fullmatch("<[^<>]+>", name) for name in special)
        self._hint = "<" if is_bracketed else ""
        self._finder = re.compile("<[^<>]+>") if is_bracketed else self._splitter

    def count(self, text: str) -> dict[str, int]:
        """Return how often each control token's name stands in a text."""
        if self._hint not in text:
            return {}
        found: dict[str, int] = {}
        for name in self._finder.findall(text):
            if name in self._special:
                found[name] = found.get(name, 0) + 1
        return found

    def split(self, text: str) -> list[str]:
        """Cut a text at the names: text and names alternate, beginning and ending with text."""
        return self._splitter.split(text)
