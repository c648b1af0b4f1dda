"""Find the files of a source: folders, files, globs and lists of them, local or on any fsspec file system."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from curation.credentials import collapsed, escaped, hidden
from curation.errors import SourceError
from curation.storage import file_system, is_url, open_file
from curation.storage_listing import is_glob, is_object_folder, list_objects

_SKIPPED_FOLDERS = ("__MACOSX",)
_BLOCK_BYTES = 4 << 20  # of rows, which are read from start to end


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file of a source. `key` is its path relative to the source's root, with forward slashes."""

    path: str
    key: str
    num_bytes: int


def list_files(uris: Sequence[str], *, suffixes: Iterable[str] = ()) -> list[SourceFile]:
    """List the files that uris name, each once, in natural order of their keys.

    A folder gives the files under it whose name ends in one of `suffixes` (any case; none: all files), hidden ones left
    out; a glob and a file give what they name. The root is the folder, the part of a glob before its first wildcard,
    or the folder of a file; of several uris it is the deepest folder that holds them all.

    Raises:
        SourceError: a uri names nothing, can't be listed, or matches no file.

    """
    wanted = tuple(suffix.lower() for suffix in suffixes)
    found: dict[str, int] = {}
    for uri in uris:
        here = dict(_list_uri(uri, wanted))
        if not here:
            ending = f" with the ending {', '.join(wanted)}" if wanted else ""
            raise SourceError(f"source: no file{ending} matches '{uri}'; check the path or the glob")
        found.update(here)
    root = source_root(uris)
    files = [SourceFile(path=path, key=_key(path, root), num_bytes=size) for path, size in found.items()]
    return sorted(files, key=lambda file: natural_key(file.key))


def source_root(uris: Sequence[str]) -> str:
    """Return the folder that keys are relative to, without a slash at its end."""
    roots = [_root_of(uri).rstrip("/") for uri in uris]
    if len(set(roots)) == 1:
        return roots[0]
    shared: list[str] = []
    for parts in zip(*(root.split("/") for root in roots), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "/".join(shared)


def natural_key(name: str) -> tuple[tuple[int | str, ...], str]:
    """Return a sort key that puts `shard-2` before `shard-10`."""
    parts = re.split(r"([0-9]+)", name)
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts)), name


def is_remote(path: str) -> bool:
    """Say whether a path is a URL (or a chain of them) rather than a path of this machine."""
    return is_url(path)


@contextmanager
def open_binary(path: str) -> Iterator[IO[bytes]]:
    """Open a local path or an fsspec URL for reading.

    Raises:
        SourceError: it does not exist or can't be read.

    """
    try:
        if not is_remote(path):
            check_regular(path)
        opened = open_file(path, block_bytes=_BLOCK_BYTES) if is_remote(path) else Path(path).open("rb")  # noqa: SIM115
        file = cast(IO[bytes], opened)
    except (OSError, ValueError, KeyError) as err:
        raise SourceError(f"source: can't read '{hidden(path)}': {reason_of(err)}") from err
    with file:
        yield file


def check_regular(path: str) -> None:
    """Refuse a pipe or a device with an OSError: reading it may never end. What is not there is left to be opened."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError("it is a pipe or a device")


def reason_of(err: BaseException) -> str:
    """Say why reading failed, without repeating the path."""
    text = getattr(err, "strerror", None) or str(err) or type(err).__name__
    hint = ""
    if any(word in text.lower() for word in ("401", "403", "credential", "unauthorized", "forbidden", "token")):
        hint = " (for the hub set HF_TOKEN; for s3 set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
    return f"{text}{hint}"


def _root_of(uri: str) -> str:
    head, chained, tail = uri.partition("::")
    if _is_glob(head):
        head = re.split(r"[*?\[]", head, maxsplit=1)[0].rpartition("/")[0]
    elif not is_folder(uri):
        head = head.rpartition("/")[0]
    return head + chained + tail


def _key(path: str, root: str) -> str:
    head, root_head = path.partition("::")[0], root.partition("::")[0]
    if head.startswith(root_head):
        return head[len(root_head) :].lstrip("/")
    return head.rpartition("://")[2].lstrip("/")


def _is_glob(uri: str) -> bool:
    return is_glob(uri) if is_remote(uri) else any(sign in uri for sign in "*?[") and not Path(uri).exists()


def is_folder(uri: str) -> bool:
    """Say whether a path or URL is a folder."""
    if not is_remote(uri):
        return Path(uri).is_dir()
    return is_object_folder(uri)


def _list_uri(uri: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    if is_remote(uri):
        yield from _list_remote(uri, suffixes)
        return
    path = Path(uri)
    if _is_glob(uri):
        import glob

        for name in glob.iglob(uri, recursive=True):  # noqa: PTH207
            if Path(name).is_file():
                yield name, Path(name).stat().st_size
    elif path.is_dir():
        yield from _walk(path, suffixes)
    elif path.is_file():
        yield str(path), path.stat().st_size
    elif path.exists():
        raise SourceError(f"source: '{uri}' is a pipe or a device; give a file, a folder or a glob")
    else:
        raise SourceError(
            f"source: '{uri}' does not exist; check the path (relative paths are relative to the manifest)"
        )


def _walk(folder: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    def fail(err: OSError) -> None:
        raise SourceError(f"source: can't list '{err.filename}': {reason_of(err)}") from err

    for parent, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED_FOLDERS)
        for name in names:
            if name.startswith(".") or (suffixes and not name.lower().endswith(suffixes)):
                continue
            path = os.path.join(parent, name)  # noqa: PTH118  a million Path objects cost seconds
            try:
                about = os.stat(path)  # noqa: PTH116
            except OSError as err:
                raise SourceError(f"source: can't read '{path}': {reason_of(err)}") from err
            if stat.S_ISREG(about.st_mode):  # reading a pipe or a device may never end
                yield path, about.st_size


def _list_remote(uri: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    head, chained, tail = uri.partition("::")
    protocol = head.partition("://")[0]
    try:
        system, _ = file_system(uri)
        entries = list_objects(uri)
    except FileNotFoundError:
        return
    except (OSError, ValueError, RuntimeError) as err:
        raise SourceError(f"source: can't list '{hidden(uri)}': {reason_of(err)}") from err
    if not _is_glob(uri) and len(entries) == 1 and not is_folder(uri):
        suffixes = ()
    for entry in entries:
        name = str(entry["name"])
        if entry.get("type") == "directory" or (suffixes and not name.lower().endswith(suffixes)):
            continue
        full = f"{protocol}://{name.partition('://')[2] or name}" if chained else system.unstrip_protocol(name)
        yield collapsed(escaped(str(full)), uri) + chained + tail, int(entry.get("size") or 0)
