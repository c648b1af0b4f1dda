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
            select a.media_id, b.media_id as leader, m.measured::bigint as bits
            from matches m join image_places a on a.place = m.place join image_places b on b.place = m.other""")
        connection.unregister("matches")
        connection.execute(_RESOLVED)
        keys = "media, question_sha256, answer_sha256" if self.scope == "sample" else "media"
        rows = tables.rows(
            _decisions(keys, with_conflicts=self.scope == "sample"), {"action": self.action, "bits": self.bits}
        )
        for table in ("resolved", "twins", "image_places", "places"):
            connection.execute(f"drop table {table}")
        return rows

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


# Samples whose images have a twin, and those that hold the twins' leaders: with `media`, their images' leaders in
# order, and `bits`, the largest distance of one to its leader.
_RESOLVED = """
    create or replace temp table resolved as
    with touched as (
        select distinct sample_id from media
        where media_id in (select media_id from twins) or media_id in (select leader from twins)
    )
    select place, sample_id, any_value(p.source) as source, any_value(question_sha256) as question_sha256,
           any_value(answer_sha256) as answer_sha256, max(coalesce(t.bits, 0)) as bits,
           string_agg(coalesce(t.leader, m.media_id), ' ' order by m.position) as media
    from media m join touched using (sample_id) join places p using (sample_id) join samples s using (sample_id)
    left join twins t using (media_id)
    group by place, sample_id"""


def _decisions(keys: str, *, with_conflicts: bool) -> str:
    ranked = f"""
        select *, row_number() over same as turn, first_value(sample_id) over same as first_id,
               first_value(source) over same as first_source, first_value(bits) over same as first_bits
        from resolved window same as (partition by {keys} order by place)"""
    columns = "sample_id, source, 'near_duplicate_images' as filter"
    query = f"""
        select {columns}, $action as action, 'near_duplicate' as reason, greatest(bits, first_bits) as measured,
               $bits as threshold, first_id as evidence_sample_id, first_source as evidence_source,
               json_object('measure', 'bits of 256', 'media', media)::varchar as detail
        from ({ranked}) where turn > 1"""
    if not with_conflicts:
        return query
    return f"""{query} union all
        select {columns}, 'flag', 'conflicting_answer', greatest(bits, best_bits), $bits, best_id, best_source,
               json_object('answer_sha256', answer_sha256, 'other_answer_sha256', best_answer)::varchar
        from (select *, first_value(sample_id) over same as best_id, first_value(source) over same as best_source,
                     first_value(bits) over same as best_bits, first_value(answer_sha256) over same as best_answer
              from ({ranked}) where turn = 1
              window same as (partition by media, question_sha256 order by place))
        where sample_id <> best_id"""
