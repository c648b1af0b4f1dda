"""Small pictures for filters, and samples about them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from curation.hashing import phash256, thumbnail
from curation.images import probe_image
from tests.filters.rows import Row


def page(number: int, size: tuple[int, int] = (600, 800)) -> Image.Image:
    """An invoice of which one number differs."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for row in range(12):
        draw.text(
            (40, 40 + 50 * row), f"position {row}: {1234 + 77 * row}", font=ImageFont.load_default(20), fill="black"
        )
    draw.text((300, 700), f"TOTAL {number}", font=ImageFont.load_default(20), fill="black")
    return image


def scene(seed: int) -> Image.Image:
    choose = np.random.default_rng(seed)
    small = Image.fromarray(choose.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    return small.resize((400, 300), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, name: str = "PNG", quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, quality=quality)
    return buffer.getvalue()


def sample(tmp_path: Path, sample_id: str, images: Sequence[bytes], question: str = "Why?", answer: str = "So.") -> Row:
    """Write images as files and make the row that pull would."""
    names = [tmp_path / f"{sample_id.replace('/', '-')}-{index}" for index in range(len(images))]
    probes = [probe_image(data) for data in images]
    for name, data in zip(names, images, strict=True):
        name.write_bytes(data)
    return Row(
        sample_id=sample_id,
        question=question,
        answer=answer,
        media=[data.hex()[:200] + str(len(data)) for data in images],
        phashes=[phash256(probe.grey).hex() for probe in probes],
        addresses=[json.dumps({"path": str(name)}) for name in names],
        measured=[
            {
                "width": probe.width,
                "height": probe.height,
                "phash_trimmed": None if probe.trimmed is None else phash256(probe.trimmed).hex(),
                "margins": list(probe.margins),
                "ink": probe.ink,
                "contrast": probe.contrast,
                "detail": probe.detail,
            }
            for probe in probes
        ],
        thumbnails=[thumbnail(probe.grey) for probe in probes],
    )
