"""Which row keys a task has given out: a file of millions of rows costs no memory where its rows are counted up."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

_MAX_RUNS = 64


@dataclass(slots=True)
class RowKeys:
    """The keys met so far.

    Keys `<prefix><number>` that rise by one are kept as runs of numbers (at most 64), all others as 16 bytes each.
    """

    prefix: str
    _runs: list[range] = field(default_factory=list)
    _others: set[bytes] = field(default_factory=set)

    def add(self, row_key: str) -> bool:
        """Add a key; return False when it was there.

        >>> keys = RowKeys("a:")
        >>> [keys.add(key) for key in ("a:0", "a:1", "b", "a:1", "b")]
        [True, True, True, False, False]
        """
        number = self._number(row_key)
        if number is None:
            return self._add_other(row_key)
        is_next = bool(self._runs) and number == self._runs[-1].stop
        if is_next and len(self._runs) < _MAX_RUNS:
            self._runs[-1] = range(self._runs[-1].start, number + 1)
            return True
        if any(number in run for run in self._runs):
            return False
        if len(self._runs) >= _MAX_RUNS or (self._runs and number < self._runs[-1].stop):
            return self._add_other(row_key)
        self._runs.append(range(number, number + 1))
        return True

    def _number(self, row_key: str) -> int | None:
        digits = row_key[len(self.prefix) :]
        is_plain = row_key.startswith(self.prefix) and digits.isascii() and digits.isdecimal()
        return int(digits) if is_plain and len(digits) < 16 and (digits[0] != "0" or digits == "0") else None

    def _add_other(self, row_key: str) -> bool:
        key = hashlib.blake2b(row_key.encode(), digest_size=16).digest()
        if key in self._others:
            return False
        self._others.add(key)
        return True
