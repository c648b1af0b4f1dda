"""Archives that come in parts: which files belong together, and reading them as one file without joining them.

Two forms are published. A split zip (`zip -s`) is `name.z01`, `name.z02`, … and `name.zip` last; its directory counts
offsets by part. A file cut by `split` is `name.zip.part-aa`, `name.tar.gz.partab`, `name.tar.00` and the like; put
together it is an ordinary archive.
"""

from __future__ import annotations

import io
import os
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip")
_SPLIT_ZIP = re.compile(r"(?P<name>.+)\.z(?P<part>[0-9]{2,})", re.IGNORECASE | re.DOTALL)
_CUT = re.compile(
    r"(?P<name>.+\.(?:zip|tar|tar\.gz|tgz))[._-]?(?P<word>part)?[._-]?(?P<part>[a-z]{2}|[0-9]{1,4})",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFile:
    """An archive as it lies in a folder: one file, or `parts` in order. `problem` says which part is missing."""

    path: str
    parts: tuple[str, ...] = ()
    problem: str = ""


def group_archives(paths: Iterable[str]) -> list[ArchiveFile]:
    """Find the archives among files, parts put together; an archive that is also there whole is taken whole.

    >>> [len(archive.parts) for archive in group_archives(["a.zip", "a.z01", "b.tar", "c.zip.aa", "c.zip.ab", "d.txt"])]
    [2, 0, 2]
    """
    found: dict[str, ArchiveFile] = {}
    split: dict[str, list[re.Match[str]]] = {}
    cut: dict[str, list[re.Match[str]]] = {}
    for path in paths:
        if path.lower().endswith(SUFFIXES):
            found[path] = ArchiveFile(path=path)
        elif match := _SPLIT_ZIP.fullmatch(path):
            split.setdefault(match["name"], []).append(match)
        elif match := _CUT.fullmatch(path):
            cut.setdefault(match["name"], []).append(match)
    for name, matches in split.items():
        last = next((path for path in (f"{name}.zip", f"{name}.ZIP") if path in found), "")
        archive = _split_zip(name, matches, last)
        found[archive.path] = archive
    for name, matches in cut.items():
        joined = _cut_file(name, matches)
        if joined is not None and name not in found:
            found[name] = joined
    return list(found.values())


def _split_zip(name: str, matches: Sequence[re.Match[str]], last: str) -> ArchiveFile:
    """Put a split zip together; `last` is its last part, empty when that is missing."""
    numbered = {int(match["part"]): match.string for match in matches}
    problem = _gap(numbered, first=1) or ("" if last else f"the last part, {name}.zip, is missing")
    return ArchiveFile(path=last or f"{name}.zip", parts=(*_ordered(numbered), *filter(None, [last])), problem=problem)


def _cut_file(name: str, matches: Sequence[re.Match[str]]) -> ArchiveFile | None:
    """Put a cut archive together; None for names that say neither `part` nor where a count begins: no parts at all."""
    numbered = {_number(match["part"]): match.string for match in matches}
    is_lettered = any(not match["part"].isdigit() for match in matches)
    first = min(numbered)
    is_begun = first == 0 or (first == 1 and not is_lettered)
    if not is_begun and not any(match["word"] for match in matches):
        return None
    return ArchiveFile(path=name, parts=_ordered(numbered), problem=_gap(numbered, first=first if is_begun else 0))


def _ordered(numbered: dict[int, str]) -> tuple[str, ...]:
    return tuple(path for _, path in sorted(numbered.items()))


def archive_files(roots: Sequence[str], cache: str) -> Iterator[tuple[str, ArchiveFile]]:
    """Yield (folder relative to the root, archive) of all archives that the roots are or hold, the cache left out."""
    import glob

    for root in roots:
        if "://" in root:
            if root.lower().endswith(SUFFIXES):
                yield "", ArchiveFile(path=root)
        elif "*" in root:
            paths = sorted(glob.glob(root, recursive=True), key=natural_key)  # noqa: PTH207
            yield from (("", file) for file in group_archives(paths))
        elif Path(root).is_file():
            beside = group_archives(str(path) for path in sorted(Path(root).parent.iterdir()) if path.is_file())
            own = [file for file in beside if root == file.path or root in file.parts]
            yield from (("", file) for file in own or [ArchiveFile(path=root)])
        else:
            for parent, folders, names in os.walk(root):
                inside = (
                    name for name in folders if not name.startswith(".") and f"{parent}/{name}" != cache.rstrip("/")
                )
                folders[:] = sorted(inside, key=natural_key)
                relative = os.path.relpath(parent, root)
                below = (f"{parent}/{name}" for name in sorted(names, key=natural_key))
                regular = (path for path in below if os.path.isfile(path))  # noqa: PTH113  a pipe may never end
                for file in group_archives(regular):
                    yield "" if relative == "." else relative, file


def natural_key(name: str) -> tuple[tuple[int | str, ...], str]:
    """Return a sort key that puts `shard-2` before `shard-10`."""
    parts = re.split(r"([0-9]+)", name)
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts)), name


def _number(part: str) -> int:
    if part.isdigit():
        return int(part)
    first, second = part.lower().encode()
    return (first - 97) * 26 + second - 97


def _gap(numbered: dict[int, str], *, first: int) -> str:
    missing = next((number for number in range(first, max(numbered)) if number not in numbered), None)
    return "" if missing is None else f"part {missing - first + 1} of at least {max(numbered) - first + 1} is missing"


class JoinedFile(io.RawIOBase):
    """Several files read as one. `starts` holds where each begins, and last the size of all."""

    def __init__(self, paths: Sequence[str], opener: Callable[[str], IO[bytes]]) -> None:
        super().__init__()
        self._paths, self._opener = tuple(paths), opener
        self._open: tuple[int, IO[bytes]] | None = None
        self._position = 0
        self.starts = [0]
        for path in paths:
            with opener(path) as file:
                self.starts.append(self.starts[-1] + file.seek(0, io.SEEK_END))

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place in the whole."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.starts[-1]}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Read at most to the end of the part that the position is in."""
        if self._position >= self.starts[-1]:
            return 0
        number = bisect_right(self.starts, self._position) - 1
        if self._open is None or self._open[0] != number:
            self._close_part()
            self._open = (number, self._opener(self._paths[number]))
        file = self._open[1]
        file.seek(self._position - self.starts[number])
        data = file.read(min(len(buffer), self.starts[number + 1] - self._position))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def place(self, offset: int, length: int) -> tuple[str, int] | None:
        """Return the part that holds a whole range and where in it the range begins; None when it spans parts."""
        number = min(bisect_right(self.starts, offset) - 1, len(self._paths) - 1)
        if number < 0 or offset + length > self.starts[number + 1]:
            return None
        return self._paths[number], offset - self.starts[number]

    def close(self) -> None:
        """Close the part that is open."""
        self._close_part()
        super().close()

    def _close_part(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None
