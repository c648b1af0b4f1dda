"""What is wrong with a row: raised by pure functions, turned into a Drop where the row's key is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from curation.errors import MediaError
from curation.records import Drop, Sample

_ID_NAMES = ("id", "sample_id", "question_id", "questionId", "uuid")


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


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return a row that is a mapping, or raise `invalid_row`."""
    if not isinstance(value, dict):
        raise RowDefect("invalid_row", f"the row is {type(value).__name__}, not an object")
    return value


def row_id_of(row: Mapping[str, Any], *names: str) -> str | None:
    """Return the row's own id under the first of the names that is a string or a whole number."""
    for name in names or _ID_NAMES:
        if name in row:
            value = row[name]
            if isinstance(value, str):
                return value
            if isinstance(value, int) and not isinstance(value, bool):
                return str(value)
    return None


def scalar_columns(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the named values of a row that are scalars; others and absent ones are null."""
    if not names:
        return {}
    values = ((name, row.get(name)) for name in names)
    return {name: value if isinstance(value, str | int | float | bool) else None for name, value in values}
