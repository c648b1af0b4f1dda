"""`cap`: at most so many samples of a kind, chosen by rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from curation.errors import ManifestError, nearest
from curation.filters.filter import SAMPLE_COLUMNS, Action, Tables

if TYPE_CHECKING:
    import pyarrow as pa

# Seconds at which a duration bucket ends, the published buckets of LLaVA-Video-178K first (30, 60, 120, 180).
DURATION_EDGES = (30, 60, 120, 180, 300, 600, 1800)

_DERIVED = {
    "answer": "s.answer_sha256",
    "media_id": "m.media_id",
    "duration_bucket": "(select max(edge) from (values "
    + ", ".join(f"({edge})" for edge in (0, *DURATION_EDGES))
    + ") as edges(edge) where edge <= s.video_seconds)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """Keep at most `max` samples with the same values of the columns `by`.

    `by` names columns of `samples`, a dataset's own as `columns.NAME`, or `media_id` (one medium; a sample with several
    has to fit for each), `answer` (the assistant's words) and `duration_bucket` (named by where it begins: 0, 30, 60,
    120, 180, 300, 600 or 1800 seconds of video). A sample with a null in any of them belongs to no group and stays.

    Those with the lowest rank stay: a seeded choice, never the head of a file, and a smaller cap keeps a subset of what
    a larger one keeps. 350,000 per source was best for Cambrian-1. Reason `over_cap`, measured: the sample's place in
    its group, threshold: `max`. The guard does not apply, since the size is what was asked for.
    """

    name: ClassVar[str] = "cap"
    version: ClassVar[int] = 1
    is_guarded: ClassVar[bool] = False

    by: tuple[str, ...]
    max: int
    action: Action = "drop"

    def __post_init__(self) -> None:
        if self.max < 1:
            raise ManifestError(f"filters.cap.max is {self.max}; write a number above 0, or drop the rows with `where`")
        if not self.by:
            raise ManifestError("filters.cap.by is empty; name columns, e.g. [source]")
        check_columns("filters.cap.by", self.by)

    @property
    def reads_media(self) -> bool:
        """Whether media are counted one by one."""
        return "media_id" in self.by

    def ledger(self, tables: Tables) -> pa.Table:
        """Return a row for each sample over the cap."""
        keys = [f"k{index}" for index in range(len(self.by))]
        selected = ", ".join(f"{expression(column)} as {key}" for column, key in zip(self.by, keys, strict=True))
        media = "join (select distinct sample_id, media_id from media) m using (sample_id)" if self.reads_media else ""
        group = ", ".join(f"${key}_name, {key}" for key in keys)
        places = f"""
            select sample_id, source, {", ".join(keys)},
                   row_number() over (partition by {", ".join(keys)} order by rank, sample_id) as place
            from (select sample_id, s.source, s.rank, {selected} from samples s {media})
            where {" and ".join(f"{key} is not null" for key in keys)}
            qualify place > $max"""
        worst = ", ".join(f"arg_max({key}, place) as {key}" for key in keys)
        if self.reads_media:
            places = f"select sample_id, source, max(place) as place, {worst} from ({places}) group by all"
        return tables.rows(
            f"""select sample_id, source, 'cap' as filter, $action as action, 'over_cap' as reason, place as measured,
                       $max as threshold, json_object('group', json_object({group}))::varchar as detail
                from ({places})""",
            {
                "action": self.action,
                "max": self.max,
                **{f"{key}_name": column for column, key in zip(self.by, keys, strict=True)},
            },
        )


def expression(column: str) -> str:
    """Return the SQL of a column name over `samples s` (and `media m` for `media_id`)."""
    if column.startswith("columns."):
        name = column.removeprefix("columns.").replace("'", "''").replace('"', '\\"')
        return f"json_extract_string(s.columns, '$.\"{name}\"')"
    return _DERIVED.get(column, f's."{column}"')


def check_columns(where: str, names: tuple[str, ...]) -> None:
    """Refuse names that are no columns. Raises ManifestError with the nearest one."""
    known = (*SAMPLE_COLUMNS, *_DERIVED)
    for name in names:
        if name not in known and not name.startswith("columns."):
            raise ManifestError(
                f"{where}: no column named '{name}'{nearest(name, known)} (there are {', '.join(known)})"
            )
