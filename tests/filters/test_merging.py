"""Samples about the same images become one: what is said stays, once, within the limits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.filters.exact_duplicates import ExactDuplicates
from curation.filters.merging import MergeLimits, plan_merges
from curation.merges import MERGES, MERGES_LEDGER, merged_rows, merged_turns, touched_files
from curation.mixtures.merge_stage import with_merges
from curation.tables import ENCODED, LEDGER, PULLED, from_rows
from tests.filters.rows import Row, dropped, run

PLENTY = MergeLimits(questions=10, tokens=8192)


def merge(
    tmp_path: Path,
    files: Sequence[Sequence[Row]],
    limits: MergeLimits = PLENTY,
    *,
    priorities: Mapping[str, int] | None = None,
) -> tuple[dict[str, list[str]], pa.Table]:
    """Merge the rows of pulled files; return what each sample that is left says, and the ledger."""
    pulled = [tmp_path / f"pulled-{index}.parquet" for index in range(len(files))]
    encoded = [tmp_path / f"encoded-{index}.parquet" for index in range(len(files))]
    for index, rows in enumerate(files):
        pq.write_table(from_rows([row.pulled(1) for row in rows], PULLED), pulled[index])
        pq.write_table(from_rows([row.encoded() for row in rows], ENCODED), encoded[index])
    notes = tmp_path / "encode.ledger.parquet"
    pq.write_table(from_rows([], LEDGER), notes)
    sources = dict.fromkeys((row.source for rows in files for row in rows), 0)
    order = priorities or sources
    plan_merges(tmp_path, limits, pulled=pulled, encoded=encoded, dropped=[notes], priorities=order)
    plan = tmp_path / MERGES
    tables = [
        with_merges(pq.read_table(path), 0, added=merged_turns(plan, index), gone=merged_rows(plan, index))
        for index, path in enumerate(pulled)
    ]
    assert all(
        tables[index].equals(pq.read_table(path))
        for index, path in enumerate(pulled)
        if index not in touched_files(plan)
    )
    ledger = pq.read_table(tmp_path / MERGES_LEDGER)
    gone = set(dropped(ledger))
    said = {
        row["sample_id"]: [part for _, parts in json.loads(row["conversation"]) for part in parts]
        for row in pa.concat_tables(tables).to_pylist()
        if row["sample_id"] not in gone
    }
    return said, ledger


def asked(number: int, *, source: str = "a", media: Sequence[str] = ("cat",), tokens: int = 100) -> Row:
    return Row(sample_id=f"{source}/f:{number}", media=media, question=f"q{number}", answer=f"a{number}", tokens=tokens)


def test_questions_about_one_image_become_one_sample_in_the_order_of_the_source_across_files(tmp_path: Path) -> None:
    said, ledger = merge(tmp_path, [[asked(0), asked(12)], [asked(3), asked(7, media=["dog"])]])
    assert said == {"a/f:0": [0, "q0", "a0", "q12", "a12", "q3", "a3"], "a/f:7": [0, "q7", "a7"]}
    rows = [(row["sample_id"], row["reason"], row["measured"], row["threshold"]) for row in ledger.to_pylist()]
    assert rows == [("a/f:12", "merged", 3.0, 10.0), ("a/f:3", "merged", 3.0, 10.0)]
    assert set(ledger["evidence_sample_id"].to_pylist()) == {"a/f:0"}


def test_what_is_over_the_number_of_questions_starts_the_next_sample(tmp_path: Path) -> None:
    said, _ = merge(tmp_path, [[asked(number) for number in range(5)]], MergeLimits(questions=2, tokens=8192))
    assert {name: len(parts) for name, parts in said.items()} == {"a/f:0": 5, "a/f:2": 5, "a/f:4": 3}


def test_no_merged_sample_outgrows_the_context(tmp_path: Path) -> None:
    rows = [asked(number, tokens=40) for number in range(4)]
    said, _ = merge(tmp_path, [rows], MergeLimits(questions=10, tokens=100))
    assert {name: len(parts) for name, parts in said.items()} == {"a/f:0": 5, "a/f:2": 5}


def test_a_question_with_two_answers_is_left_to_the_filter(tmp_path: Path) -> None:
    two = [Row(sample_id=f"a/f:{n}", media=["cat"], question="which?", answer=f"answer {n}") for n in (8, 9)]
    said, ledger = merge(tmp_path, [[*two, asked(0), asked(1)]])
    assert said == {
        "a/f:8": [0, "which?", "answer 8"],
        "a/f:9": [0, "which?", "answer 9"],
        "a/f:0": [0, "q0", "a0", "q1", "a1"],
    }
    assert dropped(ledger) == ["a/f:1"]


def test_equal_samples_count_once_and_the_preferred_source_has_them(tmp_path: Path) -> None:
    files = [[asked(0), asked(1), asked(2)], [asked(1, source="b"), asked(5, source="b")]]
    said, ledger = merge(tmp_path, files, priorities={"a": 0, "b": 5})
    assert said == {"a/f:0": [0, "q0", "a0", "q2", "a2"], "b/f:1": [0, "q1", "a1", "q5", "a5"]}
    found = [(row["sample_id"], row["reason"], row["evidence_sample_id"]) for row in ledger.to_pylist()]
    assert found == [("a/f:1", "duplicate", "b/f:1"), ("a/f:2", "merged", "a/f:0"), ("b/f:5", "merged", "b/f:1")]


def test_of_equal_samples_the_one_that_the_filter_keeps_takes_part(tmp_path: Path) -> None:
    """It keeps the one of more tokens, as another kind's system prompt may give it."""
    longer = Row(sample_id="a/f:9", media=["cat"], question="q1", answer="a1", tokens=120)
    said, ledger = merge(tmp_path, [[asked(1), asked(2), longer]])
    assert said == {"a/f:2": [0, "q2", "a2", "q1", "a1"]}
    assert [(row["sample_id"], row["reason"]) for row in ledger.to_pylist()] == [
        ("a/f:1", "duplicate"),
        ("a/f:9", "merged"),
    ]
    kept = run(tmp_path, [asked(1), asked(2), longer], ExactDuplicates())
    assert dropped(kept) == ["a/f:1"]


def test_sources_image_orders_kinds_and_samples_without_media_are_kept_apart(tmp_path: Path) -> None:
    rows = [
        asked(0, media=["one", "two"]),
        asked(1, media=["two", "one"]),
        asked(2, media=["one"]),
        asked(3, media=["one"], source="b"),
        Row(sample_id="a/f:4", media=["one"], question="q4", kind="document"),
        asked(5, media=[]),
        asked(6, media=[]),
    ]
    said, ledger = merge(tmp_path, [rows])
    assert len(said) == len(rows)
    assert ledger.num_rows == 0


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    contents=st.lists(
        st.tuples(*map(st.sampled_from, (["a", "b"], ["", "cat", "dog"], ["q", "r", "s", "t"], ["x", "y"]))),
        min_size=1,
        max_size=30,
    ),
    questions=st.integers(2, 4),
)
def test_each_answer_about_an_image_is_there_once_and_no_sample_has_too_many(
    tmp_path: Path, contents: list[tuple[str, str, str, str]], questions: int
) -> None:
    rows = [
        Row(sample_id=f"{source}/f:{index}", media=[medium] if medium else [], question=question, answer=answer)
        for index, (source, medium, question, answer) in enumerate(contents)
    ]
    said, ledger = merge(tmp_path, [rows[::2], rows[1::2]], MergeLimits(questions=questions, tokens=8192))
    medium_of = {row.sample_id: "".join(row.media) for row in rows}
    found: Counter[tuple[str, str, str]] = Counter()
    for name, parts in said.items():
        words = [part for part in parts if isinstance(part, str)]
        found.update(
            (medium_of[name], question, answer) for question, answer in zip(words[::2], words[1::2], strict=True)
        )
        assert len(words) <= 2 * questions
    assert set(found) == {content[1:] for content in contents}
    merged = {row["evidence_sample_id"] for row in ledger.to_pylist() if row["reason"] == "merged"}
    for name in merged:
        words = [part for part in said[name] if isinstance(part, str)]
        assert all(found[(medium_of[name], *pair)] == 1 for pair in zip(words[::2], words[1::2], strict=True))
