"""Stage folders named by what they hold, so that resume, caching and sharing between builds are one thing.

A stage's folder is named by the fingerprint of its code version, settings and inputs. Its marker is written last; a
folder without one is work in progress that the next run continues. Files are written under a temporary name, flushed
and renamed, so that a file that is there is whole.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from curation.credentials import as_written
from curation.errors import BuildError
from curation.fingerprint import canonical, fingerprint
from curation.shared_workspace import SharedFolder
from curation.storage import is_url

MARKER = "_done.json"
ARCHIVES = "cache/archives"
FORMAT = 1  # of the workspace as a whole: what its folders are for; what is in a stage is named by the stage's version
TEMPORARY = ".tmp"
CACHE_TAG = "CACHEDIR.TAG"  # https://bford.info/cachedir: backups, and our own walks over data, leave such folders out
_CACHE_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55\n"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage's folder in the workspace: `<root>/<name>/<fingerprint>`."""

    name: str
    folder: Path
    fingerprint: str
    shared: SharedFolder | None = None

    @property
    def is_done(self) -> bool:
        """Whether the whole stage has finished."""
        return (self.folder / MARKER).is_file()

    def finish(self, summary: dict[str, Any]) -> None:
        """Write the marker that makes the stage whole; in a workspace under a URL, upload it before."""
        if self.shared is not None:
            if self.name == "pull":
                self.shared.keep_files(_files(self.shared.root, ARCHIVES))
            self.shared.keep(f"{self.name}/{self.folder.name}", last=MARKER, data=canonical(summary))
        write_bytes(self.folder / MARKER, canonical(summary))

    def summary(self) -> dict[str, Any]:
        """Read what `finish` wrote."""
        return dict(json.loads((self.folder / MARKER).read_bytes()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The folder of reusable stages. `on_stage` is told of every stage that is asked for, before anything is in it.

    `shared` is set when the workspace is under a URL: `root` is then this machine's copy of it.
    """

    root: Path
    on_stage: Callable[[Stage], None] | None = None
    shared: SharedFolder | None = None

    def stage(self, name: str, *identity: Any) -> Stage:
        """Return the folder for a stage with this identity (settings and input fingerprints), making it if needed."""
        digest = fingerprint(name, *identity)
        folder = self.root / name / digest[:32]
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "identity.json").exists():
            write_bytes(folder / "identity.json", canonical(as_written([name, *identity])))
        stage = Stage(name=name, folder=folder, fingerprint=digest, shared=self.shared)
        if self.on_stage is not None:
            self.on_stage(stage)
        if self.shared is not None and not stage.is_done and self.shared.fetch(f"{name}/{folder.name}", last=MARKER):
            self.shared.fetch_files(self.shared.names(ARCHIVES) if name == "pull" else ())
        return stage

    def fetch_cached(self, paths: Iterable[Path]) -> None:
        """Fetch files of the cache that this machine has not, where the workspace is under a URL."""
        if self.shared is not None:
            self.shared.fetch_files(path.relative_to(self.root).as_posix() for path in paths)

    def keep_cached(self, paths: Iterable[Path]) -> None:
        """Upload files of the cache, where the workspace is under a URL."""
        if self.shared is not None:
            self.shared.keep_files(path.relative_to(self.root).as_posix() for path in paths)

    @property
    def cache(self) -> Path:
        """The folder for archives kept decompressed and decoded frames."""
        folder = self.root / "cache"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def open_workspace(workspace: str | Path | None, manifest: Path | None) -> Workspace:
    """Find the workspace: the argument, else CURATION_WORKSPACE, else `.curation/` beside the manifest.

    A new one is tagged as a cache, so that it may stand among the data. One of another format is refused: BuildError.
    Any of them may be an fsspec URL; this machine then works in a folder of its cache.
    """
    beside = (manifest.resolve().parent if manifest else Path.cwd()) / ".curation"
    named = str(workspace or os.environ.get("CURATION_WORKSPACE") or beside)
    shared = SharedFolder.at(named) if is_url(named) else None
    root = shared.root if shared else Path(named)
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not any(root.iterdir()):
            write_bytes(root / CACHE_TAG, _CACHE_SIGNATURE)
        _check_format(root)
    except OSError as err:
        raise BuildError(
            f"workspace {root}: {err.strerror}; name a folder that can be written with --workspace"
        ) from err
    return Workspace(root=root.resolve(), shared=shared)


def _files(root: Path, room: str) -> list[str]:
    paths = sorted((root / room).glob("*"))
    return [path.relative_to(root).as_posix() for path in paths if path.suffix in (".tar", ".cut")]


def _check_format(root: Path) -> None:
    """Mark a workspace with its format, or refuse one of another."""
    path = root / "workspace.json"
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        write_bytes(path, canonical({"format": FORMAT}))
        return
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        stated = found.get("format") if isinstance(found, dict) else "unknown"
        raise BuildError(
            f"workspace {root}: its format is {stated} and this toolkit uses {FORMAT}; name another folder with "
            "--workspace, or use the toolkit that made it"
        )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, flush it to disk and rename it into place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY}")
    try:
        yield temporary
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except OSError as err:
        if err.errno in _FULL:
            raise BuildError(f"{path.parent}: the disk is full; free space and run the same command again") from err
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file: temporary name, flush, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def locked(path: Path, *, busy: str) -> Iterator[None]:
    """Hold an exclusive lock for the block; raise `BuildError(busy)` when another process holds it.

    The lock goes with its process, however that ends.
    """
    import fcntl

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as err:
        raise BuildError(f"{path.parent}: {err.strerror}; choose a folder that can be written") from err
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise BuildError(busy) from err
        except OSError as err:
            raise BuildError(f"{path}: {err.strerror}; choose a folder whose file system can lock files") from err
        if not _is_same_file(file, path):  # whoever held the lock before took the file away with it
            raise BuildError(busy)
        yield


def _is_same_file(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
