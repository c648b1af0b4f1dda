"""From a decoded picture to a stored JPEG: orientation, pixel shape, size, averaging."""

from __future__ import annotations

import io
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from fractions import Fraction

    from av.video.frame import VideoFrame

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Orientation:
    """How a coded picture is turned to be shown: swap rows and columns first, then mirror."""

    is_transposed: bool = False
    is_flipped_sideways: bool = False
    is_flipped_upright: bool = False

    @property
    def rotation(self) -> int:
        """Degrees clockwise, 0, 90, 180 or 270; of a mirrored picture, before it is mirrored sideways."""
        if self.is_transposed:
            return 270 if self.is_flipped_upright else 90
        return 180 if self.is_flipped_upright else 0

    @property
    def is_mirrored(self) -> bool:
        """Whether it is mirrored besides being turned."""
        return (self.is_flipped_sideways != self.is_flipped_upright) != self.is_transposed

    def apply(self, pixels: Pixels) -> Pixels:
        """Turn pixels [height, width, channels]."""
        if self.is_transposed:
            pixels = pixels.transpose(1, 0, 2)
        if self.is_flipped_sideways:
            pixels = pixels[:, ::-1]
        if self.is_flipped_upright:
            pixels = pixels[::-1]
        return np.ascontiguousarray(pixels)


def orientation_of(frame: VideoFrame) -> Orientation:
    """Read the display matrix of a frame: nine int32, of which 0, 1, 3, 4 turn (x, y) to (ax + cy, bx + dy)."""
    from av.sidedata.sidedata import Type

    data = cast(Any, frame.side_data).get(Type.DISPLAYMATRIX)
    if data is None:
        return Orientation()
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data))
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(is_transposed=True, is_flipped_sideways=c < 0, is_flipped_upright=b < 0)
    return Orientation(is_flipped_sideways=a < 0, is_flipped_upright=d < 0)


def shown_size(width: int, height: int, *, aspect: Fraction | None, orientation: Orientation) -> tuple[int, int]:
    """Return width and height as shown: the width stretched by the sample aspect ratio, then turned."""
    if aspect and aspect > 0:
        width = max(round(width * aspect), 1)
    return (height, width) if orientation.is_transposed else (width, height)


def fitted(width: int, height: int, *, longest: int) -> tuple[int, int]:
    """Return the size whose longest side is at most `longest`, same shape, never enlarged."""
    scale = min(1.0, longest / max(width, height))
    return max(math.floor(width * scale + 0.5), 1), max(math.floor(height * scale + 0.5), 1)


def pixels_of(frame: VideoFrame, *, size: tuple[int, int], orientation: Orientation) -> Pixels:
    """Scale a frame to its stored size and turn it: RGB uint8 [height, width, 3]."""
    width, height = (size[1], size[0]) if orientation.is_transposed else size
    scaled = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA", threads=1)
    return orientation.apply(cast(Pixels, scaled.to_ndarray()))


def jpeg(group: list[Pixels], *, quality: int) -> bytes:
    """Encode the mean of a group of pictures as baseline JPEG, 4:2:0."""
    from PIL import Image

    mean = group[0]
    if len(group) > 1:
        total = np.sum(np.stack(group), axis=0, dtype=np.uint32)
        mean = np.asarray((2 * total + len(group)) // (2 * len(group)), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(mean).save(out, "JPEG", quality=quality, subsampling="4:2:0")
    return out.getvalue()
