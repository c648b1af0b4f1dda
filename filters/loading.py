"""Make filters from what the manifest says."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from curation.errors import ManifestError, nearest
from curation.filters.filter import Filter

ENTRY_POINTS = "curation.filters"


def load_filter(name: str, options: Mapping[str, Any] | str | None = None) -> Filter:
    """Make the filter `name` with its options.

    A string stands for the filter's first option (`where: "turns < 9"`). `name` is one of `curation.filters.FILTERS`,
    an entry point of the group `curation.filters`, or `package.module:Class`. Raises ManifestError.
    """
    found = _class(name)
    make = getattr(found, "from_options", None)
    if make is not None:
        return cast(Filter, make(options or {}))
    fields = filter_options(name)
    if isinstance(options, str):
        if not fields:
            raise ManifestError(f"filters.{name}: takes no options, but '{options}' is given; write only its name")
        options = {fields[0]: options}
    if options is not None and not isinstance(options, Mapping):
        raise ManifestError(f"filters.{name}: options are {options!r}; write a mapping of {', '.join(fields)}")
    given = dict(options or {})
    for key in given:
        if key not in fields:
            raise ManifestError(
                f"filters.{name}: no option named '{key}'{nearest(str(key), fields)} (it has {', '.join(fields)})"
            )
    hints = get_type_hints(found)
    values = {key: _fit(value, hints[key], f"filters.{name}.{key}") for key, value in given.items()}
    missing = [field.name for field in dataclasses.fields(found) if _is_required(field) and field.name not in values]
    if missing:
        raise ManifestError(f"filters.{name}: '{missing[0]}' is missing; write `{name}: {{{missing[0]}: ...}}`")
    return cast(Filter, found(**values))


def filter_options(name: str) -> tuple[str, ...]:
    """Return the names of a filter's options, the one that a bare string stands for first. Raises ManifestError.

    Empty for a filter that makes sense of its options itself (`datatrove` takes the names of datatrove's filters).
    """
    found = _class(name)
    if hasattr(found, "from_options") or not dataclasses.is_dataclass(found):
        return ()
    return tuple(field.name for field in dataclasses.fields(found) if field.init)


def _class(name: str) -> type[Any]:
    from curation.filters import FILTERS

    target = FILTERS.get(name) or (name if ":" in name else _entry_points().get(name))
    if target is None:
        known = sorted({*FILTERS, *_entry_points()})
        raise ManifestError(f"no filter named '{name}'{nearest(name, known)} (there are {', '.join(known)})")
    module, _, attribute = target.partition(":")
    try:
        return cast("type[Any]", getattr(import_module(module), attribute))
    except (ImportError, AttributeError) as err:
        raise ManifestError(f"filters.{name}: can't load '{target}' ({err}); install its package or fix it") from err


def _entry_points() -> dict[str, str]:
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _fit(value: Any, hint: Any, where: str) -> Any:
    """Return a YAML value as the type of its field, or raise ManifestError; no silent conversions but int to float."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value in arguments:
            return value
        choices = ", ".join(map(str, arguments))
        raise ManifestError(f"{where} is {value!r}{nearest(str(value), arguments)}; write one of {choices}")
    if origin in (types.UnionType, Union):
        if value is None and type(None) in arguments:
            return None
        kinds = [argument for argument in arguments if argument is not type(None)]
        if bool in kinds and (isinstance(value, bool) or kinds == [bool]):
            return _fit(value, bool, where)
        return _fit(value, next(kind for kind in kinds if kind is not bool), where)
    if origin is tuple:
        items = list(value) if isinstance(value, (list, tuple)) else [value]
        return tuple(_fit(item, arguments[0], where) for item in items)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    expected = origin or hint
    if expected is Any or (isinstance(value, expected) and (expected is bool or not isinstance(value, bool))):
        return value
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    raise ManifestError(f"{where} is {value!r}; write {words.get(expected, 'a mapping')}")
