"""What goes into and comes out of the video decoders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Backend = Literal["auto", "pyav", "decord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoProbe:
    """What demuxing tells about a video.

    `width` and `height` are as shown: after rotation and sample aspect ratio. `pts` are the int64 presentation times
    of all shown frames in units of `time_base` seconds, rising; `keyframes` int32 positions in it. `duration_seconds`
    is from the first frame's time to the last frame's end, `fps` the frames divided by it. `rotation` is how far the
    coded picture is turned clockwise to be shown. `flags`: `truncated` (detail `declared_seconds`), `no_timestamps`
    (times are positions over the stated rate), `decoded_times` (the container's times are no use, so the video was
    decoded), `damaged` (decoding for the times stopped early), `mirrored`, `leading_frames_lost`.
    """

    mime: str
    width: int
    height: int
    duration_seconds: float
    fps: float
    time_base: str
    pts: npt.NDArray[np.int64]
    keyframes: npt.NDArray[np.int32]
    codec: str
    rotation: int = 0
    num_bytes: int
    flags: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> npt.NDArray[np.float64]:
        """The times of the frames in seconds from the first, for `curation.frames.plan_frames`."""
        return relative_seconds(self.pts, self.time_base)


def relative_seconds(pts: npt.NDArray[np.int64], time_base: str) -> npt.NDArray[np.float64]:
    """Return presentation times in seconds from the first: one multiplication and one division each."""
    base = Fraction(time_base)
    ticks = pts - pts[:1]
    return np.asarray(ticks * base.numerator / base.denominator, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRequest:
    """Frames to decode and how to store them.

    `pts` and `indices` name the same frames, rising: by presentation time and by position, as `VideoProbe` and
    `FramePlan` have them. `average` frames, one after another, are averaged into one stored frame (the last one of
    fewer, if they do not come out even). The longest side of a stored JPEG is at most `size`; nothing is enlarged.
    """

    pts: tuple[int, ...]
    indices: tuple[int, ...]
    size: int
    jpeg_quality: int = 92
    average: int = 1
    backend: Backend = "auto"

    def __post_init__(self) -> None:
        """Refuse a request that names no frame or names it in two ways."""
        if not self.indices or len(self.pts) != len(self.indices) or self.size < 1 or self.average < 1:
            raise ValueError(
                f"{len(self.pts)} times, {len(self.indices)} positions, size {self.size}, average {self.average}: "
                "times and positions must name the same frames, at least one, and the others be at least 1"
            )

    def to_json(self) -> str:
        """Encode as canonical JSON; the same request gives the same text."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> FrameRequest:
        """Decode what `to_json` made."""
        values: dict[str, Any] = json.loads(text)
        values |= {name: tuple(values[name]) for name in ("pts", "indices")}
        return cls(**values)

    @property
    def group_sizes(self) -> tuple[int, ...]:
        """How many frames each stored frame is made of; sums to the number of frames."""
        count = len(self.pts)
        return tuple(min(self.average, count - begin) for begin in range(0, count, self.average))


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedFrames:
    """The stored frames of one request, in order.

    `seconds` are presentation times from the video's first frame, of each group's first frame. `width` and `height`
    are those of every JPEG. `backend` is the decoder that made them. `flags`: `decoded_from_start` (a jump did not
    give a frame), `decord_refused` (asked for, but its times are not the container's), `frame_sizes_differ`.
    """

    jpegs: tuple[bytes, ...]
    seconds: tuple[float, ...]
    width: int
    height: int
    backend: str
    flags: tuple[str, ...] = ()
