"""Duplicates across sources as a matrix: rows lose a sample, columns keep the one it equals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Counts by row and column; `weights` are the counts over the largest, for shading."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    weights: tuple[tuple[float, ...], ...]


def duplicate_matrix(frame: polars.DataFrame) -> Matrix | None:
    """Return the matrix of `source`, `kept_in` and `samples`; None without duplicates."""
    if frame.is_empty():
        return None
    found = {(str(source), str(kept)): int(count) for source, kept, count in frame.iter_rows()}
    rows = tuple(sorted({source for source, _ in found}))
    columns = tuple(sorted({kept for _, kept in found}))
    counts = tuple(tuple(found.get((row, column), 0) for column in columns) for row in rows)
    most = max(found.values())
    weights = tuple(tuple(round(count / most, 3) for count in line) for line in counts)
    return Matrix(rows=rows, columns=columns, counts=counts, weights=weights)
