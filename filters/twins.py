"""From media that show the same to samples that say the same about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from curation.filters.filter import Action, Tables

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How a filter measures media: by a `distance` (0: the very same) or by a `share` (1: all of it)."""

    kind: Literal["distance", "share"]
    label: str
    threshold: float

    @property
    def worst(self) -> str:
        """The SQL aggregate that gives the least alike medium's measure."""
        return "max" if self.kind == "distance" else "min"

    @property
    def worse(self) -> str:
        """The SQL function that gives the worse of two measures."""
        return "greatest" if self.kind == "distance" else "least"

    @property
    def perfect(self) -> int:
        """The measure of a medium and itself."""
        return 0 if self.kind == "distance" else 1


def judge_samples(tables: Tables, name: str, likeness: Likeness, *, scope: str, action: Action) -> pa.Table:
    """Return the ledger rows of filter `name`, whose temp tables `places` and `twins` are there.

    `twins` has (media_id, leader, measured): the medium that shows what another does, and that one, which has no leader
    itself. Samples with the same media after that, in the same order, are compared: the same question and answer:
    `action`; another answer: flag `conflicting_answer`; another question: nothing. `scope` media: `action` whatever is
    said. Parts of one and the same video are other media.
    """
    connection = tables.connection
    connection.execute(f"""
        create or replace temp table resolved as
        with touched as (
            select distinct sample_id from media
            where media_id in (select media_id from twins) or media_id in (select leader from twins)
        )
        select place, sample_id, any_value(p.source) as source, any_value(s.media_sha256) as media_sha256,
               any_value(question_sha256) as question_sha256, any_value(answer_sha256) as answer_sha256,
               {likeness.worst}(coalesce(t.measured, {likeness.perfect})) as measure,
               string_agg(m.media_id, ' ' order by m.position) as own,
               string_agg(coalesce(t.leader, m.media_id), ' ' order by m.position) as media
        from media m join touched using (sample_id) join places p using (sample_id) join samples s using (sample_id)
        left join twins t using (media_id)
        group by place, sample_id""")
    keys = "media, question_sha256, answer_sha256" if scope == "sample" else "media"
    rows = tables.rows(
        _decisions(keys, likeness, with_conflicts=scope == "sample"),
        {"name": name, "action": action, "threshold": likeness.threshold, "label": likeness.label},
    )
    for table in ("resolved", "twins", "places"):
        connection.execute(f"drop table {table}")
    return rows


def _decisions(keys: str, likeness: Likeness, *, with_conflicts: bool) -> str:
    ranked = f"""
        select *, row_number() over same as turn, first_value(sample_id) over same as first_id,
               first_value(source) over same as first_source, first_value(measure) over same as first_measure,
               own <> first_value(own) over same or media_sha256 = first_value(media_sha256) over same as is_twin
        from resolved window same as (partition by {keys} order by place)"""
    query = f"""
        select sample_id, source, $name as filter, $action as action, 'near_duplicate' as reason,
               {likeness.worse}(measure, first_measure) as measured, $threshold as threshold,
               first_id as evidence_sample_id, first_source as evidence_source,
               json_object('measure', $label, 'media', media)::varchar as detail
        from ({ranked}) where turn > 1 and is_twin"""
    if not with_conflicts:
        return query
    return f"""{query} union all
        select sample_id, source, $name, 'flag', 'conflicting_answer', {likeness.worse}(measure, best_measure),
               $threshold, best_id, best_source,
               json_object('answer_sha256', answer_sha256, 'other_answer_sha256', best_answer)::varchar
        from (select *, first_value(sample_id) over same as best_id, first_value(source) over same as best_source,
                     first_value(measure) over same as best_measure, first_value(answer_sha256) over same as best_answer
              from ({ranked}) where turn = 1
              window same as (partition by media, question_sha256 order by place))
        where sample_id <> best_id"""
