"""Find a medium that a row names in a way its archive does not: the first of several names that is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from curation.errors import MediaError
from curation.media_root import VIDEO_SUFFIXES
from curation.records import Address, Task
from curation.sources.files import is_remote
from curation.sources.media_cells import MediaReader, media_reader


def reader_above(task: Task, folders: Sequence[str]) -> MediaReader:
    """Return the reader of a task's media: below `media`, else below the folder that the annotations' folder is in.

    `folders` are the names that the annotations' folder has in the published layout; under another name it is itself
    the root.
    """
    if task.location.media is not None:
        return media_reader(task)
    folder = task.path.rpartition("/")[0]
    above, _, name = folder.rpartition("/")
    if name not in folders:
        return media_reader(task)
    return media_reader(replace(task, location=replace(task.location, media=above)))


def first_name(reader: MediaReader, names: Sequence[str], *, default: str) -> str:
    """Return the first name under which there is a medium, or the default if there is none.

    Below a URL nothing is looked up, since a request for each name would cost more than the row: the default counts.

    Raises:
        MediaError: a name is there but not to be used: `ambiguous_media`, `outside_media_root`, `unreadable_media`.

    """
    for name in names:
        if _is_there(reader, name.removeprefix(reader.strip_prefix)):
            return name
    return default


def with_endings(name: str) -> Iterator[str]:
    """Yield a video's name, then with the other endings that videos have."""
    yield name
    stem, _, ending = name.rpartition(".")
    for suffix in VIDEO_SUFFIXES:
        for other in (suffix, suffix.upper()):
            if other != f".{ending}":
                yield f"{stem or name}{other}"


def _is_there(reader: MediaReader, name: str) -> bool:
    if "." not in name.rpartition("/")[2] and (reader.root.is_folder(name) or reader.root.frames(name)):
        return True
    try:
        content = reader.root.find(name).content
    except MediaError as err:
        if err.reason != "missing_media":
            raise
        return False
    return not isinstance(content, Address) or content.offset is not None or not is_remote(content.path)
