"""Animated WebP, with Pillow: FFmpeg reads the first picture alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from curation.errors import MediaError
from curation.video.folder import store_pictures
from curation.video.opening import num_bytes_of
from curation.video.shapes import DecodedFrames, FrameRequest, VideoProbe

if TYPE_CHECKING:
    from PIL.Image import Image

# Browsers show a frame that asks for 10 ms or less for 100 ms.
SHORTEST_MS, SHOWN_MS = 11, 100


def probe_animation(source: str | BinaryIO) -> VideoProbe:
    """Probe an animated WebP. All frames are decoded: durations are known only then."""
    durations = []
    size = (0, 0)
    for image in _frames(source):
        durations.append(_milliseconds(image))
        size = image.size
    if len(durations) < 2:
        raise MediaError("no_video_stream", "a still WebP picture; give it as an image", measured=len(durations))
    ends = np.cumsum(durations, dtype=np.int64)
    return VideoProbe(
        mime="image/webp",
        width=size[0],
        height=size[1],
        duration_seconds=int(ends[-1]) / 1000,
        fps=len(ends) * 1000 / int(ends[-1]),
        time_base="1/1000",
        pts=ends - np.array(durations, dtype=np.int64),
        keyframes=np.zeros(1, dtype=np.int32),
        codec="webp",
        num_bytes=num_bytes_of(source),
    )


def decode_animation(source: str | BinaryIO, request: FrameRequest) -> DecodedFrames:
    """Decode frames of an animated WebP; its times are milliseconds from the first frame."""
    wanted = set(request.indices)

    def pictures() -> Iterator[Image]:
        left = len(wanted)
        for position, image in enumerate(_frames(source)):
            if position in wanted:
                left -= 1
                yield image.convert("RGB")
            if left == 0:
                return
        raise MediaError("truncated_video", f"{left} frames are asked for past the end", measured=position + 1)

    seconds = tuple(at / 1000 for at in request.pts)
    return store_pictures(pictures(), request, seconds=seconds, backend="pillow")


def _frames(source: str | BinaryIO) -> Iterator[Image]:
    from PIL import Image, ImageSequence

    if not isinstance(source, str):
        source.seek(0)
    try:
        with Image.open(source) as image:
            for frame in ImageSequence.Iterator(image):
                frame.load()
                yield frame
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as err:
        raise MediaError("undecodable_frame", f"WebP: {type(err).__name__}") from err


def _milliseconds(image: Image) -> int:
    stated = int(image.info.get("duration", 0))
    return stated if stated >= SHORTEST_MS else SHOWN_MS
