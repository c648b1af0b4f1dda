"""A workspace under a URL: a local folder, into which stages are fetched and from which finished ones are uploaded.

The local folder is in the cache (`CURATION_CACHE`), named by the URL. Rows of a stage name files of the workspace by
their paths, so below the URL stages stand in a folder named by the local one: machines share them when their caches
have the same path. A stage's marker is uploaded last; decoded frames and unpacked archives go with the stages.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from curation.credentials import hidden
from curation.fingerprint import fingerprint
from curation.storage import file_system, open_file
from curation.storage_listing import list_objects
from curation.storage_writing import put_bytes, upload

_COPY_BYTES = 8 << 20
_COPIES_AT_ONCE = 4
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFolder:
    """A local folder and the URL that keeps what is finished in it."""

    root: Path
    url: str

    @classmethod
    def at(cls, url: str) -> SharedFolder:
        """Return the folder of this machine for a URL."""
        return cls(root=cache_folder() / "workspaces" / fingerprint(url)[:16], url=url)

    @property
    def place(self) -> str:
        """The URL under which this folder's files are."""
        return f"{self.url.rstrip('/')}/{fingerprint(str(self.root))[:16]}"

    def fetch(self, room: str, *, last: str) -> bool:
        """Fetch the files of a room (`pull/0f3a…`) if its file `last` is there, that one last. Say whether it was."""
        found = self._present(room)
        if last not in found:
            return False
        todo = [name for name in found if name != last and self._size(room, name) != found[name]]
        _logger.info("%s/%s: fetching %d files", hidden(self.place), room, len(todo) + 1)
        with ThreadPoolExecutor(_COPIES_AT_ONCE) as pool:
            list(pool.map(lambda name: self._fetch_file(f"{room}/{name}"), todo))
        self._fetch_file(f"{room}/{last}")
        return True

    def names(self, room: str) -> list[str]:
        """Return the files that the URL has of a room, by their names from the root."""
        return [f"{room}/{name}" for name in self._present(room)]

    def fetch_files(self, names: Iterable[str]) -> None:
        """Fetch those of the named files that the URL has and the folder has not."""
        names = list(names)
        wanted = {room: [name for name in names if name.rpartition("/")[0] == room] for room in _rooms(names)}
        for room, named in wanted.items():
            found = self._present(room)
            todo = [name for name in named if name.rpartition("/")[2] in found and not (self.root / name).exists()]
            with ThreadPoolExecutor(_COPIES_AT_ONCE) as pool:
                list(pool.map(self._fetch_file, todo))

    def keep(self, room: str, *, last: str, data: bytes) -> None:
        """Upload the files of a room that the URL has not, and after them a file `last` with these bytes."""
        found = self._present(room)
        if last in found:
            return
        paths = (path for path in sorted((self.root / room).rglob("*")) if path.is_file())
        names = [path.relative_to(self.root / room).as_posix() for path in paths if not path.name.startswith(".")]
        todo = [name for name in names if name != last and found.get(name) != self._size(room, name)]
        with ThreadPoolExecutor(_COPIES_AT_ONCE) as pool:
            list(pool.map(lambda name: self._keep_file(f"{room}/{name}"), todo))
        put_bytes(data, f"{self.place}/{room}/{last}")

    def keep_files(self, names: Iterable[str]) -> None:
        """Upload those of the named files that the URL has not."""
        names = list(names)
        for room in _rooms(names):
            found = self._present(room)
            named = [name for name in names if name.rpartition("/")[0] == room]
            todo = [name for name in named if name.rpartition("/")[2] not in found and (self.root / name).exists()]
            with ThreadPoolExecutor(_COPIES_AT_ONCE) as pool:
                list(pool.map(self._keep_file, todo))

    def _present(self, room: str) -> dict[str, int]:
        url = f"{self.place}/{room}"
        _, base = file_system(url)
        try:
            entries = list_objects(url)
        except FileNotFoundError:
            return {}
        return {str(entry["name"]).removeprefix(base).lstrip("/"): int(entry.get("size") or 0) for entry in entries}

    def _size(self, room: str, name: str) -> int | None:
        try:
            return (self.root / room / name).stat().st_size
        except FileNotFoundError:
            return None

    def _keep_file(self, name: str) -> None:
        upload(self.root / name, f"{self.place}/{name}")

    def _fetch_file(self, name: str) -> None:
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # a name of its own: other processes of this machine may fetch the same file
        temporary = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
        try:
            with open_file(f"{self.place}/{name}", block_bytes=_COPY_BYTES) as source, temporary.open("wb") as copy:
                while data := source.read(_COPY_BYTES):
                    copy.write(data)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def cache_folder() -> Path:
    """Return the folder of copies of remote things: `CURATION_CACHE`, else `curation` in the user's cache folder."""
    user = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("CURATION_CACHE") or f"{user}/curation").expanduser().resolve()


def _rooms(names: Iterable[str]) -> list[str]:
    return sorted({name.rpartition("/")[0] for name in names})
