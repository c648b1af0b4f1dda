"""Keep what is read of a build under a URL in a local cache, by the digest of its build.json.

The index is fetched when the build is opened, a shard as a whole when it is first used; each is compared with the
sha256 that the build states. The cache is `CURATION_CACHE`, else `curation` in the user's cache folder; it may be
removed at any time.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from curation.credentials import hidden
from curation.errors import BuildError
from curation.publishing import BUILDING, DESCRIPTION
from curation.shared_workspace import cache_folder
from curation.storage import file_system, open_file, read_bytes
from curation.storage_listing import list_objects
from curation.workspace import replacing, write_bytes

_COPY_BYTES = 8 << 20


def mirrored(url: str) -> Path:
    """Fetch the description and index of a build and return the local folder that holds them.

    Raises BuildError when there is no build, or a file is not what the build says, StorageError.
    """
    url = url.rstrip("/")
    try:
        described = read_bytes(f"{url}/{DESCRIPTION}")
    except FileNotFoundError:
        raise BuildError(f"{hidden(url)}: {_why_unfinished(url)}") from None
    folder = cache_folder() / "builds" / hashlib.sha256(described).hexdigest()[:32]
    if not (folder / DESCRIPTION).is_file():
        files = json.loads(described).get("files") or {}
        for name, digest in files.items():
            if not name.startswith("shards/"):
                fetched(url, name, digest, target=folder / name)
        write_bytes(folder / DESCRIPTION, described)
    return folder


def fetched(url: str, name: str, digest: str, *, target: Path) -> Path:
    """Fetch a file of a build unless it is there. Raises BuildError when it is missing or not what it should be."""
    if target.is_file():
        return target
    try:
        found = fetch(f"{url}/{name}", digest, target=target)
    except OSError as err:
        raise BuildError(f"{hidden(url)}/{name}: can't be read: {err}") from err
    if found != digest:
        said = "is missing" if found is None else f"has sha256 {found[:12]}…, expected {digest[:12]}…"
        raise BuildError(f"{hidden(url)}/{name}: {said}; build again with --replace, or mend the copy")
    return target


def fetch(url: str, digest: str, *, target: Path) -> str | None:
    """Read an object and return its sha256, None when it is missing; it is kept as `target` when that is `digest`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    hashed = hashlib.sha256()
    system, _ = file_system(url)
    system.invalidate_cache()
    try:
        source = open_file(url, block_bytes=_COPY_BYTES)
    except FileNotFoundError:
        return None
    with source, suppress(_OtherBytesError), replacing(target) as temporary:
        with temporary.open("wb") as copy:
            while data := source.read(_COPY_BYTES):
                hashed.update(data)
                copy.write(data)
        if hashed.hexdigest() != digest:
            raise _OtherBytesError
    return hashed.hexdigest()


class _OtherBytesError(Exception):
    """What came is not what was expected."""


def _why_unfinished(url: str) -> str:
    try:
        names = [str(entry["name"]).rpartition("/")[2] for entry in list_objects(url)]
    except FileNotFoundError:
        return "no such folder; `curation build MANIFEST -o URL` makes a build there"
    if BUILDING in names:
        return "build.json is missing, so the upload is not finished; run the same `curation build` again"
    return "build.json is missing, so this is no build; `curation build MANIFEST -o URL` makes one"
