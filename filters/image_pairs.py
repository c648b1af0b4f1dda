"""Pairs of images that may show the same, judged by what pull measured: which are worth opening, and how to compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from curation.filters.hamming import NearPairs, hash_array, near_pairs
from curation.filters.pixels import BLOCK, COMPARED_SIDE, MAX_ASPECT_DIFFERENCE
from curation.filters.runs import places_within
from curation.filters.thumbnails import SIDE, thumbnail_differences

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

MAX_LOOKS = 8
MAX_NEAREST = 32
# Margins may differ by this share of what they surround. An object elsewhere on a page is another picture.
MAX_SHIFT = 0.1
_SAME_SHIFT = 0.004
# A cell of a thumbnail lies across several blocks of pixels, so one that differs by more than twice what a block may
# differ by is proof. Copies (JPEG 30, WebP 50, half size) differ by up to 10 grey values, most drawings on one template
# by more than 26.
_SLACK = 2.0
_MIN_LIMIT = 8.0
_LAST = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePairs:
    """Pairs of positions `later[k] > earlier[k]`, ordered by later and then the nearest first, and how to compare them.

    `is_whole`: as they are; `is_trimmed`: without their margins. `distance`: bits by which their hashes differ.
    """

    later: NDArray[np.int64]
    earlier: NDArray[np.int64]
    distance: NDArray[np.int64]
    is_whole: NDArray[np.bool_]
    is_trimmed: NDArray[np.bool_]
    num_unseen: int


def candidate_pairs(images: pa.Table, bits: int) -> ImagePairs:
    """Return the nearest 32 pairs of each image by its hash, and 32 by the hash without margins where it has any.

    `images` has `phash` and `phash_trimmed` as 32 bytes, the latter null without margins.
    """
    import numpy as np
    import pyarrow.compute as pc

    found, num_unseen = _nearest(near_pairs(hash_array(images["phash"]), bits))
    is_trimmed = np.zeros(len(found.later), np.bool_)
    if images["phash_trimmed"].null_count < len(images):
        hashes = pc.coalesce(images["phash_trimmed"], images["phash"])
        others, more = _nearest(near_pairs(hash_array(hashes), bits))
        num_unseen += more
        found = NearPairs(
            later=np.concatenate([found.later, others.later]),
            earlier=np.concatenate([found.earlier, others.earlier]),
            distance=np.concatenate([found.distance, others.distance]),
            num_capped=found.num_capped + others.num_capped,
        )
        is_trimmed = np.concatenate([is_trimmed, np.ones(len(others.later), np.bool_)])
    return _distinct(found, is_trimmed, num_unseen=num_unseen + found.num_capped)


def _distinct(found: NearPairs, is_trimmed: NDArray[np.bool_], *, num_unseen: int) -> ImagePairs:
    """Make one of a pair that both hashes found, with the lesser distance."""
    import numpy as np

    codes = found.later * (found.later.max(initial=0) + 1) + found.earlier
    order = np.lexsort((found.distance, codes))
    _, first = np.unique(codes[order], return_index=True)
    some = np.logical_or.reduceat(is_trimmed[order], first) if len(first) else is_trimmed
    kept = order[first]
    order = np.lexsort((found.earlier[kept], found.distance[kept], found.later[kept]))
    kept = kept[order]
    return ImagePairs(
        later=found.later[kept],
        earlier=found.earlier[kept],
        distance=found.distance[kept],
        is_whole=np.ones(len(kept), np.bool_),
        is_trimmed=some[order],
        num_unseen=num_unseen,
    )


def _nearest(pairs: NearPairs) -> tuple[NearPairs, int]:
    """Return the nearest few pairs of each image, and how many are left out."""
    kept = places_within(pairs.later) < MAX_NEAREST
    near = replace(pairs, later=pairs.later[kept], earlier=pairs.earlier[kept], distance=pairs.distance[kept])
    return near, int((~kept).sum())


def images_of(pairs: ImagePairs) -> NDArray[np.int64]:
    """Return the positions that are in any pair, ascending."""
    import numpy as np

    return np.unique(np.concatenate([pairs.later, pairs.earlier]))


def worth_opening(
    pairs: ImagePairs,
    images: pa.Table,
    *,
    difference: float,
    thumbnails: Callable[[], pa.RecordBatchReader],
    folder: Path,
) -> ImagePairs:
    """Return the pairs that shapes, margins and thumbnails leave undecided, at most the nearest 8 of each image.

    Nearest by their thumbnails, by which they are ordered, and 8 more by their hashes without margins: of images on one
    template the hashes say little about which is a copy of which.

    `images` has a row for each of `images_of(pairs)`: `media_id`, `width`, `height`, `margin_left`, `margin_top`,
    `margin_right` and `margin_bottom` (shares of width and height). What pull did not measure decides nothing.
    """
    import numpy as np

    named = images_of(pairs)
    one, other = named.searchsorted(pairs.later), named.searchsorted(pairs.earlier)
    sizes = np.stack([_numbers(images[name]) for name in ("width", "height")], axis=1)
    margins = np.stack([_numbers(images[f"margin_{side}"]) for side in ("left", "top", "right", "bottom")], axis=1)
    shift = _shift(margins, one, other)
    aspects = sizes[:, 0] / sizes[:, 1]
    # Twice the limit, since images are scaled to whole pixels before they are compared; unknown sizes say nothing.
    is_like = ~(np.abs(aspects[one] / aspects[other] - 1) > 2 * MAX_ASPECT_DIFFERENCE)
    media_ids = images["media_id"].combine_chunks()
    apart = thumbnail_differences(thumbnails, media_ids, one, other, folder=folder)
    is_whole = is_like & (apart <= _limit(difference, sizes, one, other))
    is_trimmed = pairs.is_trimmed & (shift > _SAME_SHIFT) & (shift <= MAX_SHIFT)
    num_undecided = int((is_whole | is_trimmed).sum())
    is_whole &= _is_among_first(pairs.later, apart + ~is_whole * _LAST, pairs.earlier)
    is_trimmed &= _is_among_first(pairs.later, pairs.distance + ~is_trimmed * _LAST, pairs.earlier)
    order = np.lexsort((pairs.earlier, pairs.distance, apart, pairs.later))
    kept = order[(is_whole | is_trimmed)[order]]
    return replace(
        pairs,
        later=pairs.later[kept],
        earlier=pairs.earlier[kept],
        distance=pairs.distance[kept],
        is_whole=is_whole[kept],
        is_trimmed=is_trimmed[kept],
        num_unseen=pairs.num_unseen + num_undecided - len(kept),
    )


def _is_among_first(
    later: NDArray[np.int64], nearness: NDArray[np.float64], earlier: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Say of each pair whether it is among the nearest 8 of its later image."""
    import numpy as np

    order = np.lexsort((earlier, nearness, later))
    found = np.empty(len(later), np.bool_)
    found[order] = places_within(later[order]) < MAX_LOOKS
    return found


def _limit(
    difference: float, sizes: NDArray[np.float64], one: NDArray[np.int64], other: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the difference of thumbnails above which no pair passes: of small images a cell is less than a block."""
    import numpy as np

    shrink = np.minimum(1, COMPARED_SIDE / sizes.max(axis=1))
    cells = (sizes * shrink[:, None] / SIDE).prod(axis=1)
    blocks = np.maximum(1, BLOCK * BLOCK / np.minimum(cells[one], cells[other]))
    limits: NDArray[np.float64] = np.maximum(_SLACK * difference * np.nan_to_num(blocks, nan=np.inf), _MIN_LIMIT)
    return limits


def _shift(margins: NDArray[np.float64], one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return by how much margins [n, 4] differ where most, as shares of what they surround."""
    import numpy as np

    inside = 1 - margins[:, :2] - margins[:, 2:]
    shares = margins / np.tile(inside, 2)
    return np.asarray(np.abs(shares[one] - shares[other]).max(axis=1, initial=0.0))


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    import numpy as np
    import pyarrow as pa

    return np.asarray(column.cast(pa.float64()).to_numpy())
