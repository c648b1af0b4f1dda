"""Videos given as pictures: a folder of frames, shown at a rate."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from curation.errors import MediaError
from curation.records import Address, FrameFolder
from curation.video.decoding import stored
from curation.video.opening import num_bytes_of, opened
from curation.video.picture import Pixels, fitted
from curation.video.shapes import DecodedFrames, FrameRequest, VideoProbe

if TYPE_CHECKING:
    from PIL.Image import Image

_HAMMING = 5  # Pillow's Resampling.HAMMING: as sharp as bilinear and as cheap


def probe_folder(folder: FrameFolder) -> VideoProbe:
    """Probe a folder of frames: frame i is shown at i / fps. Opens the first frame and finds all others there."""
    if not folder.frames:
        raise MediaError("zero_frames", f"{folder.path or 'the folder'} holds no frame", measured=0)
    rate = _rate(folder)
    first = read_picture(folder.frames[0])
    num_bytes = sum(_num_bytes(frame) for frame in folder.frames)
    pts = np.arange(len(folder.frames), dtype=np.int64) * rate.denominator
    return VideoProbe(
        mime="image/jpeg" if first.format in (None, "JPEG", "MPO") else f"image/{first.format.lower()}",
        width=first.width,
        height=first.height,
        duration_seconds=float(len(pts) / rate),
        fps=float(rate),
        time_base=f"1/{rate.numerator}",
        pts=pts,
        keyframes=np.arange(len(pts), dtype=np.int32),
        codec="frames",
        num_bytes=num_bytes,
    )


def decode_folder(folder: FrameFolder, request: FrameRequest) -> DecodedFrames:
    """Scale frames of a folder and store them; all take the size of the first one asked for."""
    if request.indices[-1] >= len(folder.frames):
        detail = f"frame {request.indices[-1]} of {len(folder.frames)} is asked for"
        raise MediaError("truncated_video", detail, measured=len(folder.frames))
    rate = _rate(folder)
    pictures = (read_picture(folder.frames[position]) for position in request.indices)
    return store_pictures(
        pictures, request, seconds=tuple(float(position / rate) for position in request.indices), backend="pillow"
    )


def store_pictures(
    pictures: Iterator[Image], request: FrameRequest, *, seconds: tuple[float, ...], backend: str
) -> DecodedFrames:
    """Scale and store pictures of any size; the first decides the size of all."""
    size, shown, is_uneven = (0, 0), (0, 0), False

    def scaled() -> Iterator[Pixels]:
        nonlocal size, shown, is_uneven
        for picture in pictures:
            if not size[0]:
                shown = picture.size
                size = fitted(*shown, longest=request.size)
            is_uneven |= picture.size != shown
            small = picture if picture.size == size else picture.resize(size, _HAMMING)
            yield np.asarray(small)

    jpegs = stored(scaled(), request)
    return DecodedFrames(
        jpegs=jpegs,
        seconds=seconds[:: request.average],
        width=size[0],
        height=size[1],
        backend=backend,
        flags=("frame_sizes_differ",) * is_uneven,
    )


def read_picture(address: Address) -> Image:
    """Decode one picture, turned as it is shown, RGB. Raises MediaError `missing_media` or `undecodable_frame`."""
    from PIL import Image, ImageOps

    with opened(address) as source:
        try:
            with Image.open(source) as image:
                name = image.format
                turned = ImageOps.exif_transpose(image).convert("RGB")
                turned.format = name
                return turned
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as err:
            raise MediaError("undecodable_frame", f"{address} is no whole picture: {type(err).__name__}") from err


def _num_bytes(address: Address) -> int:
    if address.length is not None:
        return address.length
    with opened(address) as source:
        return num_bytes_of(source)


def _rate(folder: FrameFolder) -> Fraction:
    if not 0 < folder.fps < 100_000:
        raise MediaError("unreadable_video", f"a folder of frames at {folder.fps} frames a second", measured=folder.fps)
    return Fraction(folder.fps).limit_denominator(1_000_000)
