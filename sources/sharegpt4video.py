"""ShareGPT4Video: 40 thousand detailed captions of videos, and of their key frames.

`sharegpt4video_40k.jsonl` and `zip_folder/<origin>/<archive>.zip`. A row holds `captions` [{idx, content}]: idx "-1" is
the caption of the whole video and is looked for by that name; the others belong to the key frames in `keyframe` (frame
numbers) and `timestamp`. The timestamps are frame numbers over the whole part of the frame rate, so that at 29.97
frames a second they drift by 3 %: unit `keyframes` (a sample for the part from each key frame to the next) takes the
frames' own times from the video instead and flags what that changes (`timestamp_drift`, seconds). Rows of the 28k
file with `conversations` are read too, when `uri` names it.

Licence: CC BY-NC 4.0 on the card, as far as is known; the videos' own terms hold besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import structs

from curation.errors import MediaError
from curation.records import Card, Drop, Flag, Location, Sample, Task, Video
from curation.sources import jsonl, llava
from curation.sources.clips import (
    CLIP_OPTIONS,
    check_clip_options,
    check_span,
    choices_option,
    clip_sample,
    frame_seconds,
    question_for,
    seconds_of,
    text_of,
)
from curation.sources.defects import Row, RowDefect, drop_of
from curation.sources.media_cells import MediaReader, media_reader
from curation.sources.places import first_name
from curation.sources.row_values import as_mapping, row_id_of
from curation.sources.rows import row_tasks
from curation.sources.video_talks import named_video

UNITS = ("videos", "keyframes")
WHOLE = "-1"
_LEAST_DRIFT_SECONDS = 0.05
CARD = Card(
    name="sharegpt4video",
    title="ShareGPT4Video",
    kinds=("video",),
    license="CC BY-NC 4.0 by its card, as far as is known; the videos' own terms hold besides",
    hub_id="ShareGPT4Video/ShareGPT4Video",
    layout="sharegpt4video_40k.jsonl and zip_folder/<origin>/<archive>.zip",
    columns={
        "video_id": "string: kept as row_id",
        "video_path": "string: <origin>/<name>.mp4",
        "captions": 'list<struct<idx: string, content: string>>, idx "-1" for the whole',
        "keyframe": "list<int>: frame numbers",
        "timestamp": "list<string>: HH:MM:SS.mmm, drifting",
        "zip_folder": "string: the archive's name",
    },
    options={
        "units": "videos (the whole caption), keyframes (a sample from each key frame to the next), or both; "
        "default videos",
        **CLIP_OPTIONS,
    },
    quirks=(
        "some rows lack the whole caption; thousands of panda clips are not in the archives",
        "a key frame's caption tells what changed since the one before",
        "types of keyframe and timestamp, and the paths inside the zips, are uncertain: several are tried",
    ),
    citation="Chen et al., ShareGPT4Video: Improving Video Understanding and Generation with Better Captions, 2024",
)


def tasks(location: Location) -> list[Task]:
    """List the files of rows: of a folder that has JSON lines these alone. Raises ManifestError and SourceError."""
    check_clip_options(CARD, location, UNITS)
    found = row_tasks(location, suffixes=jsonl.SUFFIXES)
    lines = [task for task in found if ".jsonl" in task.path.lower()]
    return lines or found


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task in the order of its rows."""
    reader = media_reader(task)
    units = choices_option(task.location, "units", UNITS, ("videos",))
    for row in jsonl.json_rows(task):
        if isinstance(row, Drop):
            yield row
        else:
            yield from _row_samples(row, units, reader=reader, location=task.location)


def _row_samples(row: Row, units: Sequence[str], *, reader: MediaReader, location: Location) -> Iterator[Sample | Drop]:
    try:
        value = as_mapping(row.value)
        if value.get("conversations") is not None:
            yield llava.sample_of(row.key, value, reader=reader)
            return
        captions = _captions(value)
        flags: list[Flag] = []
        video = _video(value, reader, flags)
    except (RowDefect, MediaError) as err:
        yield drop_of(row.key, err)
        return
    if "videos" in units:
        try:
            caption = text_of(captions.get(WHOLE), 'the caption of the whole (idx "-1")', reason="no_whole_caption")
            pairs = [(question_for(location, row.key), caption)]
            yield clip_sample(row.key, video, pairs, row_id=row_id_of(value, "video_id"), flags=flags)
        except RowDefect as err:
            yield drop_of(row.key, err)
    if "keyframes" in units:
        yield from _keyframe_samples(row.key, value, captions, video=video, flags=flags, location=location)


def _captions(row: Mapping[str, Any]) -> dict[str, Any]:
    captions = row.get("captions")
    if not isinstance(captions, list) or not all(isinstance(one, Mapping) for one in captions):
        raise RowDefect("invalid_row", "captions is no list of {idx, content}")
    return {str(one.get("idx")): one.get("content") for one in captions}


def _video(row: Mapping[str, Any], reader: MediaReader, flags: list[Flag]) -> Video:
    path = named_video(row, "video_path", "video")
    name = path.rpartition("/")[2]
    archive = row.get("zip_folder")
    origin = archive.partition("_")[0] if isinstance(archive, str) else path.partition("/")[0]
    names = [path, f"zip_folder/{path}", f"zip_folder/{origin}/{name}", f"sharegpt4video/{path}"]
    video = reader.medium(first_name(reader, names, default=path), flags, key="video")
    assert isinstance(video, Video)
    return video


def _keyframe_samples(
    key: str,
    row: Mapping[str, Any],
    captions: Mapping[str, Any],
    *,
    video: Video,
    flags: Sequence[Flag],
    location: Location,
) -> Iterator[Sample | Drop]:
    try:
        frames = row.get("keyframe")
        if not isinstance(frames, list) or not all(isinstance(frame, int) and frame >= 0 for frame in frames):
            raise RowDefect("invalid_row", "keyframe is no list of frame numbers")
        times = frame_seconds(video)
        drift = _drift(frames, row.get("timestamp"), times)
    except (RowDefect, MediaError) as err:
        yield drop_of(f"{key}/keyframes", err)
        return
    if drift > _LEAST_DRIFT_SECONDS:
        flags = (*flags, Flag(reason="timestamp_drift", measured=drift))
    last = len(times) - 1  # no frame: where the video ends
    for number, frame in enumerate(frames):
        part_key = f"{key}/keyframe-{number}"
        try:
            part = _part(video, frame, next(iter(frames[number + 1 :]), last), times=times)
            caption = text_of(captions.get(str(number)), f"the caption of key frame {number}")
            pairs = [(question_for(location, part_key), caption)]
            yield clip_sample(part_key, part, pairs, row_id=row_id_of(row, "video_id"), flags=flags)
        except RowDefect as err:
            yield drop_of(part_key, err)


def _part(video: Video, frame: int, next_frame: int, *, times: npt.NDArray[np.float64]) -> Video:
    """Return the part of a video from one frame to another, or to its end. Raises RowDefect."""
    last = len(times) - 1
    if frame >= last:
        raise RowDefect("time_past_end", "no such frame", measured=frame, threshold=last - 1)
    start, end = float(times[frame]), float(times[min(next_frame, last)])
    check_span(start, end)
    return structs.replace(video, start_seconds=start, end_seconds=end)


def _drift(frames: Sequence[int], timestamps: Any, times: npt.NDArray[np.float64]) -> float:
    """Return the largest difference in seconds between what timestamps say and when the frames are shown."""
    if not isinstance(timestamps, list):
        return 0.0
    named = [seconds_of(timestamp) for timestamp in timestamps]
    pairs = zip(named, frames, strict=False)
    return max((abs(at - float(times[frame])) for at, frame in pairs if frame < len(times) - 1), default=0.0)
