"""Named sets of questions on an image: what the adapters share that differ in their card, columns and little else.

The row is read by the rules of `curation.sources.fields`, with the set's own names of columns. Where the set asks no
question (captions, code, formulas) its card gives the words that ask, and the option `question` other ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from curation.records import Card, Drop, Location, Sample, Task
from curation.sources.defects import build_samples
from curation.sources.fields import Fields
from curation.sources.media_cells import STILL_OPTIONS, check_media, media_reader
from curation.sources.options import COLUMNS_OPTION, check_options, names_option, text_option
from curation.sources.row_values import as_mapping
from curation.sources.rows import SUFFIXES, read_rows, row_tasks

QUESTION_OPTIONS = {**STILL_OPTIONS, **COLUMNS_OPTION}
IMAGE_COLUMN = "struct<bytes: binary, path: string>"


def asked_options(words: str) -> dict[str, str]:
    """Return the options of a set whose rows ask nothing; `words` are what its card asks."""
    return {**QUESTION_OPTIONS, "question": f"what is asked of every image; default: {words}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """One set: its card, where its columns are, and what must happen to a row before it is read.

    `prepare` returns the fields to put over the row's own and may raise RowDefect; `reads` names the columns it needs.
    """

    card: Card
    fields: Fields
    reads: tuple[str, ...] = ()
    prepare: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    suffixes: tuple[str, ...] = SUFFIXES

    def tasks(self, location: Location) -> list[Task]:
        """List the tasks over all files of the location. Raises ManifestError and SourceError."""
        self.check(location)
        return row_tasks(location, suffixes=self.suffixes)

    def check(self, location: Location) -> None:
        """Check the options. Raises ManifestError and SourceError."""
        check_options(self.card, location.options)
        self.fields_of(location)
        check_media(location)

    def samples(self, task: Task) -> Iterator[Sample | Drop]:
        """Yield the samples of a task in the order of its rows."""
        fields, reader = self.fields_of(task.location), media_reader(task)

        def build(row_key: str, value: Any) -> Sample:
            row = as_mapping(value)
            if self.prepare:
                row = {**row, **self.prepare(row)}
            return fields.sample(row_key, row, reader=reader)

        return build_samples(read_rows(task, tuple(dict.fromkeys((*fields.names, *self.reads)))), build)

    def fields_of(self, location: Location) -> Fields:
        """Return the set's fields with what the options add."""
        extra = tuple(dict.fromkeys((*self.fields.extra, *names_option(location, "columns"))))
        return replace(self.fields, extra=extra, asked=text_option(location, "question", self.fields.asked))
