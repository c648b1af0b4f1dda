"""`near_duplicate_images`: samples that say the same about images that show the same."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal

from curation.errors import ManifestError
from curation.filters.filter import Action, Tables
from curation.filters.hamming import MAX_BITS
from curation.filters.image_pairs import MAX_LOOKS, ImagePairs, candidate_pairs, images_of, worth_opening
from curation.filters.matches import create_places, decide, match_table
from curation.filters.pixels import load_grey, local_difference, trimmed_difference
from curation.filters.twins import Likeness, judge_samples

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

# Where less of an image is ink, where it stands is part of what is shown: margins count.
LOW_INK = 0.005
NUM_CACHED = 256
NUM_LOADED = 128

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NearDuplicateImages:
    """Drop samples whose question and answer are another's, on images that show the same.

    Candidates are images whose 256-bit hashes differ in at most `bits` bits. Each is then verified on its pixels: both
    at one size, and no block of 8x8 pixels may differ by more than `difference` grey values on average.
    JPEG at quality 75 changes up to 5, WebP at 50 up to 6 in photographs and 13 in drawings; a digit in another's
    place 15 or more in print 14 pixels high and 36 at 20 (`python -m benchmarks.filters quality`). A hash alone, of
    whatever size, drops up to 97 % of distinct invoices and formulas. Images under 64 pixels need equal pixels. Pairs
    that the thumbnails of pull show to differ are not opened.

    Pages are compared without their plain margins, too, when these differ by at most 10 % of what they surround (a scan
    cut more narrowly), 64 pixels of each side are left and half a percent of the page is ink. Crops that cut into what
    is shown, flips and rotations are not found. Of an image the 32 nearest by its hash are candidates, of which at most
    the 8 with the nearest thumbnails are looked at; as many more without margins. Some 300 bytes an image are held in
    memory, 4 kB for each candidate on disk.

    What follows for samples is what `exact_duplicates` does: the same images in the same order, question and answer:
    drop; another answer: flag `conflicting_answer`; another question: keep. `scope: media` drops whatever is said.
    Reason `near_duplicate`, measured: the differing bits of the least alike image (0: the very same file).
    """

    name: ClassVar[str] = "near_duplicate_images"
    version: ClassVar[int] = 6
    is_guarded: ClassVar[bool] = True
    reads_media: ClassVar[bool] = True

    bits: int = 20
    difference: float = 13.0
    scope: Literal["sample", "media"] = "sample"
    action: Action = "drop"

    def __post_init__(self) -> None:
        if not 0 <= self.bits <= MAX_BITS:
            raise ManifestError(f"filters.near_duplicate_images.bits is {self.bits}; write 0 to {MAX_BITS} (of 256)")
        if self.difference < 0:
            raise ManifestError(f"filters.near_duplicate_images.difference is {self.difference}; write 0 to 255")

    def ledger(self, tables: Tables) -> pa.Table:
        """Return a row for each sample that repeats one that stays, or contradicts it. Opens the candidates' files."""
        connection = tables.connection
        create_places(connection)
        connection.register("matches", self._matches(tables))
        connection.execute("""
            create or replace temp table twins as
            select a.media_id, b.media_id as leader, m.measured::bigint as measured
            from matches m join image_places a on a.place = m.place join image_places b on b.place = m.other""")
        connection.unregister("matches")
        connection.execute("drop table image_places")
        likeness = Likeness(kind="distance", label="bits of 256", threshold=self.bits)
        return judge_samples(tables, self.name, likeness, scope=self.scope, action=self.action)

    def _matches(self, tables: Tables) -> pa.Table:
        """Return (place, other, measured) of images that show what an earlier one shows."""
        connection = tables.connection
        connection.execute(
            """
            create or replace temp table image_places as
            select row_number() over (order by first_place, first_position, media_id) as place, *
            from (select media_id, min(place) as first_place, arg_min(position, (place, position)) as first_position,
                         arg_min(phash, (place, position)) as phash, arg_min(address, (place, position)) as address,
                         any_value(phash_trimmed) as phash_trimmed, any_value(margins) as margins,
                         any_value(width) as width, any_value(height) as height, any_value(ink) >= $1 as is_inked
                  from media join places using (sample_id)
                  where type = 'image' and phash is not null group by media_id)""",
            [LOW_INK],
        )
        hashes = connection.sql("""
            select unhex(phash) as phash, case when is_inked then unhex(phash_trimmed) end as phash_trimmed
            from image_places order by place""").to_arrow_table()
        pairs = candidate_pairs(hashes, self.bits)
        places = images_of(pairs)
        images = _images(connection, places)
        pairs = worth_opening(
            pairs, images, difference=self.difference, thumbnails=tables.thumbnails, folder=tables.folder
        )
        if pairs.num_unseen:
            logger.warning(
                "filter near_duplicate_images: %d pairs of like hashes are left unseen, since images of one template "
                "are looked at %d times at most",
                pairs.num_unseen,
                MAX_LOOKS,
            )
        return match_table(decide(*_looked_at(pairs, places, images["address"], self.difference)))


def _images(connection: duckdb.DuckDBPyConnection, places: NDArray[np.int64]) -> pa.Table:
    """Read what is known of the images at places (from 0)."""
    import pyarrow as pa

    connection.register("looked_at", pa.table({"place": pa.array(places + 1)}))
    images = connection.sql("""
        select media_id, address, width, height,
               coalesce(margins[1], 0) as margin_left, coalesce(margins[2], 0) as margin_top,
               coalesce(margins[3], 0) as margin_right, coalesce(margins[4], 0) as margin_bottom
        from image_places where place in (select place from looked_at) order by place""").to_arrow_table()
    connection.unregister("looked_at")
    return images


def _looked_at(
    pairs: ImagePairs, places: NDArray[np.int64], addresses: pa.ChunkedArray, difference: float
) -> tuple[Iterator[tuple[int, int]], Callable[[int, int], float | None]]:
    """Return pairs of places (from 1) in order, and what looks at the pixels of one: its differing bits, or None."""
    import numpy as np

    @lru_cache(NUM_CACHED)
    def grey(place: int) -> NDArray[np.uint8] | None:
        address = addresses[int(places.searchsorted(place - 1))].as_py()
        return load_grey(address) if address else None

    size = int(places[-1]) + 1 if len(places) else 1
    codes = pairs.later * size + pairs.earlier
    order = np.argsort(codes)

    def measure(place: int, other: int) -> float | None:
        one, another = grey(place), grey(other)
        if one is None or another is None:
            return None
        index = order[codes.searchsorted((place - 1) * size + other - 1, sorter=order)]
        is_same = (pairs.is_whole[index] and local_difference(one, another) <= difference) or (
            pairs.is_trimmed[index] and trimmed_difference(one, another) <= difference
        )
        return float(pairs.distance[index]) if is_same else None

    return _in_batches(pairs, grey), measure


def _in_batches(pairs: ImagePairs, grey: Callable[[int], object]) -> Iterator[tuple[int, int]]:
    """Yield pairs of places as numbers of Python, batch by batch; the files of the nearest are loaded on all cores."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, len(pairs.later), NUM_LOADED // 2):
            part = slice(start, start + NUM_LOADED // 2)
            places, others = (pairs.later[part] + 1).tolist(), (pairs.earlier[part] + 1).tolist()
            nearest = dict(zip(reversed(places), reversed(others), strict=True))
            list(pool.map(grey, {*nearest, *nearest.values()}))
            yield from zip(places, others, strict=True)
