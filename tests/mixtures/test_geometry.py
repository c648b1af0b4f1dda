from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.mixtures.geometry import fitted_size, scaled_size, tile_grid, tile_grids, tiled_size

sides = st.integers(1, 12_000)
settings_of_images = st.sampled_from(
    [(2048, 512), (1536, 384), (1024, 512), (512, 512), (1000, 512), (6000, 512), (384, 384)]
)


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((640, 480), (3, 4)),
        ((7, 5), (3, 4)),  # small images are enlarged
        ((512, 512), (4, 4)),
        ((1024, 768), (3, 4)),
        ((1024, 769), (4, 4)),  # one row of pixels more needs a fourth row of tiles
        ((4000, 3001), (3, 4)),  # 1536.51 pixels are cut to 1536
        ((4000, 3002), (4, 4)),  # 1537.02 are bumped to 1538
        ((5000, 100), (1, 4)),
        ((100, 5000), (4, 1)),
        ((1, 1), (4, 4)),
    ],
)
def test_grid_of_known_sizes_at_the_default_edge(size: tuple[int, int], grid: tuple[int, int]) -> None:
    assert tile_grid(*size, longest_edge=2048, tile=512) == grid


def test_image_that_fills_one_tile_is_not_cut() -> None:
    assert tile_grid(600, 400, longest_edge=512, tile=512) == (0, 0)


def test_grid_is_the_same_at_both_published_scales() -> None:
    for size in ((386, 386), (640, 480), (1920, 1080), (1000, 3000), (4000, 500)):
        assert tile_grid(*size, longest_edge=2048, tile=512) == tile_grid(*size, longest_edge=1536, tile=384)


@given(st.lists(st.tuples(sides, sides), min_size=1, max_size=50), settings_of_images)
def test_many_grids_at_once_are_those_of_one_at_a_time(sizes: list[tuple[int, int]], edges: tuple[int, int]) -> None:
    longest_edge, tile = edges
    widths, heights = (np.array(column, np.int64) for column in zip(*sizes, strict=True))
    rows, cols = tile_grids(widths, heights, longest_edge=longest_edge, tile=tile)
    expected = [tile_grid(*size, longest_edge=longest_edge, tile=tile) for size in sizes]
    assert list(zip(rows.tolist(), cols.tolist(), strict=True)) == expected


@given(sides, sides, settings_of_images)
def test_second_size_holds_the_first_in_whole_tiles(width: int, height: int, edges: tuple[int, int]) -> None:
    longest_edge, tile = edges
    first = scaled_size(width, height, longest_edge=longest_edge)
    second = tiled_size(width, height, longest_edge=longest_edge, tile=tile)
    assert max(first) == min(longest_edge, 4096)
    assert second[0] % tile == 0 and second[1] % tile == 0
    assert max(second) >= max(first)
    assert max(second) - max(first) < tile


@given(sides, sides, st.integers(1, 4096))
def test_fitted_size_never_enlarges_and_keeps_the_edge(width: int, height: int, edge: int) -> None:
    fitted = fitted_size(width, height, longest_edge=edge)
    assert max(fitted) == min(max(width, height), edge)
    assert fitted[0] <= width and fitted[1] <= height and min(fitted) >= 1
