"""Find the media that rows name: in a folder, a tar, zip or tar.gz, or a folder of archives; never outside of it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from curation.archive_parts import archive_files, natural_key
from curation.archives import SUFFIXES as ARCHIVE_SUFFIXES
from curation.archives import Archive, is_safe_name, open_archive
from curation.credentials import escaped
from curation.errors import MediaError, SourceError
from curation.records import Address

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".ppm", ".jp2")
VIDEO_SUFFIXES = (
    ".mp4",
    ".mkv",
    ".webm",
    ".mov",
    ".avi",
    ".m4v",
    ".mpg",
    ".mpeg",
    ".ts",
    ".flv",
    ".wmv",
    ".ogv",
    ".gif",
)
_URL = re.compile(r"(https?|s3|gs|gcs|hf|az|abfs)://", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A medium that was found. `note` is set when it was found under another top folder than the row says."""

    content: Address | bytes
    note: str = ""


class MediaRoot:
    """The places where a source's media are: folders, archives, globs or URLs, searched in order.

    In a folder a name is looked for as a file, then in the archives anywhere below it, whole or in parts, as if they
    were unpacked where they stand or at the top. A top folder named like the archive may be missing or be there once
    too often (M4-Instruct has both); that is noted. A name that two archives hold is not guessed, unless they are zips
    whose sizes and checksums agree.
    """

    def __init__(self, roots: Sequence[str], *, cache: str = "", allow_outside: bool = False) -> None:
        self.roots = tuple(roots)
        self._cache = cache
        self._allow_outside = allow_outside
        self._folders = tuple(root for root in roots if not _is_remote(root) and Path(root).is_dir())
        self._urls = tuple(root.rstrip("/") for root in roots if _is_remote(root) and not _is_archive(root))
        self._inside: dict[str, bool] = {}
        self._archives: list[Archive] | None = None
        self._places: list[set[str]] = []
        self._index: dict[str, tuple[int, ...]] = {}
        self._stems: dict[str, list[int]] = {}
        self._frames: dict[str, dict[int, list[str]]] | None = None
        for root in roots:
            if not _is_remote(root) and "*" not in root and not Path(root).exists():
                raise SourceError(f"media: '{root}' does not exist; correct `media` or leave it out")

    def find(self, name: str) -> Found:
        """Find a medium by the name that a row gives it: a path relative to the root, or a URL.

        Raises:
            MediaError: `missing_media`, `outside_media_root`, `ambiguous_media` or `unreadable_media`.

        """
        if _is_remote(name):
            return Found(content=_web_address(name))
        self._check_name(name)
        for folder in self._folders:
            path = os.path.join(folder, name)  # noqa: PTH118  a Path costs more than the look-up
            if self._is_file(path, name, folder):
                return Found(content=Address(path=path))
        found = self._find_in_archives(name)
        if found is not None:
            return found
        if self._urls and "::" not in name:  # fsspec would take what follows for a place of its own
            return Found(content=Address(path=f"{self._urls[0]}/{escaped(name)}"))
        raise MediaError("missing_media", name + self._problems())

    def frames(self, name: str) -> tuple[Address, ...]:
        """Return the images directly in a named folder, in natural order; empty if there is no such local folder."""
        self._check_name(name)
        for root in self._folders:
            folder = Path(root) / name
            if os.path.isdir(folder):  # noqa: PTH112  Path's own raises for a name that is too long
                return self._folder_frames(folder, root)
        wanted = name.removeprefix("./").rstrip("/")
        archives = self._opened()
        for number, places in enumerate(self._places):
            for place in sorted(places):
                inner = _below(wanted, place) if place else wanted
                if inner and (members := self._image_members().get(inner, {}).get(number)):
                    return _archived_frames(archives[number], inner, members)
        return ()

    def _image_members(self) -> dict[str, dict[int, list[str]]]:
        """Return the images in archives by folder and number of the archive; made once, sets have 300,000 folders."""
        if self._frames is None:
            self._frames = {}
            for number, archive in enumerate(self._opened()):
                for member in archive.members:
                    if _is_image(member):
                        folder = member.rpartition("/")[0]
                        self._frames.setdefault(folder, {}).setdefault(number, []).append(member)
        return self._frames

    def is_folder(self, name: str) -> bool:
        """Say whether a name is a folder of a local root."""
        return is_safe_name(name) and any(os.path.isdir(f"{root}/{name}") for root in self._folders)  # noqa: PTH112

    def _folder_frames(self, folder: Path, root: str) -> tuple[Address, ...]:
        names = sorted((entry.name for entry in folder.iterdir() if _is_image(entry.name)), key=natural_key)
        paths = (str(folder / name) for name in names)
        return tuple(Address(path=path) for path in paths if self._is_file(path, path, root))

    def _check_name(self, name: str) -> None:
        if not name or "\0" in name:
            raise MediaError("missing_media", "the name is empty" if not name else repr(name))
        if not self._allow_outside and not is_safe_name(name):
            raise MediaError("outside_media_root", name)

    def _is_file(self, path: str, name: str, root: str) -> bool:
        try:
            mode = os.lstat(path).st_mode
        except (OSError, ValueError):
            return False
        if stat.S_ISLNK(mode):
            if not self._allow_outside and not _contains(root, path):
                raise MediaError("outside_media_root", f"{name} is a link out of the media root")
            return os.path.isfile(path)  # noqa: PTH113
        if not stat.S_ISREG(mode):
            return False
        parent = os.path.dirname(path)  # noqa: PTH120
        if parent not in self._inside:
            self._inside[parent] = self._allow_outside or _contains(root, parent)
        if not self._inside[parent]:
            raise MediaError("outside_media_root", f"{name} is reached by a link out of the media root")
        return True

    def _find_in_archives(self, name: str) -> Found | None:
        self._opened()
        name = name.removeprefix("./")
        places = {place for some in self._places for place in some if place}
        for place in sorted(places, key=len, reverse=True):
            inner = _below(name, place)
            holders = [number for number in self._index.get(inner or "", ()) if place in self._places[number]]
            if inner and holders:
                return Found(content=self._content(holders, inner))
        if holders := list(self._index.get(name, ())):
            return Found(content=self._content(holders, name))
        top, _, rest = name.partition("/")
        for number in self._stems.get(top, ()):
            for other in (rest, f"{top}/{name}"):
                if number in self._index.get(other, ()):
                    return Found(content=self._content([number], other), note=f"{name} found as {other}")
        return None

    def _content(self, holders: Sequence[int], name: str) -> Address | bytes:
        archives = self._opened()
        if any(not archives[holders[0]].is_same(name, archives[number]) for number in holders[1:]):
            paths = ", ".join(archives[number].path for number in holders)
            raise MediaError("ambiguous_media", f"{name} is in {paths}", measured=len(holders))
        return archives[holders[0]].content(name)

    def _opened(self) -> list[Archive]:
        if self._archives is None:
            numbers: dict[str, int] = {}
            archives: list[Archive] = []
            for place, file in archive_files(self.roots, self._cache):
                if file.path not in numbers:
                    numbers[file.path] = len(archives)
                    archives.append(open_archive(file, cache=self._cache))
                    self._places.append(set())
                    self._stems.setdefault(_stem(file.path), []).append(numbers[file.path])
                self._places[numbers[file.path]].add(place)
            for number, archive in enumerate(archives):
                for member in archive.members:
                    self._index[member] = (*self._index.get(member, ()), number)
            self._archives = archives
        return self._archives

    def _problems(self) -> str:
        broken = [f"{archive.path}: {archive.problem}" for archive in self._opened() if archive.problem]
        return f" ({'; '.join(broken)})" if broken else ""


@lru_cache(maxsize=8)
def media_root(roots: tuple[str, ...], cache: str = "", allow_outside: Literal[0, 1] = 0) -> MediaRoot:
    """Return the media root of some places; one is kept for each, since indexing archives is dear."""
    return MediaRoot(roots, cache=cache, allow_outside=bool(allow_outside))


def _archived_frames(archive: Archive, folder: str, members: Sequence[str]) -> tuple[Address, ...]:
    contents = [archive.content(member) for member in sorted(members, key=natural_key)]
    if any(isinstance(content, bytes) for content in contents):
        raise MediaError(
            "unreadable_media", f"{archive.path}: frames in {folder} are deflated or cut in two; unpack it"
        )
    return tuple(content for content in contents if isinstance(content, Address))


def _stem(path: str) -> str:
    return re.sub(r"(\.tar\.gz|\.tgz|\.tar|\.zip)$", "", path.rpartition("/")[2], flags=re.IGNORECASE)


def _web_address(name: str) -> Address:
    if not _URL.match(name) or "::" in name:
        raise MediaError("outside_media_root", f"{name} is not a web or object-store address")
    return Address(path=escaped(name))


def _contains(root: str, path: str) -> bool:
    real_root = os.path.realpath(root)
    return os.path.commonpath((real_root, os.path.realpath(path))) == real_root


def _below(name: str, folder: str) -> str | None:
    return name[len(folder) + 1 :] if name.startswith(folder + "/") else None


def _is_remote(name: str) -> bool:
    return "://" in name


def _is_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES)
