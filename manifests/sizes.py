"""Read the sizes people write: `50M` and `1.5B` are counts, `256MB` and `2GiB` are bytes."""

from __future__ import annotations

import re
from fractions import Fraction

COUNT_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
BYTE_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12} | {
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}
COUNT_PATTERN = r"^[0-9]+(\.[0-9]+)?\s*[KkMmBbTt]?$"
BYTE_PATTERN = r"^[0-9]+(\.[0-9]+)?\s*([KkMmGgTt][Ii]?[Bb])?$"
_LARGEST = 2**63 - 1


def parse_count(value: int | float | str) -> int:
    """Read a count such as 50000, `200K`, `50M` or `1.5B` (a thousand millions).

    Raises ValueError for anything else, for a negative count and for one that is no whole number.

    >>> parse_count("1.5B")
    1500000000
    """
    return _parse(value, COUNT_UNITS, COUNT_PATTERN)


def parse_bytes(value: int | float | str) -> int:
    """Read a number of bytes such as 4096, `256MB` (millions) or `2GiB` (powers of 1024).

    Raises ValueError for anything else, for a negative size and for one that is no whole number of bytes.

    >>> parse_bytes("2GiB")
    2147483648
    """
    return _parse(value, BYTE_UNITS, BYTE_PATTERN)


def _parse(value: int | float | str, units: dict[str, int], pattern: str) -> int:
    if isinstance(value, bool):
        raise ValueError(value)
    if isinstance(value, str):
        if len(value) > 40 or not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(value)
        digits = value.rstrip("KkMmGgTtIiBb \t\n")
        exact = Fraction(digits) * units[value[len(digits) :].strip().upper()]
    else:
        try:
            exact = Fraction(value)
        except OverflowError as err:  # an infinity
            raise ValueError(value) from err
    if exact.denominator != 1 or not 0 <= exact <= _LARGEST:
        raise ValueError(value)
    return int(exact)
