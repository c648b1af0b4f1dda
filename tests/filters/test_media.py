"""`media`: images that show nothing go, pages with little ink stay."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from curation.errors import ManifestError
from curation.filters.media import Media
from tests.filters.pictures import encoded, page, sample, scene
from tests.filters.rows import dropped, run


def line_page() -> Image.Image:
    """A large page with one short line of small print."""
    image = Image.new("RGB", (1240, 1754), "white")
    ImageDraw.Draw(image).text((150, 300), "x + 2 = 7", font=ImageFont.load_default(22), fill="black")
    return image


def noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(20, 44, (300, 400), dtype=np.uint8))


def gradient() -> Image.Image:
    return Image.fromarray(np.tile(np.linspace(0, 255, 512).astype(np.uint8), (384, 1)))


def test_what_shows_nothing_is_dropped_with_its_measure(tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (200, 100), "white"), noise(), gradient(), line_page(), page(7), scene(3)]
    rows = [sample(tmp_path, f"a/f:{n}", [encoded(picture, "JPEG")]) for n, picture in enumerate(pictures)]
    ledger = run(tmp_path, rows, Media()).to_pylist()
    assert [(row["sample_id"], row["source"], row["reason"]) for row in ledger] == [
        ("a/f:0", "a", "blank"),
        ("a/f:1", "a", "near_uniform"),
        ("a/f:2", "a", "low_detail"),
    ]
    assert all(row["measured"] <= row["threshold"] for row in ledger)


def test_one_blank_image_among_several_is_named(tmp_path: Path) -> None:
    rows = [sample(tmp_path, "a/f:0", [encoded(scene(1)), encoded(Image.new("L", (90, 90), 200))])]
    ledger = run(tmp_path, rows, Media()).to_pylist()
    assert [json.loads(row["detail"])["position"] for row in ledger] == [1]


def test_null_leaves_a_rule_out_and_flags_drop_nothing(tmp_path: Path) -> None:
    rows = [
        sample(tmp_path, "a/f:0", [encoded(Image.new("L", (90, 90)))]),
        sample(tmp_path, "a/f:1", [encoded(noise())]),
    ]
    assert dropped(run(tmp_path, rows, Media(uniform=None, detail=None))) == ["a/f:0"]
    ledger = run(tmp_path, rows, Media(action="flag"))
    assert (dropped(ledger), len(ledger)) == ([], 2)


def test_no_file_is_opened(tmp_path: Path) -> None:
    rows = [sample(tmp_path, "a/f:0", [encoded(Image.new("L", (90, 90)))])]
    (tmp_path / "a-f:0-0").unlink()
    assert dropped(run(tmp_path, rows, Media())) == ["a/f:0"]


def test_grey_values_are_from_0_to_255() -> None:
    with pytest.raises(ManifestError, match="blank is 300"):
        Media(blank=300)


def test_real_receipts_photos_and_formulas_stay(tmp_path: Path, real_data: Path) -> None:
    folders = ("docs-sroie", "math-im2latex", "llava-coco30")
    files = [
        path
        for folder in folders
        for path in sorted((real_data / "real" / folder).rglob("*"))
        if path.suffix.lower() in (".jpg", ".png", ".jpeg")
    ][:60]
    rows = [sample(tmp_path, f"a/f:{n}", [path.read_bytes()]) for n, path in enumerate(files)]
    assert len(rows) > 20
    assert dropped(run(tmp_path, rows, Media())) == []
