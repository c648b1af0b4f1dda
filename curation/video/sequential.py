"""Decode a video from its start, in order: the way for containers without times, and when a jump gave no frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from curation.errors import MediaError
from curation.video.index import SEEKABLE
from curation.video.opening import words

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

DEFAULT_RATE = Fraction(25)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTimes:
    """The times of the frames that really come out, as `VideoProbe` has them."""

    pts: npt.NDArray[np.int64]
    keyframes: npt.NDArray[np.int32]
    time_base: Fraction
    last_duration: int
    flags: tuple[str, ...]


def guessed_rate(stream: VideoStream) -> Fraction:
    """Return the stream's frame rate where it is believable (0.001 to 1000 Hz), else 25."""
    for rate in (stream.guessed_rate, stream.average_rate, stream.base_rate):
        if rate and Fraction(1, 1000) <= rate < 1000:
            return Fraction(rate)
    return DEFAULT_RATE


def in_order(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Yield all frames in presentation order.

    A packet that does not decode raises MediaError `undecodable_frame`, `zero_frames` when no frame came before it.
    Before the first frame of a stream without index (cut out of a longer one, as a broadcast is) it is passed over.
    """
    import av

    count = 0
    may_begin_anywhere = not SEEKABLE & set(container.format.name.split(","))
    try:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                if count or not may_begin_anywhere:
                    raise
                continue
            for frame in frames:
                count += 1
                yield frame
    except av.FFmpegError as err:
        reason = "undecodable_frame" if count else "zero_frames"
        raise MediaError(reason, f"decoding stops after {count} frames: {words(err)}", measured=count) from err


def frame_times(container: InputContainer, stream: VideoStream) -> FrameTimes:
    """Decode everything for the times. Where frames have none, or equal ones, they are positions over the rate."""
    pts: list[int | None] = []
    keys: list[int] = []
    last_duration, flags = 0, ["decoded_times"]
    try:
        for frame in in_order(container, stream):
            if frame.key_frame:
                keys.append(len(pts))
            pts.append(frame.pts)
            last_duration = frame.duration or 0
    except MediaError:
        flags.append("damaged")
    time_base = Fraction(stream.time_base or Fraction(1, 1000))
    known = [at for at in pts if at is not None]
    if len(known) < len(pts) or any(after <= before for before, after in pairwise(known)):
        time_base, last_duration = 1 / guessed_rate(stream), 1
        known = list(range(len(pts)))
        flags.append("no_timestamps")
    return FrameTimes(
        pts=np.array(known, dtype=np.int64),
        keyframes=np.array(keys, dtype=np.int32),
        time_base=time_base,
        last_duration=last_duration,
        flags=tuple(flags),
    )
