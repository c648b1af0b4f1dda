"""The options of a source: checked against its card, read with their types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.errors import ManifestError, nearest
from curation.records import Card, Location

COLUMNS_OPTION = {"columns": "names of further scalar values of a row to keep for filters"}


def check_options(card: Card, options: Mapping[str, Any]) -> None:
    """Refuse options that the card does not list.

    Raises:
        ManifestError: naming the option and the nearest that exists.

    """
    for name in options:
        if name not in card.options:
            hint = nearest(name, card.options) or f"; it knows {', '.join(card.options) or 'none'}"
            raise ManifestError(f"source options: adapter '{card.name}' has no option named '{name}'{hint}")


def text_option(location: Location, name: str, default: str | None = None) -> str | None:
    """Return an option that is a string."""
    value = location.options.get(name, default)
    if value is not None and not isinstance(value, str):
        raise _wrong(name, value, "a string")
    return value


def flag_option(location: Location, name: str) -> bool:
    """Return an option that is true or false; false by default."""
    value = location.options.get(name, False)
    if not isinstance(value, bool):
        raise _wrong(name, value, "true or false")
    return value


def rate_option(location: Location, name: str) -> float | None:
    """Return an option that is a number above zero."""
    value = location.options.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise _wrong(name, value, "a number above 0")
    return float(value)


def names_option(location: Location, name: str) -> tuple[str, ...]:
    """Return an option that is a list of strings; a single string is a list of one."""
    value = location.options.get(name, ())
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise _wrong(name, value, "a list of strings")
    return tuple(value)


def choice_option(location: Location, name: str, choices: tuple[str, ...]) -> str:
    """Return an option that is one of the choices; the first by default."""
    value = location.options.get(name, choices[0])
    if value not in choices:
        raise _wrong(name, value, f"one of {', '.join(choices)}{nearest(str(value), choices)}")
    return str(value)


def count_option(location: Location, name: str, default: int, *, least: int = 0) -> int:
    """Return an option that is a whole number, at least `least`."""
    value = location.options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise _wrong(name, value, f"a whole number from {least} on")
    return value


def _wrong(name: str, value: object, wanted: str) -> ManifestError:
    return ManifestError(f"source options: '{name}' is {value!r}; give {wanted}")
