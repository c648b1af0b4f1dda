"""Tiles are those of the model's own processor, bit for bit."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curation.mixtures.geometry import tile_grid
from curation.mixtures.pixels import cut_tiles, normalised, upright_rgb
from tests.golden_images import draw, drawn

ORIENTATION = 0x0112
LONGEST = {"smolvlm2-500m": 2048, "smolvlm2-2.2b": 1536}


def records(real_data: Path) -> list[dict[str, Any]]:
    text = (real_data / "golden" / "smolvlm_pixels.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("number", range(6))
def test_tiles_are_bit_for_bit_the_processors(real_data: Path, number: int) -> None:
    record = records(real_data)[number]
    (image,), (grid,) = record["images"], record["grids"]
    longest_edge = record["processor_overrides"].get("size", {}).get("longest_edge", LONGEST[record["variant"]])
    tiles = cut_tiles(Image.fromarray(drawn(image)), tuple(grid), longest_edge=longest_edge, tile=record["shape"][-1])
    assert hashlib.sha256(tiles.transpose(0, 3, 1, 2).tobytes()).hexdigest() == record["uint8_sha256"]
    values = normalised(tiles)
    assert list(values.shape) == record["shape"]
    assert hashlib.sha256(values.tobytes()).hexdigest() == record["float32_sha256"]


def test_levels_run_from_minus_one_to_one() -> None:
    tiles = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    values = normalised(tiles)
    assert values.dtype == np.float32
    assert values.shape == (1, 3, 16, 16)
    assert (values[0, 1, 0, 0], values[0, 2, -1, -1]) == (-1.0, 1.0)
    assert not (values == 0).any(), "the model takes a tile of zeros for padding"


def test_the_last_tile_shows_the_whole_image_and_the_others_its_parts_row_by_row() -> None:
    quarters = np.zeros((64, 64, 3), np.uint8)
    for number, (row, col) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        quarters[32 * row : 32 * row + 32, 32 * col : 32 * col + 32] = 60 * (number + 1)
    tiles = cut_tiles(Image.fromarray(quarters), (2, 2), longest_edge=64, tile=32)
    assert [int(tile.mean()) for tile in tiles[:4]] == [60, 120, 180, 240]
    assert [int(tiles[4][y, x, 0]) for y, x in [(4, 4), (4, 28), (28, 4), (28, 28)]] == [60, 120, 180, 240]


def test_an_image_that_is_not_cut_gives_one_tile() -> None:
    assert cut_tiles(Image.new("RGB", (640, 480)), (0, 0), longest_edge=128, tile=64).shape == (1, 64, 64, 3)


def test_transparent_parts_are_white() -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, 4:] = (200, 10, 10, 255)
    shown = np.asarray(upright_rgb(Image.fromarray(pixels, "RGBA")))
    assert (shown[:, :4] == 255).all()
    assert (shown[:, 4:] == (200, 10, 10)).all()


def test_a_palette_with_a_transparent_colour_is_shown_on_white() -> None:
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    palette.putpixel((0, 0), 1)
    data = io.BytesIO()
    palette.save(data, "PNG", transparency=0)
    shown = upright_rgb(Image.open(data))
    assert [shown.getpixel((0, 0)), shown.getpixel((1, 1))] == [(10, 20, 30), (255, 255, 255)]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_cut_as_its_orientation_shows_it(orientation: int) -> None:
    turns = {
        1: lambda shown: shown,
        2: np.fliplr,
        3: lambda shown: np.rot90(shown, 2),
        4: np.flipud,
        5: lambda shown: shown.swapaxes(0, 1),
        6: lambda shown: np.rot90(shown, 1),
        7: lambda shown: np.rot90(shown, 2).swapaxes(0, 1),
        8: lambda shown: np.rot90(shown, -1),
    }
    upright = draw(60, 40, seed=3)
    stored, data = Image.fromarray(np.ascontiguousarray(turns[orientation](upright))), io.BytesIO()
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored.save(data, "PNG", exif=exif)
    grid = tile_grid(60, 40, longest_edge=64, tile=32)
    tiles = cut_tiles(Image.open(data), grid, longest_edge=64, tile=32)
    assert (tiles == cut_tiles(Image.fromarray(upright), grid, longest_edge=64, tile=32)).all()
