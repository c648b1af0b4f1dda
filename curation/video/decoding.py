"""Decode requested frames with PyAV and store them as JPEG."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from curation.errors import MediaError
from curation.video.index import PacketIndex, read_index
from curation.video.jumping import JumpError, jump_to_frames
from curation.video.opening import opened_container
from curation.video.picture import Orientation, Pixels, fitted, jpeg, orientation_of, pixels_of, shown_size
from curation.video.sequential import guessed_rate, in_order
from curation.video.shapes import DecodedFrames, FrameRequest

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


@dataclass(slots=True, kw_only=True)
class Canvas:
    """Turns frames into stored pictures of one size, that of the first frame."""

    longest: int
    aspect: Fraction | None
    size: tuple[int, int] = (0, 0)
    coded: tuple[int, int] = (0, 0)
    orientation: Orientation = field(default_factory=Orientation)
    has_other_sizes: bool = False

    def draw(self, frame: VideoFrame) -> Pixels:
        """Return a frame's pixels, scaled and turned as it is shown."""
        if not self.size[0]:
            self.coded = (frame.width, frame.height)
            self.orientation = orientation_of(frame)
            width, height = shown_size(*self.coded, aspect=self.aspect, orientation=self.orientation)
            self.size = fitted(width, height, longest=self.longest)
        self.has_other_sizes |= (frame.width, frame.height) != self.coded
        return pixels_of(frame, size=self.size, orientation=self.orientation)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamIndex:
    """The packets of the stream in use and what turns its times into seconds."""

    packets: PacketIndex
    time_base: Fraction
    rate: Fraction
    aspect: Fraction | None

    @classmethod
    def read(cls, source: str | BinaryIO) -> StreamIndex:
        """Demux a video once."""
        with opened_container(source) as (container, stream):
            return cls(
                packets=read_index(container, stream),
                time_base=Fraction(stream.time_base or Fraction(1, 1000)),
                rate=guessed_rate(stream),
                aspect=stream.sample_aspect_ratio,
            )

    def seconds(self, request: FrameRequest) -> tuple[float, ...]:
        """Return the times of the stored frames, from the first shown frame's, or of those that are not lost.

        Raises MediaError `undecodable_frame` when the video has no frame at the first time asked for.
        """
        shown, _ = self.packets.shown
        place = int(np.searchsorted(shown, request.pts[0]))
        if place == len(shown) or shown[place] != request.pts[0] or place < request.indices[0]:
            raise MediaError(
                "undecodable_frame", f"the video has no frame {request.indices[0]} at {request.pts[0]}; probe it again"
            )
        return self.seconds_after(int(shown[place - request.indices[0]]), request)

    def seconds_after(self, first: int, request: FrameRequest) -> tuple[float, ...]:
        """Return the times of the stored frames from a time in units of the time base."""
        return tuple(float((at - first) * self.time_base) for at in request.pts[:: request.average])


def decode_with_pyav(source: str | BinaryIO, request: FrameRequest, *, index: StreamIndex) -> DecodedFrames:
    """Decode requested frames; see `curation.video.decode`."""
    canvas = Canvas(longest=request.size, aspect=index.aspect)
    flags: list[str] = []
    if not index.packets.is_timed:
        jpegs, first = _by_position(source, request, canvas=canvas)
        if request.pts == request.indices:
            seconds = tuple(float(at / index.rate) for at in request.pts[:: request.average])
        else:
            seconds = index.seconds_after(first, request)
    else:
        seconds = index.seconds(request)
        try:
            with opened_container(source) as (container, stream):
                frames = jump_to_frames(container, stream, index=index.packets, wanted=request.pts)
                jpegs = stored(map(canvas.draw, frames), request)
        except JumpError:
            flags.append("decoded_from_start")
            with opened_container(source) as (container, stream):
                jpegs = stored(map(canvas.draw, _at_times(container, stream, request=request)), request)
    return DecodedFrames(
        jpegs=jpegs,
        seconds=seconds,
        width=canvas.size[0],
        height=canvas.size[1],
        backend="pyav",
        flags=tuple(flags + ["frame_sizes_differ"] * canvas.has_other_sizes),
    )


def stored(pictures: Iterable[Pixels], request: FrameRequest) -> tuple[bytes, ...]:
    """Average and encode pictures as they come; only one group is held at a time."""
    sizes = iter(request.group_sizes)
    jpegs: list[bytes] = []
    group: list[Pixels] = []
    size = next(sizes)
    for picture in pictures:
        group.append(picture)
        if len(group) == size:
            jpegs.append(jpeg(group, quality=request.jpeg_quality))
            group, size = [], next(sizes, 0)
    assert not group, "a group of frames was not filled"
    return tuple(jpegs)


def _at_times(container: InputContainer, stream: VideoStream, *, request: FrameRequest) -> Iterator[VideoFrame]:
    left = list(reversed(request.pts))
    last, is_damaged = None, False
    for frame in in_order(container, stream):
        is_damaged = frame.is_corrupt or (is_damaged and not frame.key_frame)
        last = frame.pts
        if last is not None and last >= left[-1]:
            if last > left[-1] or is_damaged:
                raise MediaError("undecodable_frame", f"the frame at {left[-1]} is damaged or made from a damaged one")
            yield frame
            left.pop()
            if not left:
                return
    raise MediaError("truncated_video", f"frames end at {last}, before the one at {left[-1]}", measured=last)


def _by_position(source: str | BinaryIO, request: FrameRequest, *, canvas: Canvas) -> tuple[tuple[bytes, ...], int]:
    """Decode from the start and count. Returns the JPEGs and the first frame's time (0 when it has none)."""
    wanted, last = set(request.indices), request.indices[-1]
    first = 0

    def pictures() -> Iterator[Pixels]:
        nonlocal first
        with opened_container(source) as (container, stream):
            position = -1
            for position, frame in enumerate(in_order(container, stream)):
                if position == 0:
                    first = frame.pts or 0
                if position in wanted:
                    if frame.is_corrupt:
                        raise MediaError("undecodable_frame", f"frame {position} is damaged", measured=position)
                    yield canvas.draw(frame)
                if position == last:
                    return
        detail = f"the video ends after {position + 1} frames, before frame {last}"
        raise MediaError("truncated_video", detail, measured=position + 1)

    return stored(pictures(), request), first
