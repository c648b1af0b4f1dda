"""Inputs that break careless filters: no rows, rows that are all the same, texts and media that are empty."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from curation.filters import FILTERS, Filter, load_filter
from curation.tables import LEDGER
from tests.filters.rows import Row, dropped, run

OPTIONS: dict[str, Mapping[str, Any] | str] = {
    "balance": {"by": ["source"]},
    "cap": {"by": ["media_id"], "max": 1},
    "datatrove": {"GopherRepetitionFilter": {}, "C4QualityFilter": {}, "kinds": ["image", "text"]},
    "text_quality": {"kinds": ["image", "text"]},
    "where": "tokens > 1",
}
DROPS_ALL_BUT_ONE = {"cap", "exact_duplicates", "near_duplicate_text"}


def made(name: str, folder: Path) -> Filter:
    if name == "contamination":
        path = folder / "bench.jsonl"
        path.write_text(json.dumps({"question": "What is 3 + 4?", "answer": "7"}))
        return load_filter(name, {"against": [str(path)]})
    return load_filter(name, OPTIONS.get(name))


@pytest.mark.parametrize("name", FILTERS)
def test_a_table_without_rows_gives_an_empty_ledger(name: str, tmp_path: Path) -> None:
    ledger = run(tmp_path, [], made(name, tmp_path), priorities={"a": 0}, guard=0.3)
    assert ledger.schema == LEDGER and len(ledger) == 0


@pytest.mark.parametrize("name", FILTERS)
def test_of_rows_that_are_all_the_same_one_stays_or_all(name: str, tmp_path: Path) -> None:
    """Prose long enough for rules about web text, on one medium without a hash, as of a video."""
    said = " ".join(f"The {word} house stands by the old road." for word in ("red", "blue", "green", "tall", "small"))
    rows = [Row(sample_id=f"a/f:{index:03}", answer=said, media=["same"]) for index in range(300)]
    gone = dropped(run(tmp_path, rows, made(name, tmp_path)))
    if name in DROPS_ALL_BUT_ONE:
        assert len(gone) == 299
    elif name not in ("datatrove", "text_quality"):
        assert gone == []
    else:
        assert len(gone) in (0, 300), "equal texts are judged alike"


@pytest.mark.parametrize("name", FILTERS)
def test_rows_that_say_and_show_nothing_are_no_error(name: str, tmp_path: Path) -> None:
    rows = [Row(sample_id=f"a/f:{index}", question="", answer="", tokens=index, phashes=[None]) for index in range(3)]
    ledger = run(tmp_path, rows, made(name, tmp_path))
    assert set(ledger["sample_id"].to_pylist()) <= {row.sample_id for row in rows}
