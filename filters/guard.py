"""The guard: a filter that takes more than its share of a source stops the build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curation.errors import BuildError

if TYPE_CHECKING:
    import duckdb

NUM_CLUSTERS = 3
NUM_EXAMPLES = 3


def check_guard(connection: duckdb.DuckDBPyConnection, name: str, max_dropped_fraction: float) -> None:
    """Compare `drops` (ledger rows of filter `name`) with `samples` (what it saw), source by source.

    Raises BuildError for the source that lost the largest share, with its largest clusters and examples of each.
    """
    exceeded = connection.execute(
        """select source, lost, seen
           from (select source, count(*) as seen from samples group by source)
           join (select source, count(distinct sample_id) as lost from drops group by source) using (source)
           where lost > $1 * seen order by lost / seen desc, source""",
        [max_dropped_fraction],
    ).fetchall()
    if not exceeded:
        return
    source, lost, seen = exceeded[0]
    others = f" (so do {len(exceeded) - 1} more sources)" if len(exceeded) > 1 else ""
    raise BuildError(
        f"filter {name}: drops {lost / seen:.1%} of source '{source}' ({lost} of {seen}), and the guard allows "
        f"{max_dropped_fraction:.1%}{others}; largest: {_clusters(connection, source)}; loosen the filter, or set "
        f"guard.max_dropped_fraction to {_rounded_up(lost / seen)} if this is meant"
    )


def _clusters(connection: duckdb.DuckDBPyConnection, source: str) -> str:
    """Name the reasons, and the samples that were matched most, with examples of what each took."""
    found = connection.execute(
        """select reason, evidence_sample_id, count(*) as taken, min(sample_id, $2)
           from drops where source = $1 group by 1, 2 order by taken desc, reason, evidence_sample_id limit $3""",
        [source, NUM_EXAMPLES, NUM_CLUSTERS],
    ).fetchall()
    return "; ".join(
        f"{reason} {f'of {evidence} ' if evidence else ''}{taken} times, e.g. {', '.join(examples)}"
        for reason, evidence, taken, examples in found
    )


def _rounded_up(fraction: float) -> float:
    """Round up to two decimals, so that the fraction itself passes."""
    return min(1.0, -(-fraction * 100 // 1) / 100)
