"""Probe a video with PyAV: sizes and exact presentation times, by demuxing and decoding one frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from curation.errors import MediaError
from curation.video.index import PacketIndex, read_index
from curation.video.opening import head_of, num_bytes_of, opened_container
from curation.video.picture import Orientation, orientation_of, shown_size
from curation.video.sequential import FrameTimes, frame_times, guessed_rate, in_order
from curation.video.shapes import VideoProbe

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

MIMES = {
    "asf": "video/x-ms-wmv",
    "avi": "video/x-msvideo",
    "flv": "video/x-flv",
    "gif": "image/gif",
    "h264": "video/h264",
    "hevc": "video/h265",
    "mpeg": "video/mpeg",
    "mpegts": "video/mp2t",
    "ogg": "video/ogg",
}
# Headers round, and a stream may end a little before the container: more than this is missing data.
TRUNCATED_SECONDS, TRUNCATED_SHARE = 0.5, 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstFrame:
    """What decoding one frame tells."""

    pts: int | None
    width: int
    height: int
    orientation: Orientation


def probe_with_pyav(source: str | BinaryIO) -> VideoProbe:
    """Probe one video; see `curation.video.probe`."""
    with opened_container(source) as (container, stream):
        first = _first_frame(container, stream)
    with opened_container(source) as (container, stream):
        index = read_index(container, stream)
        rate, aspect = guessed_rate(stream), stream.sample_aspect_ratio
        times = _indexed_times(index, stream, first.pts) if index.is_timed else None
        codec, mime = stream.codec_context.name, _mime(container, source)
        detail = _missing_end(container, index, declared_frames=stream.frames)
    if times is None:
        with opened_container(source) as (container, stream):
            times = frame_times(container, stream)
    last_duration = times.last_duration if times.last_duration > 0 else max(round(1 / (rate * times.time_base)), 1)
    width, height = shown_size(first.width, first.height, aspect=aspect, orientation=first.orientation)
    duration = float((int(times.pts[-1] - times.pts[0]) + last_duration) * times.time_base)
    truncated, mirrored = ("truncated",) * bool(detail), ("mirrored",) * first.orientation.is_mirrored
    return VideoProbe(
        mime=mime,
        width=width,
        height=height,
        duration_seconds=duration,
        fps=len(times.pts) / duration,
        time_base=f"{times.time_base.numerator}/{times.time_base.denominator}",
        pts=times.pts,
        keyframes=times.keyframes,
        codec=codec,
        rotation=first.orientation.rotation,
        num_bytes=num_bytes_of(source),
        flags=(*truncated, *times.flags, *mirrored),
        detail=detail,
    )


def _first_frame(container: InputContainer, stream: VideoStream) -> FirstFrame:
    for frame in in_order(container, stream):
        return FirstFrame(pts=frame.pts, width=frame.width, height=frame.height, orientation=orientation_of(frame))
    raise MediaError("zero_frames", "no frame comes out of the video stream", measured=0)


def _indexed_times(index: PacketIndex, stream: VideoStream, first_pts: int | None) -> FrameTimes:
    pts, keyframes = index.shown
    time_base = Fraction(stream.time_base or Fraction(1, 1000))
    times = FrameTimes(pts=pts, keyframes=keyframes, time_base=time_base, last_duration=index.last_duration, flags=())
    return _without_lost(times, first_pts)


def _without_lost(times: FrameTimes, first_pts: int | None) -> FrameTimes:
    """Leave out frames before the first that decodes: a stream cut in an open group of pictures begins with such."""
    lost = 0 if first_pts is None else int(np.searchsorted(times.pts, first_pts))
    if lost == 0 or lost == len(times.pts):
        return times
    keyframes = (times.keyframes[times.keyframes >= lost] - lost).astype(np.int32)
    return replace(times, pts=times.pts[lost:], keyframes=keyframes, flags=("leading_frames_lost",))


def _missing_end(container: InputContainer, index: PacketIndex, *, declared_frames: int) -> dict[str, Any]:
    """Compare where the data end with where the header says they do: a download cut short ends without any error.

    A container that counts its frames and has them all is whole, whatever its durations say. Matroska states the end,
    MP4 the time from start to end: the reading that misses less counts.
    """
    if 0 < declared_frames <= len(index.pts) and not index.is_broken:
        return {}
    declared, start = (container.duration or 0) / 1_000_000, (container.start_time or 0) / 1_000_000
    measured = max(index.end_seconds, index.end_seconds - start)
    is_short = declared - measured > max(TRUNCATED_SECONDS, TRUNCATED_SHARE * declared)
    if not is_short and not index.is_broken:
        return {}
    if 0 < len(index.pts) < declared_frames:  # AVI: where the index is gone, the duration is a guess from the size
        declared = max(declared, round(measured * declared_frames / len(index.pts), 6))
    return {"measured_seconds": round(measured, 6), "declared_seconds": declared}


def _mime(container: InputContainer, source: str | BinaryIO) -> str:
    names = container.format.name.split(",")
    if "matroska" in names:
        return "video/webm" if b"webm" in head_of(source, 64) else "video/x-matroska"
    if "mov" in names:
        brand = container.metadata.get("major_brand", "")
        return "video/quicktime" if brand.startswith("qt") else "video/mp4"
    return MIMES.get(names[0], f"video/{names[0]}")
