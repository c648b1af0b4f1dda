"""MovieChat-1K: ten-minute film clips with a caption, questions on the whole and questions on single moments.

`raw_videos/<name>.mp4` and `jsons/<name>.json` (train), or `videos/` and `annotations/` (test). A JSON file holds
`info` (video_path, fps, num_frame), `caption`, `global` (questions on the whole: one conversation) and `breakpoint`
(questions on the moment at frame number `time`). A breakpoint clips the video: the sample is the video up to and with
that frame, or with the option `seconds` the last so many of it. Frame numbers become seconds by the frames' own times
in the video, since `fps` is rounded in places. The number of frames itself stands for the end; a moment behind it is
dropped (`time_past_end`).

Licence: not clear, scenes of films: research only, no redistribution.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from curation.errors import MediaError
from curation.records import Card, Drop, Flag, Location, Sample, Task, Video
from curation.sources import jsonl
from curation.sources.clips import (
    CLIP_OPTIONS,
    check_clip_options,
    choices_option,
    clip_sample,
    frame_seconds,
    question_for,
    text_of,
)
from curation.sources.defects import Row, RowDefect, drop_of
from curation.sources.media_cells import MediaReader
from curation.sources.options import rate_option
from curation.sources.places import first_name, reader_above, with_endings
from curation.sources.row_values import as_mapping, scalar_columns
from curation.sources.rows import row_tasks

UNITS = ("caption", "global", "breakpoint")
_ANNOTATIONS, _VIDEOS = ("jsons", "annotations"), ("raw_videos", "videos")
CARD = Card(
    name="moviechat",
    title="MovieChat-1K",
    kinds=("video",),
    license="not clear (scenes of films): research only, no redistribution",
    hub_id="Enxin/MovieChat-1K_train",
    configs=("train", "test (Enxin/MovieChat-1K-test)"),
    layout="raw_videos/<name>.mp4 and jsons/<name>.json; in the test set videos/ and annotations/",
    columns={
        "info": "struct<video_path: string, fps: double, num_frame: int>",
        "caption": "string",
        "global": "list<struct<question: string, answer: string>>",
        "breakpoint": "list<struct<time: int, question: string, answer: string>>: time is a frame number",
    },
    options={
        "seconds": "at most this long a part of the video before a breakpoint; default: from its start",
        "units": f"what becomes samples: {', '.join(UNITS)}; default global, breakpoint",
        **CLIP_OPTIONS,
    },
    quirks=(
        "SmolVLM2 took the captions of 795 videos: `units: caption`",
        "some JSON files do not parse; some breakpoints lie behind the video's end",
        "video_path may name another ending than the file has: flagged `media_under_other_name`",
        "the hub's folder movies/ holds CLIP features, which are not read; other keys of info are uncertain",
    ),
    citation="Song et al., MovieChat: From Dense Token to Sparse Memory for Long Video Understanding, 2024",
)


def tasks(location: Location) -> list[Task]:
    """List the JSON files, those in the annotations' folder where there is one. Raises ManifestError, SourceError."""
    check_clip_options(CARD, location, UNITS)
    rate_option(location, "seconds")
    found = row_tasks(location, suffixes=jsonl.SUFFIXES)
    inside = [task for task in found if task.path.split("/")[-2:-1] and task.path.split("/")[-2] in _ANNOTATIONS]
    return inside or found


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a JSON file: the caption, the global questions, each breakpoint."""
    reader = reader_above(task, _ANNOTATIONS)
    units = choices_option(task.location, "units", UNITS, ("global", "breakpoint"))
    for row in jsonl.json_rows(task):
        if isinstance(row, Drop):
            yield row
        else:
            yield from _row_samples(row, units, reader=reader, location=task.location)


def _row_samples(row: Row, units: Sequence[str], *, reader: MediaReader, location: Location) -> Iterator[Sample | Drop]:
    try:
        film = _film(as_mapping(row.value), reader)
    except (RowDefect, MediaError) as err:
        yield drop_of(row.key, err)
        return
    parts = [part for unit in units for part in _parts(film.row, unit)]
    if not parts:
        yield Drop(row_key=row.key, reason="no_annotation", detail={"detail": f"the row has no {' or '.join(units)}"})
    for name, value in parts:
        key = f"{row.key}/{name}"
        try:
            yield _sample(key, name, value, film=film, location=location)
        except (RowDefect, MediaError) as err:
            yield drop_of(key, err)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Film:
    row: Mapping[str, Any]
    video: Video
    flags: tuple[Flag, ...]


def _film(row: Mapping[str, Any], reader: MediaReader) -> _Film:
    info = row.get("info")
    path = info.get("video_path") if isinstance(info, Mapping) else None
    if not isinstance(path, str) or not path:
        raise RowDefect("invalid_row", "info.video_path is no name")
    names = [f"{folder}{name}" for name in with_endings(path) for folder in (*(f"{f}/" for f in _VIDEOS), "")]
    flags: list[Flag] = []
    name = first_name(reader, names, default=f"{_VIDEOS[0]}/{path}")
    if name.rpartition(".")[2] != path.rpartition(".")[2]:
        flags.append(Flag(reason="media_under_other_name", detail={"detail": f"{path} found as {name}"}))
    video = reader.medium(name, flags, key="video")
    assert isinstance(video, Video)
    return _Film(row=row, video=video, flags=tuple(flags))


def _parts(row: Mapping[str, Any], unit: str) -> Iterator[tuple[str, Any]]:
    value = row.get(unit)
    if unit == "breakpoint" and isinstance(value, list):
        yield from ((f"breakpoint-{number}", one) for number, one in enumerate(value))
    elif value:
        yield unit, value


def _sample(key: str, name: str, value: Any, *, film: _Film, location: Location) -> Sample:
    video = film.video
    if name == "caption":
        pairs = [(question_for(location, key), text_of(value, "the caption"))]
    elif name == "global":
        if not isinstance(value, list):
            raise RowDefect("invalid_row", f"global is {type(value).__name__}, not a list")
        pairs = [_pair(one) for one in value]
    else:
        pairs = [_pair(value)]
        video = _until(video, value.get("time"), rate_option(location, "seconds"))
    info = film.row["info"]
    return clip_sample(
        key,
        video,
        pairs,
        row_id=str(info["video_path"]).rpartition(".")[0] or None,
        columns={"unit": name.partition("-")[0], **scalar_columns(info, ("fps", "num_frame"))},
        flags=film.flags,
    )


def _pair(value: Any) -> tuple[str, str]:
    if not isinstance(value, Mapping):
        raise RowDefect("invalid_row", f"a question is {type(value).__name__}, not an object")
    question = text_of(value.get("question"), "a question", reason="no_question")
    return question, text_of(value.get("answer"), "an answer")


def _until(video: Video, frame: Any, seconds: float | None) -> Video:
    """Return the part of a video up to and with a frame."""
    if isinstance(frame, bool) or not isinstance(frame, int | float) or frame != frame or frame < 0:
        raise RowDefect("invalid_time", f"time is {frame!r}, not the number of a frame")
    times = frame_seconds(video)
    last = len(times) - 1
    if frame > last:
        raise RowDefect("time_past_end", "the moment is behind the last frame", measured=frame, threshold=last)
    end = float(times[min(int(frame) + 1, last)])
    return structs.replace(video, start_seconds=max(0.0, end - seconds) if seconds else 0.0, end_seconds=end)
