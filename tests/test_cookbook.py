"""Every question of `docs/cookbook.md` is asked of a build in which it has an answer."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from curation.build import build as build_manifest
from curation.builds import Build
from curation.queries import run_query
from tests.corpora import write_corpus

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cookbook.md"
QUESTIONS = re.findall(r"^### (\d+)\. (.+?)\n.*?```sql\n(.+?)```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
QUERIES = {int(number): query for number, _, query in QUESTIONS}


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Build, Build]:
    """Build a corpus with a broken line, a duplicate, control tokens and a conflict; first whole, then without cot."""
    folder = tmp_path_factory.mktemp("corpus")
    manifest = write_corpus(folder)
    with (folder / "problems" / "train.jsonl").open("a") as file:
        file.write(json.dumps({"question": "Ada has 3 nuts and finds 3. How many?", "answer": "3+3\n#### 6"}) + "\n")
        file.write("{no json\n")
        file.write(json.dumps({"question": "What does <image> mean?", "answer": "A place."}) + "\n")
    weights = "mixture.weights={pictures: natural, pages: natural, clips: natural, problems: %s}"
    old = build_manifest(manifest, workers=1, output=folder / "old")
    new = build_manifest(manifest, workers=1, output=folder / "new", overrides=[weights % 0])
    return old, new


def test_there_are_twenty_questions_each_with_a_query() -> None:
    assert list(QUERIES) == list(range(1, 21))
    assert len({question for _, question, _ in QUESTIONS}) == 20


@pytest.mark.parametrize("number", sorted(QUERIES))
def test_the_question_has_an_answer(builds: tuple[Build, Build], number: int) -> None:
    old, new = builds
    build = new if number == 20 else old
    with build.connect({"old": old} if number == 20 else None) as connection:
        frame = run_query(connection, QUERIES[number])
    assert frame.height >= 1
    empty = [column.name for column in frame if column.null_count() == frame.height]
    assert empty in ([], ["filter", "measured", "threshold"], ["filter"])


def answer(build: Build, number: int, key: str) -> dict[object, dict[str, object]]:
    return {row[key]: row for row in build.sql(QUERIES[number]).to_dicts()}


def test_answers_are_right_where_the_corpus_says_what_they_are(builds: tuple[Build, Build]) -> None:
    old, new = builds
    assert {kind: row["samples"] for kind, row in answer(old, 1, "kind").items()} == {
        "cot": 201,
        "image": 54,
        "video": 4,
    }
    assert sum(float(str(row["token_share"])) for row in answer(old, 1, "kind").values()) == pytest.approx(1)
    assert answer(old, 6, "source")["problems"]["num_rows"] == 1
    assert answer(old, 7, "dropped_by")["exact_duplicates"]["dropped"] == 1
    (why,) = old.sql(QUERIES[8]).to_dicts()
    assert (why["reason"], why["evidence_sample_id"]) == ("duplicate", "problems/train.jsonl:200")
    assert answer(old, 9, "source")["problems"]["problems"] == 1
    assert answer(new, 4, "source")["problems"]["left_over"] == 201
    with new.connect({"old": old}) as connection:
        (gone,) = run_query(connection, QUERIES[20]).to_dicts()
    assert (gone["source"], gone["samples"], gone["reason"]) == ("problems", 201, "not_needed")
