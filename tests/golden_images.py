"""The drawn images that the published processor's answers are about, made again from their sizes and seeds."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def draw(width: int, height: int, seed: int, mode: str = "RGB") -> Pixels:
    """Return ramps with noise: [height, width, 3], or [height, width] for mode L."""
    across, down = np.arange(width, dtype=np.int64), np.arange(height, dtype=np.int64)[:, None]
    diagonal = (across + down) * 255 // max(width + height - 2, 1)
    red = np.broadcast_to(across * 255 // max(width - 1, 1), diagonal.shape)
    green = np.broadcast_to(down * 255 // max(height - 1, 1), diagonal.shape)
    noise = np.random.default_rng(seed).integers(-24, 25, size=(height, width, 3), dtype=np.int64)
    pixels = np.clip(np.stack([red, green, diagonal], axis=-1) + noise, 0, 255).astype(np.uint8)
    return pixels[:, :, 2] if mode == "L" else pixels


def drawn(image: dict[str, Any]) -> Pixels:
    """Return the image of a record and make sure that it is the one the answer is about."""
    pixels = draw(image["w"], image["h"], image["seed"], image["mode"])
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == image["pixels_sha256"]
    return pixels
