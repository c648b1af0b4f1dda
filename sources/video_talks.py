"""Named sets of conversations about one video: what the adapters llava_video, vista and video_star share.

A row's conversation is read by the rules of `curation.sources.llava`. Its video is looked for under each name that
the published layouts give it; a row without a video is a Drop (`missing_media`), never a conversation about nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import structs

from curation.records import Card, Drop, Flag, Location, Sample, Task
from curation.sources import llava
from curation.sources.defects import RowDefect, build_samples
from curation.sources.media_cells import MEDIA_OPTIONS, MediaReader, check_media, media_reader
from curation.sources.options import COLUMNS_OPTION, check_options, names_option
from curation.sources.places import first_name
from curation.sources.row_values import as_mapping
from curation.sources.rows import read_rows, row_tasks

VIDEO_OPTIONS = {**MEDIA_OPTIONS, **COLUMNS_OPTION}


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoTalks:
    """One set: its card and its habits.

    `video_keys` are the fields that may name the video. `names` gets that name, the row and the path of the row's file
    and returns all names to try. `prepare` gets the row, the path and a list for flags, and returns fields to put over
    the row's own. `columns` are fields to keep where they are there, `reads` those that `prepare` needs besides;
    `expected` are flags that are this set's form rather than an oddity; `fps` is the rate of its folders of frames.
    """

    card: Card
    video_keys: tuple[str, ...] = ("video",)
    names: Callable[[str, Mapping[str, Any], str], Sequence[str]] | None = None
    prepare: Callable[[Mapping[str, Any], str, list[Flag]], Mapping[str, Any]] | None = None
    columns: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    expected: frozenset[str] = frozenset()
    fps: float | None = None

    def tasks(self, location: Location) -> list[Task]:
        """List the tasks over all files of the location. Raises ManifestError and SourceError."""
        check_options(self.card, location.options)
        names_option(location, "columns")
        check_media(location)
        return row_tasks(location)

    def samples(self, task: Task) -> Iterator[Sample | Drop]:
        """Yield the samples of a task in the order of its rows."""
        reader = media_reader(task)
        if reader.fps is None and self.fps is not None:
            reader = replace(reader, fps=self.fps)
        extra = names_option(task.location, "columns")
        names = dict.fromkeys((*llava.COLUMNS, *self.video_keys, *self.reads, *self.columns, *extra))
        rows = read_rows(task, tuple(names))
        return build_samples(
            rows, lambda key, value: self._sample(key, value, path=task.path, reader=reader, extra=extra)
        )

    def _sample(self, row_key: str, value: Any, *, path: str, reader: MediaReader, extra: tuple[str, ...]) -> Sample:
        row = as_mapping(value)
        flags: list[Flag] = []
        if self.prepare:
            row = {**row, **self.prepare(row, path, flags)}
        name = named_video(row, *self.video_keys)
        if self.names:
            name = first_name(reader, self.names(name, row, path), default=name)
        plain = {key: value for key, value in row.items() if key not in ("image", "images", "videos")}
        kept = tuple(key for key in self.columns if row.get(key) is not None)
        made = llava.sample_of(row_key, {**plain, "video": name}, reader=reader, extra=(*kept, *extra))
        flags += [flag for flag in made.flags if flag.reason not in self.expected]
        return structs.replace(made, flags=tuple(flags))


def named_video(row: Mapping[str, Any], *keys: str) -> str:
    """Return the video that a row names under the first key that has a value. Raises RowDefect (`missing_media`)."""
    value = next((row[key] for key in keys if row.get(key)), None)
    if not isinstance(value, str):
        what = "null or absent" if value is None else type(value).__name__
        raise RowDefect("missing_media", f"the row's video ({' or '.join(keys)}) is {what}")
    return value
