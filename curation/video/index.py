"""The index of a stream's packets: what is shown when, and where decoding can begin. Demuxes and decodes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

# Where a seek lands on the key frame asked for. In the others (transport and program streams, AVI, Ogg, raw streams) it
# lands late or loses the times, so they are read from their beginning: without decoding that is cheap.
SEEKABLE = frozenset({"matroska", "mov", "mp4", "webm"})
NO_TIME = -(2**63)


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketIndex:
    """One entry for each packet in decoding order.

    `pts` holds `NO_TIME` where the container gives none. `is_discarded` packets (before an edit list's cut, or cut
    short themselves) are decoded for the sake of others and not shown. `last_duration` is that of the last shown frame
    in the same units, 0 when unknown. `end_seconds` is where the last packet of any stream ends, for the comparison
    with what the header declares. `is_broken`: reading ended with an error or an incomplete packet.
    """

    pts: npt.NDArray[np.int64]
    is_key: npt.NDArray[np.bool_]
    is_discarded: npt.NDArray[np.bool_]
    last_duration: int
    end_seconds: float
    is_broken: bool
    is_seekable: bool

    @property
    def is_timed(self) -> bool:
        """Whether every packet has a time of its own, so that a time names a frame."""
        return len(self.pts) > 0 and bool((self.pts != NO_TIME).all()) and len(np.unique(self.pts)) == len(self.pts)

    @property
    def shown(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """The times of the shown frames in presentation order and the positions of the key frames among them."""
        places = np.flatnonzero(~self.is_discarded)
        order = places[np.argsort(self.pts[places], kind="stable")]
        return self.pts[order], np.flatnonzero(self.is_key[order]).astype(np.int32)


def read_index(container: InputContainer, stream: VideoStream) -> PacketIndex:
    """Demux a container once. A read error ends the index there (`is_broken`)."""
    import av

    pts: list[int] = []
    keys: list[bool] = []
    discarded: list[bool] = []
    ends: dict[int, int] = {}
    last, last_duration, is_broken = NO_TIME, 0, False
    own = stream.index
    try:
        for packet in container.demux():
            if not packet.size:
                continue
            at, number, duration = packet.pts, packet.stream_index, packet.duration or 0
            if at is not None and at + duration > ends.get(number, NO_TIME):
                ends[number] = at + duration
            if number != own:
                continue
            pts.append(NO_TIME if at is None else at)
            keys.append(packet.is_keyframe)
            is_cut = packet.is_corrupt
            discarded.append(is_cut or packet.is_discard)
            is_broken = is_broken or is_cut
            if at is not None and at > last and not discarded[-1]:
                last, last_duration = at, duration
    except av.FFmpegError:
        is_broken = True
    bases = {each.index: each.time_base for each in container.streams if each.time_base}
    return PacketIndex(
        pts=np.array(pts, dtype=np.int64),
        is_key=np.array(keys, dtype=np.bool_),
        is_discarded=np.array(discarded, dtype=np.bool_),
        last_duration=_within(stream, last, last_duration),
        end_seconds=max((float(end * bases[number]) for number, end in ends.items() if number in bases), default=0.0),
        is_broken=is_broken,
        is_seekable=bool(SEEKABLE & set(container.format.name.split(","))),
    )


def _within(stream: VideoStream, last: int, last_duration: int) -> int:
    """Cut the last frame's duration where the stream's own duration ends: an edit list may end in the middle of it."""
    if stream.duration is None or stream.start_time is None or last_duration <= 1:
        return last_duration
    left = stream.start_time + stream.duration - last
    return min(last_duration, left) if left > 0 else last_duration


@dataclass(frozen=True, slots=True)
class Run:
    """Packets `start` to `stop` (exclusive, decoding order) that must pass the decoder for some wanted frames."""

    start: int
    stop: int


def plan_runs(index: PacketIndex, wanted: list[int]) -> list[Run]:
    """Return the runs of packets that give the wanted frames, each from a key frame shown not after the frame.

    A frame shown before the key frame that it follows in decoding order (open groups of pictures) needs the key frame
    before. Raises KeyError for a time that no packet has.
    """
    place = {pts: position for position, pts in enumerate(index.pts.tolist())}
    keys = np.flatnonzero(index.is_key)
    runs: list[Run] = []
    for position in sorted(place[pts] for pts in wanted):
        before = int(np.searchsorted(keys, position, "right")) - 1
        while before >= 0 and index.pts[keys[before]] > index.pts[position]:
            before -= 1
        start = int(keys[before]) if before >= 0 else 0
        if runs and start <= runs[-1].stop:
            runs[-1] = Run(runs[-1].start, max(runs[-1].stop, position + 1))
        else:
            runs.append(Run(start, position + 1))
    return runs
