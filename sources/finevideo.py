"""FineVideo: 43,751 YouTube videos under CC BY with scenes, activities, questions and speech, written by a model.

Parquet, `data/train-XXXXX-of-01357.parquet`: `mp4` (the video's bytes) and `json` (a struct, or its text). Units: `qa`
(the pairs of content_metadata.qAndA in one conversation), `description` (of the whole), `scenes` (their titles) and
`activities` (their descriptions), the last two as parts of the video. Times are `HH:MM:SS.mmm` or `MM:SS`, under
`timestamp` or `timestamps`. An end behind the stated duration is kept and flagged (`time_past_end`), a start behind it
dropped; the frames are chosen by the true duration later. Files are read a row group at a time; a shard is 440 MB.

Licence: CC BY; the columns name title, channel and file, which attribution needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from msgspec import structs

from curation.records import Card, Drop, Flag, Location, Sample, Task, Video
from curation.sources import parquet
from curation.sources.clips import (
    CLIP_OPTIONS,
    check_span,
    choices_option,
    clip_sample,
    question_for,
    seconds_of,
    text_of,
)
from curation.sources.defects import Row, RowDefect, drop_of
from curation.sources.options import check_options, names_option
from curation.sources.row_values import as_mapping, scalar_columns
from curation.sources.rows import row_tasks

UNITS = ("qa", "description", "scenes", "activities")
KEPT = (
    "content_parent_category",
    "content_fine_category",
    "duration_seconds",
    "original_video_filename",
    "resolution",
    "text_to_speech_word_count",
    "youtube_age_limit",
    "youtube_channel",
    "youtube_title",
)
CARD = Card(
    name="finevideo",
    title="FineVideo",
    kinds=("video",),
    license="CC BY (YouTube): name title and channel",
    hub_id="HuggingFaceFV/finevideo",
    layout="Parquet, data/train-XXXXX-of-01357.parquet",
    columns={
        "mp4": "binary: the video",
        "json": "struct: content_metadata {description, fps, scenes, qAndA, …}, categories, youtube_*, …",
        **{f"json.{name}": "kept as a column" for name in KEPT},
    },
    options={
        "question": CLIP_OPTIONS["question"],
        "units": f"what becomes samples: {', '.join(UNITS)}; default qa, scenes, activities",
    },
    quirks=(
        "gated: accept its terms on the hub and set HF_TOKEN",
        "scenes, questions, description and transcript may be empty; which keys can be absent is uncertain",
        "annotations are a model's and may pass the video's end; scenes overlap",
        "SmolVLM2 took 685 conversations of questions: `units: qa`",
    ),
    citation="Farré et al., FineVideo, 2024",
)
_Part = tuple[str, list[tuple[Any, Any]], Any]  # name, questions and answers, times or None for the whole


def tasks(location: Location) -> list[Task]:
    """List runs of row groups over all Parquet files. Raises ManifestError and SourceError."""
    check_options(CARD, location.options)
    choices_option(location, "units", UNITS)
    names_option(location, "question")
    found = row_tasks(location, suffixes=parquet.SUFFIXES, columns=("mp4", "json"))
    return [replace(task, num_rows=None) for task in found]  # a row gives several samples


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task by row, then by unit, then in the row's order."""
    units = choices_option(task.location, "units", UNITS, ("qa", "scenes", "activities"))
    for row in parquet.parquet_rows(task, ("mp4", "json")):
        if isinstance(row, Drop):
            yield row
        else:
            yield from _row_samples(row, units, location=task.location)


def _row_samples(row: Row, units: Sequence[str], *, location: Location) -> Iterator[Sample | Drop]:
    try:
        about = _about(row.value["json"])
        data = row.value["mp4"]
        if not isinstance(data, bytes) or not data:
            raise RowDefect("missing_media", f"mp4 is {'empty' if data == b'' else type(data).__name__}")
        content = about.get("content_metadata")
        if not isinstance(content, Mapping):
            raise RowDefect("no_annotation", "content_metadata is absent")
    except RowDefect as err:
        yield drop_of(row.key, err)
        return
    name = about.get("original_video_filename")
    video = Video(content=data, name=name if isinstance(name, str) else "")
    found = False
    for part in (part for unit in units for part in parts_of(content, unit)):
        found = True
        key = f"{row.key}/{part[0]}"
        try:
            yield _sample(key, part, video, about=about, location=location)
        except RowDefect as err:
            yield drop_of(key, err)
    if not found:
        yield Drop(row_key=row.key, reason="no_annotation", detail={"detail": f"no {', '.join(units)}"})


def _about(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str | bytes):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as err:
            raise RowDefect("invalid_json", str(err)) from err
    return as_mapping(value)


def parts_of(content: Mapping[str, Any], unit: str) -> Iterator[_Part]:
    """Yield what one unit finds in content_metadata: name, questions and answers, times (None: the whole video)."""
    if unit == "qa":
        pairs = [(one.get("question"), one.get("answer")) for one in _structs(content.get("qAndA"))]
        if pairs:
            yield "qa", pairs, None
    elif unit == "description":
        if content.get("description"):
            yield "description", [("", content["description"])], None
    else:
        for number, scene in enumerate(_structs(content.get("scenes"))):
            if unit == "scenes":
                yield f"scene-{number}", [("", scene.get("title"))], _times(scene)
                continue
            for position, activity in enumerate(_structs(scene.get("activities"))):
                name = f"scene-{number}-activity-{position}"
                yield name, [("", activity.get("description"))], _times(activity)


def _structs(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _times(value: Mapping[str, Any]) -> Any:
    return value.get("timestamps") or value.get("timestamp") or {}


def _sample(key: str, part: _Part, video: Video, *, about: Mapping[str, Any], location: Location) -> Sample:
    name, pairs, times = part
    flags: list[Flag] = []
    if times is not None:
        video = _clipped(video, times, about.get("duration_seconds"), flags)
    if name == "qa":
        pairs = [
            (text_of(asked, "a question", reason="no_question"), text_of(said, "an answer")) for asked, said in pairs
        ]
    else:
        pairs = [(question_for(location, key), text_of(answer, name)) for _, answer in pairs]
    unit = name if times is None else "activity" if "activity" in name else "scene"
    columns = {"unit": unit, **scalar_columns(about, KEPT)}
    row_id = video.name.rpartition(".")[0] or None
    return clip_sample(key, video, pairs, row_id=row_id, columns=columns, flags=flags)


def _clipped(video: Video, times: Any, duration: Any, flags: list[Flag]) -> Video:
    """Return the part of a video that times name. Raises RowDefect."""
    if not isinstance(times, Mapping):
        raise RowDefect("invalid_time", f"{times!r} is no pair of times")
    start, end = (seconds_of(times.get(f"{name}_timestamp")) for name in ("start", "end"))
    check_span(start, end)
    if isinstance(duration, int | float) and duration > 0:
        if start >= duration:
            raise RowDefect("time_past_end", "it begins behind the end", measured=start, threshold=duration)
        if end > duration + 1:  # durations are whole seconds, cut off
            flags.append(Flag(reason="time_past_end", measured=end, detail={"duration_seconds": duration}))
    return structs.replace(video, start_seconds=start, end_seconds=end)
