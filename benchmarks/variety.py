"""Make rows that differ: ids and texts of their own, media of real size.

Texts are words of a vocabulary of 20,000: a reader that meets the same line again and again is served by caches. They
are put in behind a text's first word, so that marks of notations and placeholders stay where they are.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

IMAGE_BYTES, VIDEO_BYTES = 50_000, 500_000
TEXTS = frozenset(
    [
        "text",
        "value",
        "content",
        "question",
        "answer",
        "caption",
        "rationale",
        "solution",
        "problem",
        "user",
        "assistant",
        "output",
        "query",
        "instruction",
        "response",
        "label",
        "description",
        "deepseek_reasoning",
        "deepseek_solution",
        "text_list",
        "txt",
    ]
)
IDS = frozenset(("id", "sample_id", "question_id", "hexsha", "URL"))
_FIRST_SPACE = re.compile(r"\s+")


class Variety:
    """Texts and bytes that differ from each other, cut out of two large blocks at random places."""

    def __init__(self, num_words: int, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
        vocabulary = ["".join(random.choice(letters[:20], size)) for size in random.integers(2, 11, 20_000)]
        self._words = " ".join(vocabulary[index] for index in random.integers(0, 20_000, 1_000_000))
        self._noise = random.bytes(16 << 20)
        self._starts: Iterator[float] = iter(random.random(1))
        self._random = random
        self._num_chars = num_words * 7

    def text(self) -> str:
        """Return so many words, each time others."""
        start = self._start(len(self._words) - 2 * self._num_chars)
        start = self._words.index(" ", start) + 1
        return self._words[start : self._words.index(" ", start + self._num_chars)]

    def medium(self, data: bytes) -> bytes:
        """Lengthen a medium."""
        size = 50_000 if data[4:8] != b"ftyp" else 500_000
        start = self._start(len(self._noise) - size)
        return data + self._noise[start : start + size - len(data)]

    def row(self, row: Any, number: int) -> Any:
        """Return a row with an id and texts of its own; the same text in a row stays the same."""
        return self._value(row, "", number, {})

    def _start(self, end: int) -> int:
        start = next(self._starts, None)
        if start is None:
            self._starts = iter(self._random.random(10_000).tolist())
            start = next(self._starts)
        return int(start * end)

    def _value(self, value: Any, key: str, number: int, seen: dict[str, str]) -> Any:
        if isinstance(value, dict):
            return {name: self._value(one, name, number, seen) for name, one in value.items()}
        if isinstance(value, list):
            is_short = key != "text_list" and value and isinstance(value[0], str)
            return value if is_short else [self._value(one, key, number, seen) for one in value]
        if isinstance(value, bytes):
            return value if key == "pdf" else self.medium(value)
        if isinstance(value, str) and value.startswith("iVBORw0KGgo"):
            return base64.b64encode(self.medium(base64.b64decode(value))).decode()
        if key in IDS and isinstance(value, str | int):
            return f"{value}-{number}" if isinstance(value, str) else number
        if key in TEXTS and isinstance(value, str) and value:
            if value not in seen:
                seen[value] = _longer(value, self.text())
            return seen[value]
        return value


def _longer(text: str, words: str) -> str:
    space = _FIRST_SPACE.search(text)
    if space is None or space.end() == len(text):
        return f"{text} {words}"
    return f"{text[: space.end()]}{words}{space[0]}{text[space.end() :]}"
