"""`near_duplicate_images`: samples that say the same about images that show the same."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal

from curation.errors import ManifestError
from curation.filters.filter import Action, Tables
from curation.filters.hamming import MAX_BITS, NearPairs, hash_array, near_pairs
from curation.filters.matches import BATCH_PAIRS, create_places, decide, match_table
from curation.filters.pixels import load_grey, local_difference
from curation.filters.twins import Likeness, judge_samples

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

MAX_LOOKS = 8
NUM_CACHED = 256

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NearDuplicateImages:
    """Drop samples whose question and answer are another's, on images that show the same.

    Candidates are images whose 256-bit hashes differ in at most `bits` bits. Each is then verified on its pixels: both
    at one size, and no block of 8x8 pixels may differ by more than `difference` grey values on average.
    JPEG at quality 75 changes up to 5, WebP at 50 up to 6 in photographs and 13 in drawings; a digit in another's
    place 15 or more in print 14 pixels high and 36 at 20 (`python -m benchmarks.filters quality`). A hash alone, of
    whatever size, drops up to 97 % of distinct invoices and formulas. Images under 64 pixels need equal pixels. Flips,
    rotations and crops of more than a few pixels are not found. At most the 8 nearest candidates of an image are looked
    at. Some 250 bytes an image are held in memory.

    What follows for samples is what `exact_duplicates` does: the same images in the same order, question and answer:
    drop; another answer: flag `conflicting_answer`; another question: keep. `scope: media` drops whatever is said.
    Reason `near_duplicate`, measured: the differing bits of the least alike image (0: the very same file).
    """

    name: ClassVar[str] = "near_duplicate_images"
    version: ClassVar[int] = 3
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
        tables.connection.execute("""
            create or replace temp table image_places as
            select row_number() over (order by first_place, first_position, media_id) as place, media_id, phash, address
            from (select media_id, min(place) as first_place, arg_min(position, (place, position)) as first_position,
                         arg_min(phash, (place, position)) as phash, arg_min(address, (place, position)) as address
                  from media join places using (sample_id)
                  where type = 'image' and phash is not null group by media_id)""")
        hashes = tables.connection.sql("select unhex(phash) as phash from image_places order by place").to_arrow_table()
        pairs = _nearest(near_pairs(hash_array(hashes["phash"]), self.bits))
        return match_table(decide(*_looked_at(tables.connection, pairs, self.difference)))


def _nearest(pairs: NearPairs) -> NearPairs:
    """Return the nearest few pairs of each image."""
    import numpy as np

    starts = np.flatnonzero(np.diff(pairs.later, prepend=-1))
    within = np.arange(len(pairs.later)) - np.repeat(starts, np.diff(starts, append=len(pairs.later)))
    kept = within < MAX_LOOKS
    if pairs.num_capped or not kept.all():
        logger.warning(
            "filter near_duplicate_images: %d pairs of like hashes are left unseen, since images of one template are "
            "looked at %d times at most",
            int((~kept).sum()),
            MAX_LOOKS,
        )
    return NearPairs(
        later=pairs.later[kept],
        earlier=pairs.earlier[kept],
        distance=pairs.distance[kept],
        num_capped=pairs.num_capped,
    )


def _looked_at(
    connection: duckdb.DuckDBPyConnection, pairs: NearPairs, difference: float
) -> tuple[Iterator[tuple[int, int]], Callable[[int, int], float | None]]:
    """Return pairs of places (from 1) in order, and what looks at the pixels of one: its differing bits, or None."""
    import numpy as np
    import pyarrow as pa

    places = np.unique(np.concatenate([pairs.later, pairs.earlier])) + 1
    connection.register("looked_at", pa.table({"place": pa.array(places)}))
    addresses = connection.sql(
        "select address from image_places where place in (select place from looked_at) order by place"
    ).to_arrow_table()["address"]
    connection.unregister("looked_at")

    @lru_cache(NUM_CACHED)
    def grey(place: int) -> NDArray[np.uint8] | None:
        address = addresses[int(places.searchsorted(place))].as_py()
        return load_grey(address) if address else None

    size = int(places[-1]) + 1 if len(places) else 1
    codes = pairs.later * size + pairs.earlier
    order = np.argsort(codes)

    def measure(place: int, other: int) -> float | None:
        one, another = grey(place), grey(other)
        if one is None or another is None or local_difference(one, another) > difference:
            return None
        index = order[codes.searchsorted((place - 1) * size + other - 1, sorter=order)]
        return float(pairs.distance[index])

    return _in_batches(pairs), measure


def _in_batches(pairs: NearPairs) -> Iterator[tuple[int, int]]:
    """Yield pairs of places as numbers of Python, a batch of them in memory."""
    for start in range(0, len(pairs.later), BATCH_PAIRS):
        part = slice(start, start + BATCH_PAIRS)
        yield from zip((pairs.later[part] + 1).tolist(), (pairs.earlier[part] + 1).tolist(), strict=True)
