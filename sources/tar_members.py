"""Walk the members of a tar from any member on, and group those that follow each other under one key.

A member's key is its path up to the first dot of its file name, as WebDataset has it; what follows the dot is its
ending. Members without a dot, hidden files and folders belong to no group.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from curation.tars import members_of, open_tar


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of a tar: `header` is where its header begins, `offset` and `size` say where its bytes are.

    `problem` is why its bytes can't be used: `link` or `cut`.
    """

    name: str
    key: str
    ending: str
    header: int
    offset: int
    size: int
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The place where a tar ends too early or is damaged, and why."""

    reason: str


def split_name(name: str) -> tuple[str, str]:
    """Split a member's name into key and ending.

    >>> split_name("train/0001.seg.png")
    ('train/0001', 'seg.png')
    """
    folder, slash, file = name.rpartition("/")
    stem, _, ending = file.partition(".")
    return f"{folder}{slash}{stem}", ending.lower()


def member_groups(file: IO[bytes], *, start: int = 0, end: int | None = None) -> Iterator[list[Member] | Cut]:
    """Yield the groups whose first header lies in [start, end), in order; a Cut comes last if the tar is not whole."""
    group: list[Member] = []
    for member in _members(file, start):
        if isinstance(member, Cut):
            if group:
                yield group
            yield member
            return
        if group and member.key == group[0].key:
            group.append(member)
            continue
        if group:
            yield group
            group = []
        if end is not None and member.header >= end:
            return
        group = [member]
    if group:
        yield group


def _members(file: IO[bytes], start: int) -> Iterator[Member | Cut]:
    import tarfile

    size = file.seek(0, os.SEEK_END)
    file.seek(start)
    try:
        with open_tar(file) as tar:
            for info in members_of(tar):
                name = info.name.removeprefix("./")
                key, ending = split_name(name)
                if info.isdir() or not ending or key.endswith("/") or not key:
                    continue
                is_cut = info.offset_data + info.size > size
                problem = "cut" if is_cut else "" if info.isreg() and not info.issparse() else "link"
                yield Member(
                    name=name,
                    key=key,
                    ending=ending,
                    header=info.offset,
                    offset=info.offset_data,
                    size=info.size,
                    problem=problem,
                )
                if is_cut:
                    yield Cut(reason=f"the tar ends inside {name}")
                    return
    except (tarfile.TarError, EOFError) as err:
        yield Cut(reason=str(err) or type(err).__name__)
