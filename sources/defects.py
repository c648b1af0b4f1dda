"""What is wrong with a row: raised by pure functions, turned into a Drop where the row's key is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from curation.errors import MediaError
from curation.records import Drop, Sample


class RowDefect(Exception):  # noqa: N818  a defect of the data, never seen by users
    """A row can't become a sample. `reason` is the ledger's word for the defect."""

    def __init__(
        self, reason: str, detail: str = "", *, measured: float | None = None, threshold: float | None = None
    ) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.measured = measured
        self.threshold = threshold


class Row(NamedTuple):
    """A parsed row and its key."""

    key: str
    value: Any


def build_samples(rows: Iterable[Row | Drop], build: Callable[[str, Any], Sample]) -> Iterator[Sample | Drop]:
    """Build a sample of each row; a row with a defect becomes a Drop."""
    for row in rows:
        if isinstance(row, Drop):
            yield row
            continue
        try:
            yield build(row.key, row.value)
        except (RowDefect, MediaError) as err:
            yield drop_of(row.key, err)


def drop_of(row_key: str, err: RowDefect | MediaError) -> Drop:
    """Make the Drop of a defect."""
    detail = {"detail": err.detail[:500]} if err.detail else {}
    threshold = err.threshold if isinstance(err, RowDefect) else None
    return Drop(row_key=row_key, reason=err.reason, measured=err.measured, threshold=threshold, detail=detail)
