"""What a filter is, and the tables it sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, runtime_checkable

import pyarrow as pa

from curation.tables import LEDGER, from_rows

if TYPE_CHECKING:
    import duckdb

Action = Literal["drop", "flag"]

# The columns of `samples` that are known before mixing, in the order that SQL sees them.
SAMPLE_COLUMNS: dict[str, str] = {
    "sample_id": "pulled",
    "source": "pulled",
    "kind": "pulled",
    "row_key": "pulled",
    "row_id": "pulled",
    "turns": "pulled",
    "images": "pulled",
    "videos": "pulled",
    "frames": "encoded",
    "video_seconds": "pulled",
    "text_chars": "pulled",
    "text_tokens": "encoded",
    "image_tokens": "encoded",
    "loss_tokens": "encoded",
    "tokens": "encoded",
    "answer_sha256": "pulled",
    "question_sha256": "pulled",
    "media_sha256": "pulled",
    "rank": "pulled",
    "license": "pulled",
    "columns": "pulled",
}

# The columns of `media` that are known before mixing.
MEDIA_COLUMNS = (
    "sample_id",
    "position",
    "media_id",
    "type",
    "mime",
    "bytes",
    "width",
    "height",
    "duration_seconds",
    "used_seconds",
    "fps",
    "frames_used",
    "tokens",
    "phash",
    "uri",
)

# Which side of a match stays: a total order, so that the survivors do not depend on how rows arrive.
# For `samples` joined to `source_priority`.
KEEP_ORDER = "priority desc, position, tokens desc nulls last, sample_id"

_FOUND = pa.schema([LEDGER.field(name) for name in ("sample_id", "reason", "measured", "threshold", "detail")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The rows that no earlier filter dropped, as tables of one DuckDB connection.

    `samples` has the columns of `SAMPLE_COLUMNS`; `media` those of `MEDIA_COLUMNS` (`phash` in 64 hex digits, null for
    videos), `address` (JSON, where its bytes are) and `phash_trimmed`, `margins`, `ink`, `contrast` and `detail` of
    `curation.tables.PULLED_MEDIUM`; `kept` the sample_ids; `source_priority` (source, priority, position in the
    manifest). The connection is locked down: it reads no files but the stage's own.

    `texts(sample_ids)` reads (sample_id, question, answer) of these kept samples, of all when None, in batches, in the
    order of `samples.file, samples.file_row`; `exchanges` a row for each question with its answer. `thumbnails()` reads
    (media_id, thumbnail) of the images of all files, as `curation.filters.thumbnails` says. `seed` is the manifest's.
    `folder` is a place on disk for what does not fit in memory; it goes with the stage.
    """

    connection: duckdb.DuckDBPyConnection
    priority: Mapping[str, int]
    texts: Callable[[Sequence[str] | None], pa.RecordBatchReader]
    exchanges: Callable[[Sequence[str] | None], pa.RecordBatchReader]
    thumbnails: Callable[[], pa.RecordBatchReader]
    seed: int
    folder: Path

    def rows(self, sql: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        """Run a query that yields ledger columns and return them as ledger rows ordered by sample_id.

        Columns that the query leaves out are null; `stage` is always `filter`.
        """
        ordered = f"select * from ({sql}) order by sample_id, reason"
        return ledger_table(self.connection.sql(ordered, params=dict(parameters or {})).to_arrow_table())

    def decided(self, name: str, action: Action, found: Iterable[dict[str, object]]) -> pa.Table:
        """Return the ledger rows of filter `name` for what it found: sample_id, reason, measured, threshold, detail."""
        self.connection.register("found", from_rows(list(found), _FOUND))
        rows = self.rows(
            "select found.*, source, $name as filter, $action as action from found join samples using (sample_id)",
            {"name": name, "action": action},
        )
        self.connection.unregister("found")
        return rows


class Filter(Protocol):
    """A frozen dataclass with thresholds as fields.

    `is_guarded` says whether the guard on dropped fractions applies (not where the user asked for a size);
    `reads_media` whether the `media` table has to be there.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    is_guarded: ClassVar[bool]

    @property
    def reads_media(self) -> bool:
        """Whether `ledger` reads the `media` table."""
        ...

    def ledger(self, tables: Tables) -> pa.Table:
        """Return a row (schema `curation.tables.LEDGER`) for each sample to drop or flag."""
        ...


@runtime_checkable
class ReadsFiles(Protocol):
    """A filter that reads files of its own, on which its decisions depend."""

    def inputs(self) -> tuple[str, ...]:
        """Return each file's path, size and time or tag, so that a change is noticed. Raises FilterError."""
        ...


def filter_inputs(item: Filter) -> tuple[str, ...]:
    """Return what a filter reads beside the samples: part of the identity of the filter stage."""
    return item.inputs() if isinstance(item, ReadsFiles) else ()


def ledger_table(found: pa.Table) -> pa.Table:
    """Complete rows to the ledger's schema, ordered by sample_id."""
    import pyarrow.compute as pc

    columns = [
        found[field.name].cast(field.type) if field.name in found.schema.names else pa.nulls(len(found), field.type)
        for field in LEDGER
    ]
    table = pa.Table.from_arrays(columns, schema=LEDGER)
    table = table.set_column(LEDGER.get_field_index("stage"), "stage", pa.array(["filter"] * len(table), pa.string()))
    ids = table["sample_id"]
    is_ordered = len(ids) < 2 or pc.all(pc.less_equal(ids[:-1], ids[1:])).as_py()
    return table if is_ordered else table.sort_by([("sample_id", "ascending"), ("reason", "ascending")])
