"""`near_duplicate_images`: samples that say the same about images that show the same."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal

from curation.errors import ManifestError
from curation.filters.filter import Action, Tables
from curation.filters.hamming import MAX_BITS, NearPairs, near_pairs
from curation.filters.matches import create_places, decide, match_table
from curation.filters.pixels import load_grey, local_difference
from curation.filters.twins import Likeness, judge_samples

if TYPE_CHECKING:
    import pyarrow as pa

MAX_LOOKS = 8
NUM_CACHED = 256

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NearDuplicateImages:
    """Drop samples whose question and answer are another's, on images that show the same.

    Candidates are images whose 256-bit hashes differ in at most `bits` bits. Each is then verified on its pixels: both
    at the smaller one's size, and no block of 8x8 pixels may differ by more than `difference` grey values on average.
    JPEG at quality 75 changes up to 5, WebP at 50 and JPEG at 30 up to 11; a digit in another's place 15 or more in
    print 14 pixels high and 36 at 20 (`python -m benchmarks.filters images`). A hash alone, of whatever size, drops up
    to 97 % of distinct invoices and formulas. Images under 64 pixels need equal pixels. Flips, rotations and crops of
    more than a few pixels are not found. At most the 8 nearest candidates of an image are looked at.

    What follows for samples is what `exact_duplicates` does: the same images in the same order, question and answer:
    drop; another answer: flag `conflicting_answer`; another question: keep. `scope: media` drops whatever is said.
    Reason `near_duplicate`, measured: the differing bits of the least alike image (0: the very same file).
    """

    name: ClassVar[str] = "near_duplicate_images"
    version: ClassVar[int] = 1
    is_guarded: ClassVar[bool] = True
    reads_media: ClassVar[bool] = True

    bits: int = 20
    difference: float = 12.0
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
        import numpy as np

        tables.connection.execute("""
            create or replace temp table image_places as
            select row_number() over (order by first_place, first_position, media_id) as place, media_id, phash, address
            from (select media_id, min(place) as first_place, arg_min(position, (place, position)) as first_position,
                         arg_min(phash, (place, position)) as phash, arg_min(address, (place, position)) as address
                  from media join places using (sample_id)
                  where type = 'image' and phash is not null group by media_id)""")
        images = tables.connection.sql("select phash, address from image_places order by place").to_arrow_table()
        hashes = np.frombuffer(bytes.fromhex("".join(images["phash"].to_pylist())), np.uint8).reshape(-1, 32)
        pairs = near_pairs(hashes, self.bits)
        addresses = images["address"]

        @lru_cache(NUM_CACHED)
        def grey(index: int) -> object:
            address = addresses[index].as_py()
            return load_grey(address) if address else None

        bits_of = dict(zip(zip(pairs.later.tolist(), pairs.earlier.tolist(), strict=True), pairs.distance, strict=True))

        def measure(place: int, other: int) -> float | None:
            one, another = grey(place - 1), grey(other - 1)
            if not isinstance(one, np.ndarray) or not isinstance(another, np.ndarray):
                return None
            if local_difference(one, another) > self.difference:
                return None
            return float(bits_of[place - 1, other - 1])

        return match_table(decide(_nearest(pairs), measure))


def _nearest(pairs: NearPairs) -> list[tuple[int, int]]:
    """Return the nearest few pairs of each image as places (from 1), in order."""
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
    return list(zip((pairs.later[kept] + 1).tolist(), (pairs.earlier[kept] + 1).tolist(), strict=True))
