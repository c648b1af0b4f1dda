"""How values of a table are written in a page: units by the column's name."""

from __future__ import annotations

from typing import Any

from curation.visible import visible


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
    return f"{value:,.6g}" if isinstance(value, float) else visible(str(value))
