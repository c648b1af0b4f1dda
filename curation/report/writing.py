"""How values are written in a page: units by the column's name, invisible characters made visible."""

from __future__ import annotations

from typing import Any

# Control characters, and those that turn the direction of the text around them, as what can be seen.
_VISIBLE = {code: 0x2400 + code for code in range(32) if code not in (9, 10)} | {0x7F: 0x2421}
_VISIBLE |= dict.fromkeys([*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFFFE, 0xFFFF], 0xFFFD)


def visible(value: object) -> str:
    """Write a value with its invisible characters shown; tabs and line ends stay.

    >>> visible("a\\x00b")
    'a␀b'
    """
    return str(value).translate(_VISIBLE)


def cell(value: Any, column: str) -> str:
    """Write one value of a table; a column that ends in share, fill or fraction is a percentage.

    >>> cell(0.5, "asked_share"), cell(1234567, "tokens"), cell(None, "tokens")
    ('50.00 %', '1,234,567', '–')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and column.endswith(("share", "fill", "fraction")):
        return f"{100 * value:.2f} %"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.6g}" if isinstance(value, float) else visible(value)
