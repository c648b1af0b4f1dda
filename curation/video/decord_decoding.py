"""Decode requested frames with decord, where its idea of the video is the container's.

decord is right when it counts the frames that the container shows and gives them the container's times; of the 34
numbered files of the tests it is refused where it was measured wrong. It conceals damaged data without telling, so for
files that may be damaged `auto` is the choice. It is used through `get_batch` alone: after `next()`
an idle reader decodes ahead without bound, 900 MB a second.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from curation.video.decoding import StreamIndex, decode_with_pyav, stored
from curation.video.opening import opened_container
from curation.video.picture import Orientation, fitted, orientation_of, shown_size
from curation.video.sequential import in_order
from curation.video.shapes import DecodedFrames, FrameRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curation.video.picture import Pixels

# decord tells times as float32 seconds: 0.24 ms apart after an hour.
TIME_TOLERANCE_SECONDS = 1e-3
BATCH = 16


def decode_with_decord(source: str | BinaryIO, request: FrameRequest, *, index: StreamIndex) -> DecodedFrames:
    """Decode requested frames with decord, else with PyAV and the flag `decord_refused`."""
    reader = None
    if index.packets.is_timed and index.packets.is_seekable and not index.packets.is_discarded.any():
        size, is_plain = _stored_size(source, request, index=index)
        reader = _reader(source, size) if is_plain else None
    jpegs = None
    if reader is not None and _tells_same_times(reader, request, index=index):
        jpegs = _jpegs(reader, request)
    if jpegs is None:
        frames = decode_with_pyav(source, request, index=index)
        return replace(frames, flags=(*frames.flags, "decord_refused"))
    return DecodedFrames(
        jpegs=jpegs,
        seconds=index.seconds(request),
        width=size[0],
        height=size[1],
        backend="decord",
    )


def _stored_size(source: str | BinaryIO, request: FrameRequest, *, index: StreamIndex) -> tuple[tuple[int, int], bool]:
    """Return the size of stored frames, and whether there is one stream, not mirrored: decord can't be told more."""
    with opened_container(source) as (container, stream):
        frame = next(in_order(container, stream))
        orientation: Orientation = orientation_of(frame)
        width, height = shown_size(frame.width, frame.height, aspect=index.aspect, orientation=orientation)
        is_plain = len(container.streams.video) == 1 and not orientation.is_mirrored
    return fitted(width, height, longest=request.size), is_plain


def _reader(source: str | BinaryIO, size: tuple[int, int]) -> Any:
    """Open a decord reader that scales to a size, or None where decord can't open the file or isn't installed."""
    try:
        import decord
    except ImportError:
        return None
    decord.logging.set_level(decord.logging.QUIET)
    if not isinstance(source, str):
        source.seek(0)
    try:
        return decord.VideoReader(source, ctx=decord.cpu(0), width=size[0], height=size[1], num_threads=1)
    except (decord.DECORDError, RuntimeError):
        return None


def _tells_same_times(reader: Any, request: FrameRequest, *, index: StreamIndex) -> bool:
    shown, _ = index.packets.shown
    if len(reader) != len(shown) or shown[request.indices[0]] != request.pts[0]:
        return False
    ours = (shown - shown[0]) * float(index.time_base)
    theirs = np.asarray(reader.get_frame_timestamp(range(len(shown))), dtype=np.float64)[:, 0]
    return bool(np.abs(theirs - theirs[0] - ours).max() < TIME_TOLERANCE_SECONDS)


def _jpegs(reader: Any, request: FrameRequest) -> tuple[bytes, ...] | None:
    """Decode and store; None when decord gives up, so that PyAV may say what is wrong."""
    import decord

    try:
        return stored(_pictures(reader, request.indices), request)
    except decord.DECORDError:
        return None


def _pictures(reader: Any, indices: tuple[int, ...]) -> Iterator[Pixels]:
    for begin in range(0, len(indices), BATCH):
        yield from reader.get_batch(list(indices[begin : begin + BATCH])).asnumpy()
