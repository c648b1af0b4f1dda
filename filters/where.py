"""`where`: drop the rows for which a SQL predicate is false."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from curation.errors import FilterError
from curation.filters.filter import Action, Tables
from curation.filters.predicate import explain, parse_predicate

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Keep rows of `samples` for which `sql` is true or null (unknown); drop (or flag) those for which it is false.

    `sql` is one expression over the columns of `samples`, e.g. `text_chars between 1 and 60000`; a dataset's own
    columns are in the JSON `columns` (`(columns->>'relevance')::int >= 2`), and `media` can be asked in a subquery
    (`not exists (from media m where m.sample_id = samples.sample_id and m.width < 28)`). Functions that give another
    answer on another day (`random()`, `now()`) are refused, since the same manifest must give the same build.

    Reason `where`; detail: the expression and the values of the columns that it names. Raises ManifestError at once
    for what is not a predicate over these columns.
    """

    name: ClassVar[str] = "where"
    version: ClassVar[int] = 1
    is_guarded: ClassVar[bool] = True

    sql: str
    action: Action = "drop"

    def __post_init__(self) -> None:
        parse_predicate(self.sql)

    @property
    def reads_media(self) -> bool:
        """Whether the predicate asks the `media` table."""
        return parse_predicate(self.sql).reads_media

    def ledger(self, tables: Tables) -> pa.Table:
        """Return a row for each sample for which the predicate is false. Raises FilterError."""
        import duckdb

        values = ", ".join(f"'{column}', samples.\"{column}\"" for column in parse_predicate(self.sql).columns)
        query = f"""
            select sample_id, source, 'where' as filter, $action as action, 'where' as reason,
                   json_object('sql', $sql, 'values', json_object({values}))::varchar as detail
            from samples where not ({self.sql}\n)"""
        try:
            return tables.rows(query, {"action": self.action, "sql": self.sql})
        except duckdb.Error as err:
            raise FilterError(explain(self.sql, err)) from err
