"""Perceptual signatures of images, as exact arithmetic: the same pixels give the same bits on every machine."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 64
PHASH_BITS = 256

# Cosines are rounded to multiples of 2**-13 and kept as whole numbers in doubles. The largest sum is
# 2**8 (pixel) * 2**13 * 2**13 * 2**6 * 2**6 = 2**46, below 2**53, so every product and sum is exact whatever
# the order in which a BLAS adds them.
_SCALE = float(1 << 13)


@cache
def _cosines() -> NDArray[np.float64]:
    """Return rows 1 to 16 of the DCT-II of length 64, scaled to whole numbers: [16, 64]."""
    import numpy as np

    frequencies = np.arange(1, 17, dtype=np.float64)[:, None]
    points = np.arange(SIDE, dtype=np.float64)[None, :]
    return np.round(_SCALE * np.cos(np.pi * (2 * points + 1) * frequencies / (2 * SIDE)))


def phash256(gray64: NDArray[np.uint8]) -> bytes:
    """Return the 256-bit perceptual hash of a 64x64 grey image as 32 bytes.

    The 16x16 lowest frequencies of its DCT without the constant row and column (brightness and plain gradients along
    an axis say nothing about what is shown); a bit is set where the coefficient is above the median of the 256.
    """
    return phash256_batch(gray64[None]).tobytes()


def phash256_batch(gray64: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the hashes of [n, 64, 64] grey images as [n, 32] bytes; row i equals `phash256(gray64[i])`."""
    import numpy as np

    if gray64.ndim != 3 or gray64.shape[1:] != (SIDE, SIDE) or gray64.dtype != np.uint8:
        raise ValueError(f"phash256: expected uint8 [n, 64, 64], got {gray64.dtype} {list(gray64.shape)}")
    cosines = _cosines()
    coefficients = (cosines @ gray64.astype(np.float64) @ cosines.T).reshape(len(gray64), PHASH_BITS)
    return np.packbits(coefficients > np.median(coefficients, axis=1, keepdims=True), axis=1)


def thumbnail(gray64: NDArray[np.uint8]) -> bytes:
    """Return a 64x64 grey image as 4096 bytes without the two lowest bits of each, which only cost room on disk."""
    kept: bytes = (gray64 & 0xFC).tobytes()
    return kept
