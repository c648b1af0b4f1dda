"""Read values out of a parsed row: the first that is there, the row's own id, what becomes a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curation.sources.defects import RowDefect

_ID_NAMES = ("id", "sample_id", "question_id", "questionId", "uuid")


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return a row that is a mapping, or raise `invalid_row`."""
    if not isinstance(value, dict):
        raise RowDefect("invalid_row", f"the row is {type(value).__name__}, not an object")
    return value


def first_value(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    """Return the first of the named values that is not null, or null.

    >>> first_value({"answer": None, "output": "Red."}, ("answer", "response", "output"))
    'Red.'
    """
    for name in names:
        value = row.get(name)
        if value is not None:
            return value
    return None


def row_id_of(row: Mapping[str, Any], *names: str) -> str | None:
    """Return the row's own id under the first of the names that is a string or a whole number."""
    for name in names or _ID_NAMES:
        if name in row:
            value = row[name]
            if isinstance(value, str):
                return value
            if isinstance(value, int) and not isinstance(value, bool):
                return str(value)
    return None


def scalar_columns(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the named values of a row that are scalars; others and absent ones are null."""
    if not names:
        return {}
    values = ((name, row.get(name)) for name in names)
    return {name: value if isinstance(value, str | int | float | bool) else None for name, value in values}
