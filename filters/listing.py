"""The reference of all filters and ready benchmarks as Markdown, made from the code, and its place in a page.

python -m curation.filters.listing docs/filters.md
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import types
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from curation.filters import FILTERS
from curation.filters.benchmarks import BENCHMARKS
from curation.markdown import markdown_table, with_part, write_pages

_WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false"}


def filters_reference() -> str:
    """Return a section for each built-in filter: what its docstring says, its options; and the ready benchmarks."""
    sections = [_section(name, target) for name, target in FILTERS.items()]
    rows = ((f"`{each.name}`", ", ".join(f"`{place}`" for place in each.places)) for each in BENCHMARKS.values())
    table = markdown_table(("name", "read from"), rows)
    return "\n".join([*sections, f"## Benchmarks by name\n\nFor `contamination: {{against: [...]}}`.\n\n{table}"])


def with_reference(page: str) -> str:
    """Return a page with the reference between its markers. Raises CurationError when it has no such place."""
    return with_part(page, "filters", filters_reference())


def _section(name: str, target: str) -> str:
    module, _, attribute = target.partition(":")
    found = getattr(import_module(module), attribute)
    return f"## `{name}`\n\n{inspect.getdoc(found)}\n\n{markdown_table(('option', 'is', 'default'), _options(found))}"


def _options(found: Any) -> Iterator[tuple[str, str, str]]:
    hints = get_type_hints(found)
    for field in dataclasses.fields(found):
        if field.name == "rules" and hasattr(found, "from_options"):
            yield "`ClassName`", "mapping of its options", "required"
            continue
        is_required = field.default is dataclasses.MISSING
        default = "required" if is_required else f"`{json.dumps(field.default, ensure_ascii=False)}`"
        yield f"`{field.name}`", _kind(hints[field.name]), default


def _kind(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin in (types.UnionType, Union):
        return " or ".join("null" if each is type(None) else _kind(each) for each in arguments)
    return f"list of {_kind(arguments[0])}" if origin is tuple else _WORDS[hint]


if __name__ == "__main__":
    write_pages(with_reference)
