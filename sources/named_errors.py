"""Say which source of the manifest an adapter's error is about: adapters know only where their source is.

Their messages begin with `source: ` or `source options: `, which become `sources.<name>: ` and
`sources.<name>.options: `.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from curation.errors import ManifestError, SourceError, StorageError


@contextmanager
def naming(source: str) -> Iterator[None]:
    """Put the source's name before what the block raises of ManifestError, SourceError and StorageError."""
    try:
        yield
    except (ManifestError, SourceError, StorageError) as err:
        said = str(err)
        if said.startswith("source options: "):
            said = f"sources.{source}.options: {said.removeprefix('source options: ')}"
        elif not said.startswith("sources."):
            said = f"sources.{source}: {said.removeprefix('source: ')}"
        raise type(err)(said) from err
