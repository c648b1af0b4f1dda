"""The smallest manifest, and the names that the tests' manifests may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from curation.manifests import KnownNames

SMALLEST = "version: 1\nprofile: smolvlm2-256m\nsources:\n  docs: {adapter: llava, uri: docs.jsonl}\n"

FILTER_OPTIONS = {"cap": ("by", "max"), "duration": ("max_seconds",), "where": ("sql",), "exact_duplicates": ("scope",)}


def _filter_problem(name: str, options: Mapping[str, Any]) -> str | None:
    wants_max = name == "cap" and not isinstance(options.get("max"), int)
    return f"filters.cap.max is {options.get('max')!r}; write a whole number" if wants_max else None


options_of_llava: Callable[[str], tuple[str, ...] | None] = {"llava": ("columns", "fps")}.get

KNOWN = KnownNames(
    adapters=("chat", "docmatix", "llava"),
    filters=tuple(FILTER_OPTIONS),
    profiles=("smolvlm2-256m", "smolvlm2-500m"),
    adapter_options=options_of_llava,
    filter_options=FILTER_OPTIONS.get,
    filter_problem=_filter_problem,
)
