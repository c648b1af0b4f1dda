"""Measure an image: one decode tells whether it is whole, its size as shown and its looks."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.errors import MediaError
from curation.luma import content_box, contrast_of, ink_share

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image as PillowImage

# Larger images are refused unread: a 50-megapixel scan is real, a 20,000 x 20,000 PNG of one colour is a bomb.
MAX_PIXELS = 120_000_000
HASH_SIDE = 64
_ORIENTATION = 0x0112
_GREY_STEPS = (8, 4, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageProbe:
    """What one decode of an image tells. `width` and `height` in pixels as shown, after EXIF orientation.

    `grey` is a uint8 array [64, 64] of the shown image's luma, from which `phash` is made; `trimmed` the same of the
    image without its plain margins, None when it has none. `margins`: their shares (0 to 1) of its width and height:
    left, top, right, bottom. `ink`: `luma.ink_share` of its pixels as decoded. `contrast`, `detail`: `luma.contrast_of`
    grey.
    """

    mime: str
    width: int
    height: int
    mode: str
    grey: np.ndarray
    trimmed: np.ndarray | None
    margins: tuple[float, float, float, float]
    ink: float
    contrast: int
    detail: int


def open_image(data: bytes) -> PillowImage.Image:
    """Open an image by its content and check its header. Raises MediaError.

    Reasons: `empty_media`, `not_an_image` (measured: its bytes), `too_many_pixels` (measured: its pixels),
    `damaged_image` when even the header is broken, `unsupported_image` for PostScript, which Pillow would hand to
    another program.
    """
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise MediaError("empty_media", "0 bytes", measured=0)
    Image.MAX_IMAGE_PIXELS = None  # our own limit below is a ledger row, Pillow's is an exception or a warning
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data))
    except UnidentifiedImageError as err:
        raise MediaError("not_an_image", f"starts with {data[:8]!r}", measured=len(data)) from err
    except Exception as err:  # a broken header may raise anything inside a plug-in
        raise MediaError("damaged_image", f"{type(err).__name__}: {err}", measured=len(data)) from err
    if image.format == "EPS":
        raise MediaError("unsupported_image", "PostScript; draw it as PNG first", measured=len(data))
    if image.width * image.height > MAX_PIXELS:
        raise MediaError("too_many_pixels", f"{image.width}x{image.height}", measured=image.width * image.height)
    return image


def probe_image(data: bytes) -> ImageProbe:
    """Decode an image once and measure it. Raises MediaError.

    JPEG is decoded at the smallest scale (1/8, 1/4, 1/2, 1) whose sides stay at least 128 pixels: every byte is still
    entropy-decoded, so truncation is found (Pillow's own `verify` finds none), at twice the speed. The scale depends on
    the size alone, so the same bytes always give the same hash.
    """
    import numpy as np
    from PIL import Image

    image = open_image(data)
    width, height, mode, mime = image.width, image.height, image.mode, Image.MIME.get(image.format or "", "")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if image.format == "JPEG" and mode in ("RGB", "L", "YCbCr"):
                scale = next((step for step in _GREY_STEPS if min(width, height) >= 2 * HASH_SIDE * step), 1)
                image.draft("L", (width // scale, height // scale))
            image.load()
            orientation = _orientation(image)  # after load: to look for a late EXIF chunk, Pillow loads a PNG itself
            luma = _upright(_luma(image), orientation)
            pixels = np.asarray(luma, dtype=np.uint8)
            box = content_box(pixels)
            grey, trimmed = _small(luma), _small(luma.crop(box)) if box else None
            contrast, detail = contrast_of(grey)
            ink = ink_share(pixels)
    except MediaError:
        raise
    except Exception as err:  # a damaged file may raise anything inside a codec plug-in
        reason = "truncated_image" if "truncated" in str(err) or isinstance(err, EOFError) else "damaged_image"
        raise MediaError(reason, f"{type(err).__name__}: {err}", measured=len(data)) from err
    if orientation >= 5:
        width, height = height, width
    return ImageProbe(
        mime=mime,
        width=width,
        height=height,
        mode=mode,
        grey=grey,
        trimmed=trimmed,
        margins=_shares(box, luma.size),
        ink=ink,
        contrast=contrast,
        detail=detail,
    )


def _orientation(image: PillowImage.Image) -> int:
    """Return the EXIF orientation, 1 (upright) when there is none or it makes no sense."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken EXIF is no reason to lose a picture
        return 1
    return value if value in range(1, 9) else 1


def _luma(image: PillowImage.Image) -> PillowImage.Image:
    """Return the luma; transparent pixels are shown on white, 16-bit greys are scaled to 8."""
    import numpy as np
    from PIL import Image

    if image.mode in ("RGBA", "LA", "PA") or (image.mode == "P" and "transparency" in image.info):
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    elif image.mode.startswith("I") or image.mode == "F":
        pixels = np.asarray(image, dtype=np.float64)
        top = 65535.0 if image.mode.startswith("I") else max(float(np.nanmax(pixels, initial=0.0)), 1.0)
        image = Image.fromarray(np.clip(np.nan_to_num(pixels) * (255.0 / top), 0, 255).astype(np.uint8))
    return image if image.mode == "L" else image.convert("RGB").convert("L")


def _small(luma: PillowImage.Image) -> np.ndarray:
    """Shrink to a 64x64 luma array."""
    import numpy as np
    from PIL import Image

    return np.asarray(luma.resize((HASH_SIDE, HASH_SIDE), Image.Resampling.LANCZOS), dtype=np.uint8)


def _upright(luma: PillowImage.Image, orientation: int) -> PillowImage.Image:
    """Turn stored pixels the way EXIF orientation 1 to 8 shows them."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return luma.transpose(turns[orientation]) if orientation in turns else luma


def _shares(box: tuple[int, int, int, int] | None, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return margins as shares of width and height: left, top, right, bottom."""
    (width, height), (left, top, right, bottom) = size, box or (0, 0, *size)
    return left / width, top / height, 1 - right / width, 1 - bottom / height
