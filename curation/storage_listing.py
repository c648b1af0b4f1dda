"""List objects of remote stores whole, or not at all."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from curation.storage import file_system, retried


def list_objects(url: str) -> list[dict[str, Any]]:
    """Return the entries of all files that a URL names: itself, those below it, or those that a glob matches.

    Asked afresh. fsspec's own `glob`, and `find` where a store has none of its own, silently leave out folders that
    fail to list; here that is an error after the usual attempts. Raises FileNotFoundError, OSError, StorageError.
    """
    system, name = file_system(url)
    system.invalidate_cache()
    if is_glob(url):
        return _matching(system, name, url)
    entry = retried(lambda: system.info(name), url)
    if entry.get("type") != "directory":
        return [entry]
    return _below(system, name, url)


def is_glob(url: str) -> bool:
    """Say whether a URL is a pattern; in a web address `?` begins a query."""
    head = url.partition("::")[0]
    return any(sign in head for sign in ("*[" if head.lower().startswith(("http://", "https://")) else "*?["))


def is_object_folder(url: str) -> bool:
    """Say whether there are objects below a URL. Raises OSError, StorageError."""
    system, name = file_system(url)
    try:
        return bool(retried(lambda: system.info(name), url).get("type") == "directory")
    except FileNotFoundError:
        return False


def _below(system: Any, name: str, url: str) -> list[dict[str, Any]]:
    if _lists_flat(system):
        found: dict[str, dict[str, Any]] = retried(lambda: system.find(name, detail=True), url)
        return [entry for entry in found.values() if entry.get("type") != "directory"]
    return _walked(system, name, url, depth=None)


def _matching(system: Any, pattern: str, url: str) -> list[dict[str, Any]]:
    from fsspec.utils import glob_translate

    head = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    root = head.rpartition("/")[0] or head
    if "**" in pattern and _lists_flat(system):
        entries = _below(system, root, url)
    else:
        depth = None if "**" in pattern else pattern[len(root) :].count("/")
        entries = _walked(system, root, url, depth=depth or None)
    matches = re.compile(glob_translate(pattern)).match
    return [entry for entry in entries if matches(str(entry["name"]).rstrip("/"))]


def _walked(system: Any, root: str, url: str, *, depth: int | None) -> list[dict[str, Any]]:
    """List folder by folder, at most `depth` levels; fsspec's `walk` forgets below the first level to raise."""
    found: list[dict[str, Any]] = []
    folders = [(root, 1)]
    while folders:
        folder, level = folders.pop()
        for entry in retried(partial(system.ls, folder, detail=True), url):
            if entry.get("type") != "directory":
                found.append(entry)
            elif str(entry["name"]).rstrip("/") != folder.rstrip("/") and (depth is None or level < depth):
                folders.append((str(entry["name"]), level + 1))
    return found


def _lists_flat(system: Any) -> bool:
    """Whether a file system lists a tree by a request of its own, which raises what goes wrong."""
    from fsspec.asyn import AsyncFileSystem
    from fsspec.spec import AbstractFileSystem

    own = type(system)
    if isinstance(system, AsyncFileSystem):
        return bool(own._find is not AsyncFileSystem._find)
    return bool(own.find is not AbstractFileSystem.find and not hasattr(system, "fo"))
