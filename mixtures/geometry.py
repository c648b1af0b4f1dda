"""How an image is cut into tiles: the arithmetic of the Idefics3 family's image processor, in sizes alone.

The processor scales the long side to `longest_edge` (up or down), rounds both sides up to multiples of the tile, and
cuts the result into rows x cols tiles; one more tile shows the whole image. An image that fills one tile is not cut:
0 x 0. The steps truncate and round on purpose as the processor does, so that grids are equal for every size.
"""

from __future__ import annotations

from math import ceil

import numpy as np
import numpy.typing as npt

MAX_SIDE = 4096
"""Pixels: the processor never enlarges past this, whatever `longest_edge` says."""

Sizes = npt.NDArray[np.int64]


def scaled_size(width: int, height: int, *, longest_edge: int) -> tuple[int, int]:
    """Return (width, height) after the first resize: the long side is `longest_edge`, the short one even."""
    aspect = width / height
    if width >= height:
        wide, high = longest_edge, int(longest_edge / aspect)
        high += high % 2
    else:
        wide, high = int(longest_edge * aspect), longest_edge
        wide += wide % 2
    wide, high = max(wide, 1), max(high, 1)
    if max(wide, high) > MAX_SIDE:
        aspect = wide / high
        wide, high = (MAX_SIDE, int(MAX_SIDE / aspect)) if wide >= high else (int(MAX_SIDE * aspect), MAX_SIDE)
        wide, high = max(wide, 1), max(high, 1)
    return wide, high


def tiled_size(width: int, height: int, *, longest_edge: int, tile: int) -> tuple[int, int]:
    """Return (width, height) after the second resize: multiples of the tile, the aspect slightly bent."""
    wide, high = scaled_size(width, height, longest_edge=longest_edge)
    aspect = wide / high
    if wide >= high:
        wide = ceil(wide / tile) * tile
        return wide, ceil(max(int(wide / aspect), 1) / tile) * tile
    high = ceil(high / tile) * tile
    return ceil(max(int(high * aspect), 1) / tile) * tile, high


def tile_grid(width: int, height: int, *, longest_edge: int, tile: int) -> tuple[int, int]:
    """Return (rows, cols) of the tiles of an image of width x height pixels as shown; (0, 0) when it is not cut.

    >>> tile_grid(640, 480, longest_edge=2048, tile=512)
    (3, 4)
    """
    wide, high = tiled_size(width, height, longest_edge=longest_edge, tile=tile)
    return (high // tile, wide // tile) if wide > tile or high > tile else (0, 0)


def tile_grids(widths: Sizes, heights: Sizes, *, longest_edge: int, tile: int) -> tuple[Sizes, Sizes]:
    """Return the rows and columns of many images at once: `tile_grid` of each pair, as two int64 [images]."""
    aspect = widths / heights
    wider = widths >= heights
    high = _even((longest_edge / aspect).astype(np.int64))
    wide = _even((longest_edge * aspect).astype(np.int64))
    wide = np.maximum(np.where(wider, longest_edge, wide), 1)
    high = np.maximum(np.where(wider, high, longest_edge), 1)
    if longest_edge > MAX_SIDE:
        aspect, wider = wide / high, wide >= high
        capped_wide = np.where(wider, MAX_SIDE, (MAX_SIDE * aspect).astype(np.int64))
        capped_high = np.where(wider, (MAX_SIDE / aspect).astype(np.int64), MAX_SIDE)
        wide, high = np.maximum(capped_wide, 1), np.maximum(capped_high, 1)
    aspect, wider = wide / high, wide >= high
    long_side = -(-np.where(wider, wide, high) // tile)
    scaled = np.where(wider, long_side * tile / aspect, long_side * tile * aspect).astype(np.int64)
    short_side = -(-np.maximum(scaled, 1) // tile)
    rows, cols = np.where(wider, short_side, long_side), np.where(wider, long_side, short_side)
    is_cut = (rows > 1) | (cols > 1)
    return np.where(is_cut, rows, 0), np.where(is_cut, cols, 0)


def _even(sides: Sizes) -> Sizes:
    return sides + sides % 2


def fitted_size(width: int, height: int, *, longest_edge: int) -> tuple[int, int]:
    """Return (width, height) scaled down so that the long side is at most `longest_edge`; never enlarged.

    The size at which a video frame, or an image with `images: fit`, is stored.
    """
    long_side = max(width, height)
    if long_side <= longest_edge:
        return width, height
    return (
        max(round(width * longest_edge / long_side), 1),
        max(round(height * longest_edge / long_side), 1),
    )
