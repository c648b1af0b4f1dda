"""`repetition`: answers that say the same over and over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from curation.errors import ManifestError
from curation.filters.filter import Action, Tables

if TYPE_CHECKING:
    import pyarrow as pa

MIN_LINES = 6
MIN_WORDS = 60
NGRAM_WORDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """Drop samples whose answer repeats its own lines or word sequences, as generated chains of thought do in a loop.

    `lines`: the largest share of an answer's non-empty lines that may occur earlier in it (0.3 as in Gopher; answers of
    fewer than 6 lines, and lines without a letter or digit such as table rules, don't count). `ngrams`: the largest
    share of its 10-word sequences that may occur earlier in it (0.3; answers of fewer than 60 words don't count).
    Numbers are words like others, so a table of different numbers is no repetition. Reasons `repeated_lines` and
    `repeated_ngrams`, measured: the share.
    """

    name: ClassVar[str] = "repetition"
    version: ClassVar[int] = 1
    is_guarded: ClassVar[bool] = True
    reads_media: ClassVar[bool] = False

    lines: float = 0.3
    ngrams: float = 0.3
    action: Action = "drop"

    def __post_init__(self) -> None:
        for option, value in (("lines", self.lines), ("ngrams", self.ngrams)):
            if not 0 <= value <= 1:
                raise ManifestError(f"filters.repetition.{option} is {value}; write a share from 0 to 1")

    def ledger(self, tables: Tables) -> pa.Table:
        """Return a row for each answer that repeats itself; the worse of its two measures when both are over."""
        names = ("sample_id", "reason", "measured", "threshold", "detail")
        found: Iterator[dict[str, object]] = (dict(zip(names, row, strict=True)) for row in self._found(tables))
        return tables.decided(self.name, self.action, found)

    def _found(self, tables: Tables) -> Iterator[tuple[str, str, float, float, str]]:
        for batch in tables.texts(None):
            for sample_id, answer in zip(batch["sample_id"].to_pylist(), batch["answer"].to_pylist(), strict=True):
                measures = [
                    ("repeated_lines", *repeated_lines(answer), self.lines),
                    ("repeated_ngrams", *repeated_ngrams(answer), self.ngrams),
                ]
                over = [measure for measure in measures if measure[1] > measure[3]]
                if over:
                    reason, share, example, threshold = max(over, key=lambda measure: measure[1] - measure[3])
                    yield sample_id, reason, share, threshold, json.dumps({"example": example[:200]})


def repeated_lines(text: str) -> tuple[float, str]:
    """Return the share of lines that occurred before and the first of them; 0 for fewer than 6 lines.

    >>> repeated_lines("a\\nb\\nc\\nd\\na\\na")
    (0.3333333333333333, 'a')
    """
    lines = [line.strip() for line in text.splitlines() if any(char.isalnum() for char in line)]
    return _repeated(lines) if len(lines) >= MIN_LINES else (0.0, "")


def repeated_ngrams(text: str) -> tuple[float, str]:
    """Return the share of 10-word sequences that occurred before and the first of them; 0 for fewer than 60 words."""
    words = text.split()
    if len(words) < MIN_WORDS:
        return 0.0, ""
    return _repeated([" ".join(words[start : start + NGRAM_WORDS]) for start in range(len(words) - NGRAM_WORDS + 1)])


def _repeated(items: list[str]) -> tuple[float, str]:
    seen: set[str] = set()
    first = ""
    for item in items:
        if item in seen:
            first = first or item
        seen.add(item)
    return (len(items) - len(seen)) / len(items), first
