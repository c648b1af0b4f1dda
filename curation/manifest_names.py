"""Load manifests with the names that this installation knows: its adapters, filters and profiles."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from curation import manifests
from curation.errors import ManifestError
from curation.manifests import KnownNames, Manifest


def load_manifest(path: str | Path, overrides: Sequence[str] = ()) -> Manifest:
    """Read and check a manifest, with every name and option in it; no data is read.

    `overrides` are `key.path=value` strings, as after `--set`. Raises ManifestError, a line for each problem: where,
    what, the value and the fix.
    """
    return manifests.load_manifest(path, overrides=overrides, known=known_names())


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of manifests with the names that are known here."""
    return manifests.json_schema(known_names())


def known_names() -> KnownNames:
    """Collect the names of adapters, filters and profiles, those of installed third-party packages included."""
    from importlib.metadata import entry_points

    from curation.filters import FILTERS
    from curation.mixtures.profile import profile_names
    from curation.sources import ADAPTERS

    return KnownNames(
        adapters=(*ADAPTERS, *entry_points(group="curation.sources").names),
        filters=(*FILTERS, *entry_points(group="curation.filters").names),
        profiles=profile_names(),
        adapter_options=_adapter_options,
        filter_options=_filter_options,
        filter_problem=_filter_problem,
    )


def _adapter_options(name: str) -> Collection[str]:
    from curation.sources import load_adapter

    return load_adapter(name).CARD.options


def _filter_options(name: str) -> Collection[str] | None:
    from curation.filters import filter_options

    return filter_options(name) or None


def _filter_problem(name: str, options: Mapping[str, Any]) -> str | None:
    from curation.filters import load_filter

    try:
        load_filter(name, options)
    except ManifestError as err:
        return str(err)
    return None
