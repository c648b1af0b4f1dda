"""`repetition`: loops go, tables and proofs stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.errors import ManifestError
from curation.filters.repetition import Repetition, repeated_lines, repeated_ngrams
from tests.filters.rows import Row, dropped, run

STEPS = [f"Step {n}: we take {n * 7} and add {n * n}, which gives {n * 7 + n * n}." for n in range(20)]


def test_a_chain_of_thought_in_a_loop_is_dropped_with_what_it_repeats(tmp_path: Path) -> None:
    rows = [
        Row(sample_id="a/f:0", answer="\n".join(STEPS)),
        Row(sample_id="a/f:1", answer="\n".join([*STEPS[:4], *["Wait, let me check again."] * 12])),
    ]
    ledger = run(tmp_path, rows, Repetition()).to_pylist()
    assert [(row["sample_id"], row["reason"]) for row in ledger] == [("a/f:1", "repeated_lines")]
    assert ledger[0]["measured"] == pytest.approx(11 / 16)
    assert ledger[0]["source"] == "a"
    assert json.loads(ledger[0]["detail"]) == {"example": "Wait, let me check again."}


def test_a_loop_within_one_line_is_found_by_its_words(tmp_path: Path) -> None:
    answer = " ".join(["so the answer is the sum of both sides and hence we see that"] * 10)
    ledger = run(tmp_path, [Row(sample_id="a/f:0", answer=answer)], Repetition()).to_pylist()
    assert [row["reason"] for row in ledger] == ["repeated_ngrams"]


def test_a_table_of_numbers_and_its_rules_are_no_repetition() -> None:
    table = "\n".join(f"| {n} | {n * n} |\n|---|---|" for n in range(40))
    assert repeated_lines(table)[0] == 0.0
    assert repeated_ngrams(table)[0] == 0.0


def test_short_answers_are_not_judged() -> None:
    assert repeated_lines("yes\n" * 5) == (0.0, "")
    assert repeated_ngrams("no " * 59) == (0.0, "")


def test_thresholds_are_the_largest_shares_that_stay(tmp_path: Path) -> None:
    rows = [Row(sample_id="a/f:0", answer="\n".join([*"abcd", "a", "b"]))]
    assert dropped(run(tmp_path, rows, Repetition(lines=2 / 6))) == []
    assert dropped(run(tmp_path, rows, Repetition(lines=0.33))) == ["a/f:0"]


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(ManifestError, match="lines is 30"):
        Repetition(lines=30)
