"""What the luma of an image tells: what stands between its margins, how much ink it holds, what contrast."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Grey values by which paper may differ from itself: scans differ by less, and so does what JPEG leaves around print.
MARGIN_CONTRAST = 64
INK_CONTRAST = 48
MIN_CONTENT_SHARE = 1 / 8
_LINES_AT_ONCE = 32
_MAX_COUNTED = 1 << 20


def content_box(luma: NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """Return the box (left, top, right, bottom; ends exclusive) of luma [height, width] without its plain margins.

    A margin is the rows, or columns, of one side that stay within 64 grey values of the median of the outermost, so it
    may hold faint print. None when nothing is plain, or when less than an eighth of a side would be left: what is empty
    has no margins.
    """
    height, width = luma.shape
    top, bottom = _plain_ends(luma, 1)
    if top + bottom >= height:
        return None
    left, right = _plain_ends(luma[top : height - bottom], 0)
    if not (left or top or right or bottom):
        return None
    if width - left - right < max(width * MIN_CONTENT_SHARE, 1) or height - top - bottom < height * MIN_CONTENT_SHARE:
        return None
    return left, top, width - right, height - bottom


def with_margins(luma: NDArray[np.uint8], wanted: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Return luma [height, width] with pixels of its paper added to each side (left, top, right, bottom)."""
    import numpy as np

    for side, (axis, is_start) in enumerate(((1, True), (0, True), (1, False), (0, False))):
        paper = int(np.median(np.take(luma, 0 if is_start else -1, axis)))
        sizes = (wanted[side], 0) if is_start else (0, wanted[side])
        luma = np.pad(luma, [sizes if axis == each else (0, 0) for each in (0, 1)], constant_values=paper)
    return luma


def _plain_ends(luma: NDArray[np.uint8], axis: int) -> tuple[int, int]:
    """Return how many lines are plain from the start and from the end; `axis` is the one along a line."""
    lines = luma if axis else luma.T
    return _plain_start(lines), _plain_start(lines[::-1])


def _plain_start(lines: NDArray[np.uint8]) -> int:
    """Return how many of the first rows are plain; the rows after those are hardly looked at."""
    import numpy as np

    paper = int(np.median(lines[0]))
    low, high = max(paper - MARGIN_CONTRAST, 0), min(paper + MARGIN_CONTRAST, 255)
    for start in range(0, len(lines), _LINES_AT_ONCE):
        part = lines[start : start + _LINES_AT_ONCE]
        is_plain = (part.min(axis=1) >= low) & (part.max(axis=1) <= high)
        if not is_plain.all():
            return start + int(np.argmin(is_plain))
    return len(lines)


def ink_share(luma: NDArray[np.uint8]) -> float:
    """Return the share (0 to 1) of pixels that differ by more than 48 from the most frequent grey value.

    Of a page that is print, of a photo nearly all. Of more than a million pixels each n-th row and column is counted.
    """
    import numpy as np

    step = math.isqrt(max(luma.size - 1, 0) // _MAX_COUNTED) + 1
    counts = np.bincount(luma[::step, ::step].ravel(), minlength=256)
    apart = np.abs(np.arange(256) - int(counts.argmax())) > INK_CONTRAST
    return float(counts[apart].sum() / max(int(counts.sum()), 1))


def contrast_of(grey: NDArray[np.uint8]) -> tuple[int, int]:
    """Return by how much the lightest and darkest pixel differ, and the most that two neighbours do (0 to 255)."""
    import numpy as np

    values = grey.astype(np.int16)
    steps = (int(np.abs(np.diff(values, axis=axis)).max(initial=0)) for axis in (0, 1))
    return int(values.max() - values.min()), max(steps)
