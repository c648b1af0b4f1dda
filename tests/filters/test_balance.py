"""`balance`: sizes go as a power of what they were."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from curation.errors import ManifestError
from curation.filters.balance import Balance
from tests.filters.rows import Row, dropped, run

SIZES = {"yes": 64, "no": 16, "perhaps": 4}
ROWS = [Row(sample_id=f"a/f:{answer}{index}", answer=answer) for answer, size in SIZES.items() for index in range(size)]


def sizes(tmp_path: Path, item: Balance) -> dict[str, int]:
    gone = set(dropped(run(tmp_path, ROWS, item, guard=0.01)))
    return dict(Counter(row.answer for row in ROWS if row.sample_id not in gone))


@pytest.mark.parametrize(
    ("alpha", "whole", "expected"),
    [
        (1.0, None, SIZES),
        (0.0, None, {"yes": 4, "no": 4, "perhaps": 4}),
        (0.5, None, {"yes": 16, "no": 8, "perhaps": 4}),
        (0.5, 16, {"yes": 32, "no": 16, "perhaps": 4}),
    ],
    ids=["as they are", "all equal", "square roots of 16 and 4 times the smallest", "groups of 16 stay whole"],
)
def test_sizes_follow_the_exponent(tmp_path: Path, alpha: float, whole: int | None, expected: dict[str, int]) -> None:
    assert sizes(tmp_path, Balance(by=("answer",), alpha=alpha, whole=whole)) == expected


def test_a_stronger_balance_keeps_a_subset(tmp_path: Path) -> None:
    strong, weak = (set(dropped(run(tmp_path, ROWS, Balance(by=("answer",), alpha=alpha)))) for alpha in (0.3, 0.6))
    assert strong > weak


def test_a_row_tells_its_place_and_how_many_its_group_keeps(tmp_path: Path) -> None:
    ledger = run(tmp_path, ROWS, Balance(by=("answer",), alpha=0.5)).to_pylist()
    assert Counter(row["threshold"] for row in ledger) == {16.0: 48, 8.0: 8}
    assert all(row["measured"] > row["threshold"] for row in ledger)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"alpha": 1.5}, "alpha is 1.5"), ({"by": ()}, "name one or more"), ({"whole": 0}, "whole is 0")],
)
def test_settings_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        Balance(**{"by": ("answer",), **options})  # type: ignore[arg-type]
