"""Named sets of documents: what the adapters share that differ in their card, their columns and little else.

A document becomes one assistant turn without a question. Columns are kept under the dataset's own names; one inside a
struct is named with dots and kept with underscores (`metadata.language` as `metadata_language`); a list of strings
becomes one string with commas. `min_chars` drops shorter documents as `too_short` before anything else is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from curation.records import Card, Drop, Location, Sample, Task
from curation.sources.conversation import text_turn
from curation.sources.defects import RowDefect, build_samples
from curation.sources.options import check_options, count_option, names_option
from curation.sources.row_values import as_mapping, row_id_of
from curation.sources.rows import read_rows, row_tasks
from curation.sources.text import text_at, value_at

DOCUMENT_OPTIONS = {
    "columns": "names of further values of a row to keep for filters; dots lead into structs",
    "min_chars": "least length of a document in characters; shorter ones are dropped: too_short. Default 0",
}
_SCALARS = frozenset((str, int, float, bool, type(None)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """One set: its card, where its text and its ids are, and the columns it keeps."""

    card: Card
    field: str = "text"
    columns: tuple[str, ...] = ()
    ids: tuple[str, ...] = ("id",)

    def tasks(self, location: Location) -> list[Task]:
        """List the tasks over all files of the location. Raises ManifestError and SourceError."""
        check_options(self.card, location.options)
        names_option(location, "columns")
        count_option(location, "min_chars", 0)
        return row_tasks(location, columns=(self.field,))

    def samples(self, task: Task) -> Iterator[Sample | Drop]:
        """Yield the samples of a task in the order of its rows."""
        tops = [name.partition(".")[0] for name in (self.field, *self.ids, *self._columns(task.location))]
        return build_samples(read_rows(task, tuple(dict.fromkeys(tops))), self.reader(task.location))

    def reader(self, location: Location) -> Callable[[str, Any], Sample]:
        """Return what makes a sample of a row: called with its key and its value, raises RowDefect."""
        kept = tuple((name.replace(".", "_"), name) for name in self._columns(location))
        return partial(self._sample, kept=kept, min_chars=count_option(location, "min_chars", 0))

    def _columns(self, location: Location) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.columns, *names_option(location, "columns"))))

    def _sample(self, row_key: str, value: Any, *, kept: Iterable[tuple[str, str]], min_chars: int) -> Sample:
        row = as_mapping(value)
        text = text_at(row, self.field, reason="no_text")
        if len(text) < min_chars:
            raise RowDefect("too_short", measured=len(text), threshold=min_chars)
        columns = {name: scalar(value_at(row, path)) for name, path in kept}
        turns = (text_turn("assistant", text),)
        return Sample(row_key=row_key, row_id=row_id_of(row, *self.ids), turns=turns, columns=columns)


def scalar(value: Any) -> Any:
    """Return a value as a column can hold it: scalars as they are, strings of a list with commas, others null."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return None
