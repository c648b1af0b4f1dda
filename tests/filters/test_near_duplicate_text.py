"""`near_duplicate_text`: what repeats goes, what differs in a number stays."""

from __future__ import annotations

import logging
import random
from pathlib import Path

import pytest

from curation.errors import ManifestError
from curation.filters.near_duplicate_text import NearDuplicateText
from tests.filters.rows import Row, dropped, run

VOCABULARY = ["".join(random.Random(seed).choices("abcdefghijklmnopqrstuvwxyz", k=6)) for seed in range(3000)]


def words(seed: int, count: int = 80) -> list[str]:
    return random.Random(seed).choices(VOCABULARY, k=count)


def edited(text: list[str], position: int) -> str:
    return " ".join([*text[:position], "changed", *text[position + 1 :]])


def test_a_text_with_one_word_replaced_is_dropped_with_its_similarity(tmp_path: Path) -> None:
    """One word of 82 is in 5 of 78 shingles: 73 shared of 83."""
    text = words(1)
    rows = [
        Row(sample_id="a/f:0", question="Tell me", answer=" ".join(text)),
        Row(sample_id="b/f:0", question="Tell me", answer=edited(text, 40)),
        Row(sample_id="b/f:1", question="Tell me", answer=" ".join(words(2))),
    ]
    ledger = run(tmp_path, rows, NearDuplicateText()).to_pylist()
    assert [(row["sample_id"], row["evidence_sample_id"]) for row in ledger] == [("b/f:0", "a/f:0")]
    assert ledger[0]["measured"] == pytest.approx(73 / 83)
    assert (ledger[0]["reason"], ledger[0]["threshold"]) == ("near_duplicate", 0.8)


def test_the_similarity_is_a_threshold_on_the_true_jaccard(tmp_path: Path) -> None:
    text = words(3)
    rows = [Row(sample_id="a/f:0", answer=" ".join(text)), Row(sample_id="a/f:1", answer=edited(text, 40))]
    assert dropped(run(tmp_path, rows, NearDuplicateText(similarity=0.87))) == ["a/f:1"]
    assert dropped(run(tmp_path, rows, NearDuplicateText(similarity=0.89))) == []


def test_the_same_text_about_another_image_stays(tmp_path: Path) -> None:
    text = words(4)
    rows = [
        Row(sample_id="a/f:0", answer=" ".join(text), media=["cat"]),
        Row(sample_id="a/f:1", answer=edited(text, 40), media=["dog"]),
        Row(sample_id="a/f:2", answer=edited(text, 40), media=["cat"]),
        Row(sample_id="a/f:3", answer=edited(text, 40)),
    ]
    assert dropped(run(tmp_path, rows, NearDuplicateText())) == ["a/f:2"]


def test_ten_thousand_questions_that_differ_in_a_number_only_all_stay(tmp_path: Path) -> None:
    story = " ".join(words(5, 60))
    rows = [
        Row(sample_id=f"a/f:{n}", question=f"{story} How many of {n} are left?", answer="Some.") for n in range(10_000)
    ]
    assert len(run(tmp_path, rows, NearDuplicateText())) == 0


@pytest.mark.parametrize("answers", [("A", "B"), ("yes", "no"), ("a red car", "a blue car")])
def test_short_answers_have_to_be_equal(tmp_path: Path, answers: tuple[str, str]) -> None:
    text = words(6)
    rows = [Row(sample_id=f"a/f:{n}", question=" ".join(text), answer=answer) for n, answer in enumerate(answers)]
    rows.append(Row(sample_id="a/f:2", question=edited(text, 9), answer=f"{answers[0]}."))
    assert dropped(run(tmp_path, rows, NearDuplicateText())) == ["a/f:2"]


def test_short_texts_are_equal_word_for_word_or_not_at_all(tmp_path: Path) -> None:
    rows = [
        Row(sample_id="a/f:0", question="What is shown?", answer="A cat on a mat."),
        Row(sample_id="a/f:1", question="what is shown", answer="a cat on  a mat"),
        Row(sample_id="a/f:2", question="What is shown?", answer="A cat on the mat."),
    ]
    assert dropped(run(tmp_path, rows, NearDuplicateText())) == ["a/f:1"]


def test_a_large_group_keeps_one_and_says_that_it_compared_with_the_first_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [Row(sample_id=f"a/f:{n:03}", answer=" ".join(words(7)) + "!" * n) for n in range(200)]
    with caplog.at_level(logging.WARNING):
        assert len(dropped(run(tmp_path, rows, NearDuplicateText()))) == 199
    assert "the largest has 200" in caplog.text


def test_flag_drops_nothing(tmp_path: Path) -> None:
    rows = [Row(sample_id=f"a/f:{n}", answer=" ".join(words(8))) for n in range(3)]
    assert run(tmp_path, rows, NearDuplicateText(action="flag"))["action"].to_pylist() == ["flag", "flag"]


def test_the_result_does_not_depend_on_files_or_order(tmp_path: Path) -> None:
    rows = [
        Row(sample_id=f"{'ab'[n % 2]}/f:{n}", answer=edited(words(n % 40), n % 80), tokens=n % 7) for n in range(200)
    ]
    priorities = {"a": 0, "b": 0}
    whole = run(tmp_path, rows, NearDuplicateText(similarity=0.7), priorities=priorities)
    assert whole.num_rows > 100
    assert run(tmp_path, rows[::-1], NearDuplicateText(similarity=0.7), priorities=priorities, num_files=5).equals(
        whole
    )


def test_no_rows_are_no_rows(tmp_path: Path) -> None:
    assert len(run(tmp_path, [Row(sample_id="a/f:0", question="", answer="")], NearDuplicateText())) == 0


def test_a_similarity_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ManifestError, match=r"similarity is 1\.5"):
        NearDuplicateText(similarity=1.5)


def test_what_spills_decides_as_what_fits(tmp_path: Path) -> None:
    """A tight limit, where DuckDB spills, and other files change nothing."""
    texts = [words(seed, 40) for seed in range(1500)]
    rows = [Row(sample_id=f"a/f:{index:04}", answer=" ".join(text)) for index, text in enumerate(texts)]
    rows += [Row(sample_id=f"a/g:{index:04}", answer=" ".join([*text, "end"])) for index, text in enumerate(texts)]
    whole = run(tmp_path, rows, NearDuplicateText())
    assert len(dropped(whole)) == 1500
    assert run(tmp_path, rows, NearDuplicateText(), memory_limit="30MB", num_files=3).equals(whole)
