"""Perceptual hashes: exact, stable, near for what looks the same, far for what does not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from curation.hashing import phash256, phash256_batch
from curation.images import probe_image


def grey(seed: int) -> np.ndarray:
    """Return a smooth random picture: 64x64 from 8x8 noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    return np.asarray(Image.fromarray(noise).resize((64, 64), Image.Resampling.BICUBIC))


def distance(one: bytes, other: bytes) -> int:
    return int(np.bitwise_count(np.frombuffer(one, np.uint8) ^ np.frombuffer(other, np.uint8)).sum())


def test_a_batch_gives_the_same_bits_as_one_by_one() -> None:
    pictures = np.stack([grey(seed) for seed in range(33)])
    assert phash256_batch(pictures).tobytes() == b"".join(map(phash256, pictures))


def test_the_hash_is_the_dct_s_signs_around_its_median() -> None:
    """A DCT written out from its definition, on one picture, without matrices."""
    picture = grey(5).astype(float)
    points = np.arange(64)
    coefficients = np.empty((16, 16))
    for row in range(16):
        for column in range(16):
            down = np.cos(np.pi * (2 * points + 1) * (row + 1) / 128)
            across = np.cos(np.pi * (2 * points + 1) * (column + 1) / 128)
            coefficients[row, column] = (picture * down[:, None] * across[None, :]).sum()
    expected = np.packbits(coefficients.ravel() > np.median(coefficients)).tobytes()
    assert distance(phash256(grey(5)), expected) <= 2


def test_contrast_changes_little_and_another_picture_much() -> None:
    """Two pictures that have nothing in common differ in 128 bits on average."""
    picture = grey(1)
    darker = (picture * 0.6).astype(np.uint8)
    assert distance(phash256(picture), phash256(darker)) <= 24
    assert all(distance(phash256(picture), phash256(grey(seed))) > 80 for seed in range(2, 20))


def test_blank_images_have_one_hash_whatever_their_shade() -> None:
    assert len({phash256(np.full((64, 64), shade, np.uint8)) for shade in range(1, 256)}) == 1


def test_re_encoded_and_halved_pictures_stay_near() -> None:
    image = Image.fromarray(grey(3)).convert("RGB").resize((800, 600), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for index in range(20):
        draw.rectangle((index * 37, index * 23, index * 37 + 90, index * 23 + 50), fill=(index * 12, 80, 200))
    hashes = []
    for scale, name, quality in ((1, "PNG", 100), (1, "JPEG", 75), (1, "WEBP", 50), (2, "JPEG", 90)):
        buffer = io.BytesIO()
        image.resize((800 // scale, 600 // scale), Image.Resampling.LANCZOS).save(buffer, name, quality=quality)
        hashes.append(phash256(probe_image(buffer.getvalue()).grey))
    assert max(distance(hashes[0], other) for other in hashes[1:]) <= 20


@pytest.mark.parametrize("bad", [np.zeros((1, 32, 32), np.uint8), np.zeros((1, 64, 64)), np.zeros((64, 64), np.uint8)])
def test_another_shape_or_type_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        phash256_batch(bad)
