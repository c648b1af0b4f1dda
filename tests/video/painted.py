"""Small real videos whose frames carry their number in the picture: 16 blocks on top, white, black, 14 bits."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from curation.video import FrameRequest, VideoProbe

WIDTH, HEIGHT, STRIP = 160, 96, 16
MILLISECOND = Fraction(1, 1000)


def picture(number: int) -> npt.NDArray[np.uint8]:
    """Paint a number: RGB uint8 [96, 160, 3]. Red stands top left and blue bottom right under the strip."""
    pixels = np.full((HEIGHT, WIDTH, 3), 96, dtype=np.uint8)
    pixels[STRIP:48, :40] = (220, 20, 20)
    pixels[64:, -40:] = (20, 20, 220)
    bits = [1, 0, *(number >> place & 1 for place in range(13, -1, -1))]
    for place, bit in enumerate(bits):
        pixels[:STRIP, place * 10 : place * 10 + 10] = 235 * bit + 10
    return pixels


def number_in(jpeg: bytes) -> int:
    """Read the number that a stored frame carries."""
    grey = np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"), dtype=np.float64)
    height, width = grey.shape
    block, strip = width / 16, max(16, height // 9)
    means = [
        grey[strip // 4 : strip * 3 // 4, int((place + 0.25) * block) : int((place + 0.75) * block)].mean()
        for place in range(16)
    ]
    middle = (means[0] + means[1]) / 2
    return sum(int(mean > middle) << (13 - place) for place, mean in enumerate(means[2:]))


def request_of(found: VideoProbe, *positions: int, size: int = 512) -> FrameRequest:
    """Ask for the frames of a probed video at some positions."""
    return FrameRequest(pts=tuple(found.pts[list(positions)].tolist()), indices=positions, size=size)


def write_video(
    path: Path,
    milliseconds: list[int],
    *,
    codec: str = "libx264",
    keep_every: int = 12,
    rotation: int = 0,
    is_mirrored: bool = False,
    aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Encode numbered frames shown at the given times, with B-frames and a key frame every `keep_every`."""
    with av.open(str(path), "w", options=options or {}) as output:
        stream: Any = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.time_base = WIDTH, HEIGHT, MILLISECOND
        stream.pix_fmt = {"gif": "rgb8", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
        stream.codec_context.time_base = MILLISECOND
        stream.codec_context.gop_size = keep_every
        if codec == "libx264":
            stream.options = {"crf": "20", "preset": "veryfast", "bf": "2", "sc_threshold": "0"}
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation or is_mirrored:
            stream.set_display_rotation(rotation, hflip=is_mirrored)
        for number, at in enumerate(milliseconds):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = at, MILLISECOND
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """Write half a second of silence."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4000), dtype=np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path
