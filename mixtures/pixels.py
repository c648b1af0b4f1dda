"""Cut an image into the tiles that the vision encoder sees, pixel for pixel as the model's own processor does.

The steps are those of the Idefics3 family: RGB, LANCZOS to the longest edge, LANCZOS to multiples of the tile (uint8
after each), cut row by row; the last tile is the second image shrunk to one tile.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from curation.mixtures.geometry import scaled_size

if TYPE_CHECKING:
    from PIL import Image

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def upright_rgb(image: Image.Image) -> Image.Image:
    """Return an image as shown: turned by its EXIF orientation, transparent parts on white, in RGB."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    shown = ImageOps.exif_transpose(image)
    if "A" in shown.getbands() or shown.info.get("transparency") is not None:
        rgba = shown.convert("RGBA")
        shown = Pillow.alpha_composite(Pillow.new("RGBA", rgba.size, (255, 255, 255, 255)), rgba)
    return shown if shown.mode == "RGB" else shown.convert("RGB")


def cut_tiles(image: Image.Image, grid: tuple[int, int], *, longest_edge: int, tile: int) -> Pixels:
    """Return uint8 [rows x cols + 1, tile, tile, 3]: the tiles row by row, then the whole image.

    `grid` is (rows, cols) as `tile_grid` gives it for the image's first size, (0, 0) for one that is not cut. It is
    given because an image that was stored smaller may round to another grid than the one its tokens stand for.
    """
    from PIL.Image import Resampling

    rows, cols = grid
    shown = upright_rgb(image)
    scaled = shown.resize(scaled_size(*shown.size, longest_edge=longest_edge), Resampling.LANCZOS)
    tiled = scaled.resize((max(cols, 1) * tile, max(rows, 1) * tile), Resampling.LANCZOS)
    whole = np.asarray(tiled.resize((tile, tile), Resampling.LANCZOS))[None]
    if not rows:
        return whole
    cut = np.asarray(tiled).reshape(rows, tile, cols, tile, 3).swapaxes(1, 2).reshape(rows * cols, tile, tile, 3)
    return np.concatenate([cut, whole])


def normalised(tiles: Pixels) -> Floats:
    """Return float32 [tiles, 3, tile, tile] from -1 to 1 of uint8 [tiles, tile, tile, 3]."""
    return np.take(_levels(), np.ascontiguousarray(tiles.transpose(0, 3, 1, 2)))


@cache
def _levels() -> Floats:
    """The 256 values: (v / 255 - 0.5) / 0.5, rounded to float32 after each step as the processor does."""
    scaled = (np.arange(256, dtype=np.float64) * (1 / 255)).astype(np.float32)
    levels: Floats = (scaled - np.float32(0.5)) / np.float32(0.5)
    return levels
