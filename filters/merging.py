"""Which samples about the same images become one: a plan of who goes on in whose conversation, and its ledger rows."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curation.conversations import questions, without_media
from curation.filters.filter import KEEP_ORDER, ledger_table
from curation.filters.guard import check_guard
from curation.filters.stage import connect, load_priorities, names
from curation.merges import MERGE, MERGES, MERGES_LEDGER

if TYPE_CHECKING:
    import duckdb

VERSION = 2
_BATCH_ROWS = 4096
_GROUP_ROWS = 8192  # of the plan: what a task reads beyond its own rows


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeLimits:
    """How long a merged sample may get: question-answer pairs, and tokens with its media."""

    questions: int
    tokens: int


def plan_merges(
    folder: Path,
    limits: MergeLimits,
    *,
    pulled: Sequence[Path],
    encoded: Sequence[Path],
    dropped: Sequence[Path],
    priorities: Mapping[str, int],
    max_dropped_fraction: float | None = None,
) -> dict[str, str]:
    """Decide which samples of a source go on in the conversation of another one about the same images.

    Those that share the images in the same order, kind and licence, with other questions; images that all stand before
    the first question; no system turn, and nothing trimmed. The first in source order keeps its place, the next go on
    in that order while the limits allow; the one after those keeps its place again. Of equal samples of all sources
    the one that `exact_duplicates` keeps takes part, and the rest are dropped with it. A question that is answered in
    two ways takes no part.

    Writes `MERGES` (by keeper) and `MERGES_LEDGER` into `folder`; returns a digest of the merges of each source that
    has any. `pulled`, `encoded` and `dropped` as in `run_filters`. Raises BuildError when the guard stops the
    duplicates.
    """
    with tempfile.TemporaryDirectory(prefix="merges-", dir=folder) as spill:
        connection = connect(Path(spill))
        try:
            _load(connection, pulled=pulled, encoded=encoded, dropped=dropped)
            load_priorities(connection, priorities)
            _rank(connection)
            digests = _write_merges(connection, limits, pulled, path=Path(spill) / MERGES)
            connection.read_parquet(str(Path(spill) / MERGES)).order("keeper_file, keeper_row, place").write_parquet(
                str(folder / MERGES), compression="zstd", row_group_size=_GROUP_ROWS
            )
            ledger = _ledger(connection, folder / MERGES, limits)
            if max_dropped_fraction is not None:
                _guard(connection, ledger, pulled, max_dropped_fraction)
            pq.write_table(ledger, folder / MERGES_LEDGER, compression="zstd")
            return digests
        finally:
            connection.close()


def _load(
    connection: duckdb.DuckDBPyConnection,
    *,
    pulled: Sequence[Path],
    encoded: Sequence[Path],
    dropped: Sequence[Path],
) -> None:
    """Create table `shared`: the samples whose media others have, and whether they are of a form that can be merged."""
    head = """'[["user",[' || list_aggregate(range(images), 'string_agg', ',') || ',"'"""
    parameters = {"pulled": names(pulled), "encoded": names(encoded), "dropped": names(dropped)}
    connection.execute(
        rf"""create table shared as
            with gone as (select sample_id from read_parquet($dropped) where action = 'drop'),
            trimmed as (select sample_id from read_parquet($dropped) where action = 'trim'),
            media as (
                select hash(media_sha256) as media from read_parquet($pulled) where media_sha256 is not null
                group by 1 having count(*) > 1
            )
            select p.sample_id, p.source, p.kind, p.license, p.turns, p.media_sha256, p.question_sha256,
                   p.answer_sha256, e.tokens, e.text_tokens, p.file_index::integer as file, p.file_row_number as row,
                   p.videos = 0 and starts_with(p.conversation, {head})
                       and not regexp_matches(substr(p.conversation, length({head})), '^"(\\[nrt]|\s)*"')
                       and json_extract_string(p.conversation, '$[#-1][0]') = 'assistant'
                       and p.sample_id not in (from trimmed) as is_plain
            from (select *, file_index, file_row_number from read_parquet($pulled)) p
            join read_parquet($encoded) e using (sample_id)
            where p.media_sha256 is not null and hash(p.media_sha256) in (from media)
                and p.sample_id not in (select sample_id from gone where sample_id is not null)""",
        parameters,
    )


def _rank(connection: duckdb.DuckDBPyConnection) -> None:
    """Create tables `ranked`, each sample with its place among its equals, and `able`: those that are to be merged."""
    connection.execute(f"""
        create table ranked as
        select *, row_number() over same as turn, count(*) over everyone as equal,
               first_value(sample_id) over same as first_id, first_value(source) over same as first_source,
               max(answer_sha256) over question <> min(answer_sha256) over question as is_conflict
        from shared join source_priority using (source)
        window everyone as (partition by media_sha256, question_sha256, answer_sha256),
               same as (everyone order by {KEEP_ORDER}),
               question as (partition by media_sha256, question_sha256)""")
    connection.execute("""
        create table able as
        select *, row_number() over (images order by file, row) = 1 as is_first from ranked
        where turn = 1 and is_plain and not is_conflict
        window images as (partition by source, media_sha256, kind, license)
        qualify count(*) over images > 1""")


@dataclass(slots=True, kw_only=True)
class _Keeper:
    """A sample that others may go on in, as it grows."""

    row: Mapping[str, Any]
    questions: int
    tokens: int
    asked: set[str]
    num_merged: int = field(default=0)

    def takes(self, row: Mapping[str, Any], limits: MergeLimits) -> bool:
        """Whether a row's questions and tokens fit; the images are counted once."""
        num_questions, num_tokens = self.questions + row["turns"] // 2, self.tokens + row["text_tokens"]
        return bool(num_questions <= limits.questions and num_tokens <= limits.tokens)


def _write_merges(
    connection: duckdb.DuckDBPyConnection, limits: MergeLimits, pulled: Sequence[Path], *, path: Path
) -> dict[str, str]:
    digests: dict[str, Any] = {}
    reader = connection.sql(
        """select able.*, conversation
           from able join (select sample_id, conversation from read_parquet($pulled)) using (sample_id)
           order by position, media_sha256, kind, license, file, row""",
        params={"pulled": names(pulled)},
    ).to_arrow_reader(_BATCH_ROWS)
    with pq.ParquetWriter(path, MERGE) as file:
        keeper: _Keeper | None = None
        for batch in reader:
            merges = []
            for row in batch.to_pylist():
                conversation = orjson.loads(row["conversation"])
                asked = questions(conversation)
                if keeper is None or row["is_first"] or not keeper.takes(row, limits):
                    keeper = _Keeper(row=row, questions=row["turns"] // 2, tokens=row["tokens"], asked=asked)
                elif not keeper.asked & asked:
                    merges.append(_merge(keeper, row, orjson.dumps(without_media(conversation)).decode()))
                    keeper.asked |= asked
                    pair = orjson.dumps([keeper.row["sample_id"], row["sample_id"]])
                    digests.setdefault(row["source"], hashlib.sha256()).update(pair)
            file.write_table(pa.Table.from_pylist(merges, schema=MERGE))
    return {source: digest.hexdigest() for source, digest in digests.items()}


def _merge(keeper: _Keeper, row: Mapping[str, Any], turns: str) -> dict[str, Any]:
    """Let a row go on in its keeper's conversation."""
    keeper.num_merged += 1
    keeper.questions += row["turns"] // 2
    keeper.tokens += row["text_tokens"]
    return {
        "source": row["source"],
        "keeper_id": keeper.row["sample_id"],
        "keeper_file": keeper.row["file"],
        "keeper_row": keeper.row["row"],
        "keeper_questions": keeper.row["turns"] // 2,
        "place": keeper.num_merged,
        "sample_id": row["sample_id"],
        "file": row["file"],
        "row": row["row"],
        "questions": row["turns"] // 2,
        "turns": turns,
    }


def _ledger(connection: duckdb.DuckDBPyConnection, merges: Path, limits: MergeLimits) -> pa.Table:
    """Return a row for each sample that went on in another, and for each duplicate of one that takes part."""
    columns = ("media_sha256", "question_sha256", "answer_sha256")
    detail = ", ".join(f"'{name}', {name}" for name in columns)
    found = connection.sql(
        f"""with merges as (from read_parquet($merges))
            select sample_id, source, 'exact_duplicates' as filter, 'drop' as action, 'merged' as reason,
               keeper_questions + sum(questions) over (partition by keeper_id) as measured, $questions as threshold,
               keeper_id as evidence_sample_id, source as evidence_source,
               json_object('place', place)::varchar as detail
            from merges
            union all
            select sample_id, source, 'exact_duplicates', 'drop', 'duplicate', equal, 1, first_id, first_source,
               json_object('scope', 'sample', {detail})::varchar
            from ranked
            where turn > 1 and first_id in (select sample_id from merges union select keeper_id from merges)
            order by sample_id""",
        params={"questions": limits.questions, "merges": str(merges)},
    )
    return ledger_table(found.to_arrow_table())


def _guard(
    connection: duckdb.DuckDBPyConnection, ledger: pa.Table, pulled: Sequence[Path], max_dropped_fraction: float
) -> None:
    """Count the duplicates as the filter would; what was merged is not lost."""
    import pyarrow.compute as pc

    connection.register("drops", ledger.filter(pc.equal(ledger["reason"], "duplicate")))
    connection.execute("create temp table samples as select source from read_parquet($1)", [names(pulled)])
    check_guard(connection, "exact_duplicates", max_dropped_fraction)
