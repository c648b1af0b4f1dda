"""`exact_duplicates`: what is the same, what only looks the same, and which side stays."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.filters.exact_duplicates import NO_QUESTION, ExactDuplicates
from tests.filters.rows import Row, dropped, run


def test_same_media_question_and_answer_is_a_duplicate_and_names_the_one_that_stays(tmp_path: Path) -> None:
    rows = [Row(sample_id=f"a/f:{index}", media=["cat"]) for index in range(3)]
    ledger = run(tmp_path, rows, ExactDuplicates()).to_pylist()
    assert [row["sample_id"] for row in ledger] == ["a/f:1", "a/f:2"]
    assert {row["evidence_sample_id"] for row in ledger} == {"a/f:0"}
    assert [(row["reason"], row["measured"], row["threshold"]) for row in ledger] == [("duplicate", 3.0, 1.0)] * 2


def test_the_same_image_with_another_question_is_no_duplicate(tmp_path: Path) -> None:
    rows = [Row(sample_id=f"a/f:{index}", media=["cat"], question=f"question {index}?") for index in range(9)]
    assert len(run(tmp_path, rows, ExactDuplicates())) == 0


def test_the_same_image_and_question_with_another_answer_is_flagged_and_stays(tmp_path: Path) -> None:
    rows = [Row(sample_id=f"a/f:{answer}", media=["cat"], answer=answer) for answer in ("yes", "no", "perhaps")]
    ledger = run(tmp_path, rows, ExactDuplicates()).to_pylist()
    assert [(row["sample_id"], row["action"]) for row in ledger] == [("a/f:perhaps", "flag"), ("a/f:yes", "flag")]
    assert {row["evidence_sample_id"] for row in ledger} == {"a/f:no"}
    assert {row["reason"] for row in ledger} == {"conflicting_answer"}
    assert ledger[0]["measured"] == 3.0


def test_a_duplicate_of_a_conflict_is_dropped_and_not_flagged(tmp_path: Path) -> None:
    answers = ["yes", "no", "no", "yes"]
    rows = [Row(sample_id=f"a/f:{index}", media=["cat"], answer=answer) for index, answer in enumerate(answers)]
    ledger = run(tmp_path, rows, ExactDuplicates()).to_pylist()
    assert [(row["sample_id"], row["action"], row["evidence_sample_id"]) for row in ledger] == [
        ("a/f:1", "flag", "a/f:0"),
        ("a/f:2", "drop", "a/f:1"),
        ("a/f:3", "drop", "a/f:0"),
    ]


def test_documents_without_a_question_do_not_contradict_one_another(tmp_path: Path) -> None:
    rows = [Row(sample_id=f"a/f:{index}", question="", answer=f"document {index % 3}") for index in range(4)]
    ledger = run(tmp_path, rows, ExactDuplicates())
    assert dropped(ledger) == ["a/f:3"]
    assert len(ledger) == 1


def test_the_empty_question_s_hash_is_that_of_no_turns() -> None:
    assert hashlib.sha256(b"[]").hexdigest() == NO_QUESTION
    assert Row(sample_id="a/f:0", question="").pulled(0)["question_sha256"] == NO_QUESTION


def test_the_order_of_several_images_matters(tmp_path: Path) -> None:
    rows = [Row(sample_id="a/f:0", media=["one", "two"]), Row(sample_id="a/f:1", media=["two", "one"])]
    assert len(run(tmp_path, rows, ExactDuplicates())) == 0


@pytest.mark.parametrize(
    ("priorities", "tokens", "stays"),
    [
        ({"a": 0, "b": 5}, {"a": 900, "b": 1}, "b/f:0"),
        ({"b": 0, "a": 0}, {"a": 900, "b": 1}, "b/f:0"),
        ({"a": 0, "b": 0}, {"a": 1, "b": 900}, "a/f:0"),
    ],
    ids=["priority beats order", "manifest order beats tokens", "order, not the alphabet or tokens"],
)
def test_the_side_that_stays_is_decided_by_priority_then_manifest_order(
    tmp_path: Path, priorities: dict[str, int], tokens: dict[str, int], stays: str
) -> None:
    rows = [Row(sample_id=f"{source}/f:0", media=["cat"], tokens=tokens[source]) for source in "ab"]
    ledger = run(tmp_path, rows, ExactDuplicates(), priorities=priorities).to_pylist()
    assert [row["evidence_sample_id"] for row in ledger] == [stays]
    assert ledger[0]["evidence_source"] == stays[0]


def test_within_a_source_more_tokens_stay_then_the_smaller_id(tmp_path: Path) -> None:
    rows = [Row(sample_id=f"a/f:{index}", tokens=tokens) for index, tokens in enumerate([5, 9, 9])]
    assert dropped(run(tmp_path, rows, ExactDuplicates())) == ["a/f:0", "a/f:2"]


def test_scope_media_drops_whatever_is_said_and_leaves_samples_without_media(tmp_path: Path) -> None:
    rows = [
        Row(sample_id="a/f:0", media=["cat"], question="one"),
        Row(sample_id="a/f:1", media=["cat"], question="two"),
        Row(sample_id="a/f:2", question="three"),
        Row(sample_id="a/f:3", question="three"),
    ]
    assert dropped(run(tmp_path, rows, ExactDuplicates(scope="media"))) == ["a/f:1"]


def test_scope_text_drops_whatever_it_is_about(tmp_path: Path) -> None:
    rows = [Row(sample_id="a/f:0", question="q"), Row(sample_id="a/f:1", question="q"), Row(sample_id="a/f:2")]
    ledger = run(tmp_path, rows, ExactDuplicates(scope="text"))
    assert dropped(ledger) == ["a/f:1"]
    assert json.loads(ledger["detail"][0].as_py())["scope"] == "text"


def test_flag_only_mode_drops_nothing(tmp_path: Path) -> None:
    ledger = run(tmp_path, [Row(sample_id=f"a/f:{index}") for index in range(3)], ExactDuplicates(action="flag"))
    assert (len(ledger), dropped(ledger)) == (2, [])


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    contents=st.lists(
        st.tuples(*map(st.sampled_from, (["a", "b"], ["", "cat", "dog"], ["q", "r"], ["x", "y"]))),
        min_size=1,
        max_size=30,
    )
)
def test_one_sample_of_each_content_stays_however_rows_are_split_into_files(
    tmp_path: Path, contents: list[tuple[str, str, str, str]]
) -> None:
    rows = [
        Row(sample_id=f"{source}/f:{index}", media=[medium] if medium else [], question=question, answer=answer)
        for index, (source, medium, question, answer) in enumerate(contents)
    ]
    priorities = {"a": 0, "b": 1}
    ledger = run(tmp_path, rows, ExactDuplicates(), priorities=priorities)
    kept = {row.sample_id for row in rows} - set(dropped(ledger))
    content = {row.sample_id: content[1:] for row, content in zip(rows, contents, strict=True)}
    assert sorted(content[sample_id] for sample_id in kept) == sorted(set(content.values()))
    assert run(tmp_path, rows[::-1], ExactDuplicates(), priorities=priorities, num_files=3).equals(ledger)
