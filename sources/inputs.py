"""Fingerprints of what a source reads: which files, how large, how old. Contents are hashed when they are read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from curation.credentials import expanded, without_credentials
from curation.sources.files import is_remote
from curation.storage import file_system, retried, tag
from curation.workspace import CACHE_TAG

_OURS = frozenset(("build.json", ".building.json", CACHE_TAG))
_MANIFESTS = (".yaml", ".yml")


def files_fingerprint(paths: Iterable[str]) -> str:
    """Return a digest over the paths, sizes and times (local) or sizes and etags (remote) of files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(repr((without_credentials(path), _identity(path))).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def folder_fingerprint(root: str) -> str:
    """Return a digest over every file under a media root, so that a medium that came, went or changed is noticed.

    Left out are manifests (.yaml) and the folders of builds and workspaces, which may stand beside the data: a changed
    weight or a half-written shard changes no source. A folder is read once however many links lead to it. A remote root
    is named only: listing millions of objects costs more than it tells.
    """
    if is_remote(root) or not Path(root).is_dir():
        return files_fingerprint([root])
    digest = hashlib.sha256()
    seen: set[tuple[int, int]] = set()
    for parent, folders, names in os.walk(root, followlinks=True):
        about = os.stat(parent)  # noqa: PTH116
        if (about.st_dev, about.st_ino) in seen or (parent != root and not _OURS.isdisjoint(names)):
            folders.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(_MANIFESTS):
                continue
            path = os.path.join(parent, name)  # noqa: PTH118  a million Path objects cost seconds
            digest.update(repr((path, _identity(path))).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def place_of(uri: str) -> str:
    """Return where a uri leads, whoever asks: `${VAR}` expanded, credentials left out. To be hashed, not written."""
    return without_credentials(expanded(without_credentials(uri)) if is_remote(uri) else uri)


def revision(files: Iterable[tuple[str, int]]) -> str:
    """Return the revision of a source as `sources.revision` shows it: a digest over its files' keys and sizes."""
    digest = hashlib.sha256()
    for key, num_bytes in sorted(set(files)):
        digest.update(repr((key, num_bytes)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


def _identity(path: str) -> tuple[object, ...]:
    if is_remote(path):
        system, name = file_system(path)
        try:
            return (tag(retried(lambda: system.info(name), path)),)
        except OSError:
            return ("unknown",)
    try:
        stat = os.stat(path)  # noqa: PTH116
    except OSError:
        return ("missing",)
    return (stat.st_size, stat.st_mtime_ns)
