"""Look before a build: is a manifest good, and what do the first rows of a source look like."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from itertools import islice
from pathlib import Path

from curation.errors import CurationError, ManifestError, nearest
from curation.filters import filter_inputs, load_filter
from curation.manifest_names import load_manifest
from curation.manifests import Manifest
from curation.mixtures.profile import load_profile
from curation.mixtures.tokenizer import load_tokenizer
from curation.mixtures.weights import resolve_weights
from curation.records import WHOLE_FILES, Drop, Sample
from curation.settings import encode_settings, source_of
from curation.sources import load_adapter
from curation.sources.files import is_remote
from curation.sources.options import check_options
from curation.sources.stage import Source, list_tasks


def check(manifest: str | Path, *, is_offline: bool = False) -> list[str]:
    """Return what would stop a build of this manifest, a line each: paths, adapters, tokenizer, filters, weights.

    Reads no data beyond a first row of each source; offline, nothing that is not on this machine. A manifest that is
    itself wrong raises ManifestError.
    """
    return check_and_note(manifest, is_offline=is_offline)[0]


def check_and_note(manifest: str | Path, *, is_offline: bool = False) -> tuple[list[str], list[str]]:
    """Return the problems of `check`, and notes: what stops no build and is likely not meant."""
    read = load_manifest(manifest)
    problems = _settings_problems(read, is_offline=is_offline)
    notes: list[str] = []
    for name in read.sources:
        source = source_of(read, name)
        try:
            first = _check_source(source, is_offline=is_offline)
        except CurationError as err:
            problems.append(str(err))
            continue
        if isinstance(first, Drop):
            detail = ", ".join(str(value) for value in first.detail.values())
            place = f"; media are looked for in {source.location.media}" if source.location.media else ""
            notes.append(
                f"sources.{name}: its first row is dropped: {first.reason}{f' ({detail})' if detail else ''}{place}; "
                f"see more with `curation peek {manifest} {name} -n 20`"
            )
    return problems, notes


def peek(manifest: str | Path, source: str, count: int) -> list[Sample | Drop]:
    """Return the first rows of a source as its adapter gives them."""
    read = load_manifest(manifest)
    if source not in read.sources:
        hint = nearest(source, read.sources) or f"; it has {', '.join(read.sources)}"
        raise ManifestError(f"{manifest}: no source named '{source}'{hint}")
    return _first_rows(source_of(read, source), count)


def _first_rows(source: Source, count: int) -> list[Sample | Drop]:
    with tempfile.TemporaryDirectory(prefix="curation-") as cache:
        source = replace(source, location=replace(source.location, cache=cache, task_bytes=WHOLE_FILES))
        adapter = load_adapter(source.adapter)
        rows = (row for task in list_tasks(source) for row in adapter.samples(task))
        return list(islice(rows, count))


def _check_source(source: Source, *, is_offline: bool) -> Sample | Drop | None:
    """Return a source's first row, or None where it may not be read."""
    adapter = load_adapter(source.adapter)
    check_options(adapter.CARD, source.location.options)
    media = source.location.media
    is_glob = any(sign in (media or "") for sign in "*?[")
    if media is not None and not is_remote(media) and not is_glob and not Path(media).exists():
        raise CurationError(f"sources.{source.name}: media {media} does not exist; check the path")
    if is_offline and any(is_remote(uri) for uri in source.location.uri):
        return None
    rows = _first_rows(source, 1)
    if not rows:
        raise CurationError(f"sources.{source.name}: {', '.join(source.location.uri)} yields no rows")
    return rows[0]


def _settings_problems(manifest: Manifest, *, is_offline: bool) -> list[str]:
    problems: list[str] = []
    try:
        profile = load_profile(manifest.profile)
        encode_settings(manifest, profile)
        tokenizer = manifest.tokenizer or profile.tokenizer
        if not is_offline or tokenizer == "bytes" or Path(tokenizer).exists():
            load_tokenizer(tokenizer, profile)
    except (CurationError, ValueError) as err:
        problems.append(str(err))
    for said in manifest.filters:
        try:
            made = load_filter(said.name, said.options)
            if not is_offline:
                filter_inputs(made)
        except CurationError as err:
            problems.append(str(err))
    try:
        resolve_weights(manifest.mixture.weights, dict.fromkeys(manifest.sources, 1))
    except CurationError as err:
        problems.append(str(err))
    return problems
