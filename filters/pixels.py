"""Whether two images show the same, looked at closely: what a hash of 64x64 pixels can't see."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from curation.errors import MediaError
from curation.images import open_image
from curation.luma import content_box, with_margins
from curation.media import read
from curation.records import Address

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image as PillowImage

# Compared at this many pixels on the longer side, so that one digit of a page is still several pixels high.
COMPARED_SIDE = 1024
MIN_SIDE = 64
BLOCK = 8
RESIZED_SCALE = 0.85
MAX_ASPECT_DIFFERENCE = 0.02


def load_grey(address: str) -> NDArray[np.uint8] | None:
    """Return the luma [height, width] of the image at an address (JSON of `path`, `offset`, `length`) as it is shown.

    At most `COMPARED_SIDE` pixels long. None when it can't be read any more.
    """
    import numpy as np
    from PIL import Image, ImageOps

    try:
        fields = json.loads(address)
        image = open_image(read(Address(path=fields["path"], offset=fields.get("offset"), length=fields.get("length"))))
        image.draft("L", (COMPARED_SIDE, COMPARED_SIDE))
        image = ImageOps.exif_transpose(image)
        grey = _flat(image)
    except (MediaError, OSError, ValueError, SyntaxError, EOFError):
        return None
    if max(grey.size) > COMPARED_SIDE:
        scale = COMPARED_SIDE / max(grey.size)
        size = (max(round(grey.width * scale), 1), max(round(grey.height * scale), 1))
        grey = grey.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(grey, dtype=np.uint8)


def _flat(image: PillowImage.Image) -> PillowImage.Image:
    """Return the luma on white, 16-bit greys scaled to 8."""
    import numpy as np
    from PIL import Image

    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("L")
    if image.mode.startswith("I") or image.mode == "F":
        pixels = np.nan_to_num(np.asarray(image, dtype=np.float64))
        return Image.fromarray(np.clip(pixels / max(pixels.max(initial=0.0) / 255, 1.0), 0, 255).astype(np.uint8))
    return image if image.mode == "L" else image.convert("RGB").convert("L")


def local_difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Return the mean difference of grey values (0 to 255) in that block of 8x8 pixels where it is largest.

    Smoothed over 3x3 pixels, which forgives compression, while a digit that differs fills its block. Images of
    different sizes are both brought to 0.85 of the smaller one's size, which forgives resampling (of scanned receipts
    at half their size 76 % are found so, 53 % without). Infinite when the shapes differ by more than 2 %, or when one
    is smaller than 64 pixels on a side and the pixels are not equal.
    """
    import numpy as np

    if one.shape == other.shape and np.array_equal(one, other):
        return 0.0
    aspects = one.shape[0] / one.shape[1], other.shape[0] / other.shape[1]
    if min(*one.shape, *other.shape) < MIN_SIDE or abs(aspects[0] / aspects[1] - 1) > MAX_ASPECT_DIFFERENCE:
        return float("inf")
    height, width = min(one.shape[0], other.shape[0]), min(one.shape[1], other.shape[1])
    if one.shape != other.shape:
        height, width = round(height * RESIZED_SCALE), round(width * RESIZED_SCALE)
    sums = _block_sums(np.abs(_sums_of_nine(_resized(one, height, width) - _resized(other, height, width))))
    return float(sums.max(initial=0)) / (9 * BLOCK * BLOCK)


def trimmed_difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Return `local_difference` of two images with margins that are plain, or nearly so, made equally wide.

    What is between the margins is laid on what is between the other's, and paper is added where one has less of it: so
    faint print in a margin counts. Infinite when less than 64 pixels of a side are between them: what shows little says
    where it stands, too.
    """
    import numpy as np

    greys, (mine, theirs) = (one, other), (_frame(one), _frame(other))
    if min(*mine[1], *theirs[1]) < MIN_SIDE:
        return float("inf")
    shares = [frame[0] / np.tile(frame[1], 2) for frame in (mine, theirs)]
    widest = np.maximum(*shares)
    added = [
        np.rint((widest - share) * np.tile(frame[1], 2)) for share, frame in zip(shares, (mine, theirs), strict=True)
    ]
    return local_difference(
        *(with_margins(grey, more.astype(int).tolist()) for grey, more in zip(greys, added, strict=True))
    )


def _frame(grey: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return an image's margins (left, top, right, bottom) and the width and height of what is between, in pixels."""
    import numpy as np

    height, width = grey.shape
    left, top, right, bottom = content_box(grey) or (0, 0, width, height)
    return np.array([left, top, width - right, height - bottom], float), np.array([right - left, bottom - top], float)


def _resized(grey: NDArray[np.uint8], height: int, width: int) -> NDArray[np.int16]:
    import numpy as np
    from PIL import Image

    if grey.shape == (height, width):
        return grey.astype(np.int16)
    return np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BILINEAR)).astype(np.int16)


def _sums_of_nine(values: NDArray[np.int16]) -> NDArray[np.int16]:
    """Sum 3x3 pixels around each (the outermost row and column fall away); nine differences of greys fit 16 bits."""
    across = values[:, :-2] + values[:, 1:-1] + values[:, 2:]
    summed: NDArray[np.int16] = across[:-2] + across[1:-1] + across[2:]
    return summed


def _block_sums(values: NDArray[np.int16]) -> NDArray[np.int32]:
    """Sum the blocks of 8x8 pixels that begin at every fourth row and column, so what lies on an edge of one is whole
    in another.
    """
    import numpy as np

    half = BLOCK // 2
    rows, columns = values.shape[0] // half, values.shape[1] // half
    cut = values[: rows * half, : columns * half].reshape(rows, half, columns * half)
    down = cut.sum(axis=1, dtype=np.int32)
    quarters = down.reshape(rows, columns, half).sum(axis=2)
    return np.asarray(quarters[:-1, :-1] + quarters[1:, :-1] + quarters[:-1, 1:] + quarters[1:, 1:], np.int32)
