"""From candidate pairs to decisions: who goes, because of whom."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.filters.filter import KEEP_ORDER

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# In a bucket of equal keys each member is compared with this many that stand before it. Templates fill buckets with
# thousands of members, and all pairs would be their square; what repeats is found through the first of its kind.
MAX_COMPARED = 64
BATCH_PAIRS = 100_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """`place` repeats `other`, which stays; `measured` is how alike they are in the filter's own measure."""

    place: int
    other: int
    measured: float


def decide(pairs: Iterable[tuple[int, int]], measure: Callable[[int, int], float | None]) -> list[Match]:
    """Walk through pairs (place, an earlier place) in ascending order and drop what matches one that stays.

    `measure` gives the likeness of a pair or None when they differ; it is not asked once a place is gone. Every match
    was measured against a place that stays, so likeness does not drift along a chain.

    >>> decide([(2, 1), (3, 2), (3, 1)], lambda place, other: 0.9 if place - other == 1 else None)
    [Match(place=2, other=1, measured=0.9)]
    """
    matches: dict[int, Match] = {}
    for place, other in pairs:
        if place in matches or other in matches:
            continue
        measured = measure(place, other)
        if measured is not None:
            matches[place] = Match(place=place, other=other, measured=measured)
    return list(matches.values())


def create_places(connection: duckdb.DuckDBPyConnection) -> None:
    """Create table `places`: (place, sample_id, source, media_sha256), place 1 being the sample that stays first."""
    connection.execute(f"""
        create or replace temp table places as
        select row_number() over (order by {KEEP_ORDER}) as place, sample_id, source, media_sha256
        from samples join source_priority using (source)""")


def pair_up(connection: duckdb.DuckDBPyConnection, keys: str, name: str) -> None:
    """Create table `pairs`: (place, other), each place and an earlier one that share a key.

    `keys` is a query or table of (place, key). In a key with many members only the first `MAX_COMPARED` are compared
    with the others; how many that touches is logged as filter `name`.
    """
    connection.execute(f"""
        create or replace temp table buckets as
        with keyed as (select distinct place, key from {keys}),
             shared as (select key from keyed group by key having count(*) > 1)
        select key, place, row_number() over (partition by key order by place) as number
        from keyed where key in (select key from shared)""")
    capped = connection.execute(
        "select count(*), max(size) from (select max(number) as size from buckets group by key) where size > $1",
        [MAX_COMPARED],
    ).fetchall()[0]
    if capped[0]:
        logger.warning(
            "filter %s: %d groups of like samples are larger than %d (the largest has %d); there each sample is "
            "compared with the first %d only",
            *(name, capped[0], MAX_COMPARED, capped[1], MAX_COMPARED),
        )
    connection.execute(
        """create or replace temp table pairs as
           select distinct b.place, a.place as other from buckets a join buckets b using (key)
           where a.number <= $1 and a.number < b.number""",
        [MAX_COMPARED],
    )
    connection.execute("drop table buckets")


def read_pairs(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[int, int]]:
    """Yield the rows of `pairs` in ascending order, a batch in memory; use no other query of the connection meanwhile.

    The order is made, and spilled, by DuckDB.
    """
    for batch in connection.sql("select place, other from pairs order by all").to_arrow_reader(BATCH_PAIRS):
        yield from zip(batch["place"].to_pylist(), batch["other"].to_pylist(), strict=True)


def match_table(matches: Iterable[Match]) -> pa.Table:
    """Return matches as a table (place, other, measured)."""
    import pyarrow as pa

    found = list(matches)
    return pa.table(
        {
            "place": pa.array([match.place for match in found], pa.int64()),
            "other": pa.array([match.other for match in found], pa.int64()),
            "measured": pa.array([match.measured for match in found], pa.float64()),
        }
    )
