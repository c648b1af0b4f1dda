"""`exact_duplicates: {merge_turns: true}` the whole way: tokens, labels, tables, bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.build import build, plan
from curation.builds import Build
from curation.errors import BuildError
from curation.records import Image, Sample, Text, Turn
from curation.show import ShownSample, show
from curation.verify import verify
from tests.corpora import digests, png
from tests.sources.written import NAME, sample, write_rows

MANIFEST = f"""
version: 1
name: shared
seed: 3
profile: smolvlm2-256m
tokenizer: bytes
sources:
  shared: {{adapter: '{NAME}', uri: shared, kind: image}}
  alone: {{adapter: '{NAME}', uri: alone, kind: image}}
filters:
  - exact_duplicates: {{merge_turns: true}}
mixture: {{unit: samples}}
output: {{path: build}}
"""
APART = ("system turn", "image after the words", "image alone")


def picture(number: int) -> Image:
    return Image(content=png(number), name=f"{number}.png")


def write_corpus(folder: Path) -> Path:
    """Write samples that share pictures, in two files, others that must stay apart, and a source that shares none."""
    cat, dog = picture(1), picture(2)
    more = [sample(f"cat-{n}", cat, question=f"\nQuestion {n}?", answer=f"Answer {n}.") for n in range(4)]
    both = [sample(f"both-{n}", cat, dog, question=f"Pair {n}?", answer=f"Said {n}.") for n in range(2)]
    odd = (
        Turn(role="user", parts=(Text(text="Odd?"), dog)),
        Turn(role="user", parts=(dog,)),
        Turn(role="user", parts=(dog, Text(text="Polite?"))),
    )
    answer = Turn(role="assistant", parts=(Text(text="Yes."),))
    system = Turn(role="system", parts=(Text(text="Be kind."),))
    apart = [
        Sample(row_key=APART[0], turns=(system, odd[2], answer)),
        Sample(row_key=APART[1], turns=(odd[0], answer)),
        Sample(row_key=APART[2], turns=(odd[1], answer)),
        sample("dog-0", dog, question="What is it?", answer="A dog."),
    ]
    write_rows(folder / "shared" / "1.rows", [*more[:3], *both])
    write_rows(folder / "shared" / "2.rows", [more[3], *apart])
    write_rows(folder / "alone" / "1.rows", [sample(f"own-{n}", picture(10 + n)) for n in range(3)])
    path = folder / "manifest.yaml"
    path.write_text(MANIFEST)
    return path


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def built(manifest: Path) -> Build:
    return build(manifest, workers=2)


def test_the_build_passes_its_own_verification(built: Build) -> None:
    report = verify(built)
    assert all(check.is_passed for check in report), [check for check in report if not check.is_passed]


def test_the_picture_comes_once_and_every_answer_is_trained_on(built: Build) -> None:
    shown = show(built, "shared/cat-0")
    assert isinstance(shown, ShownSample)
    trained = "".join(span.text for span in shown.spans if span.is_trained and not span.is_control)
    assert trained == " Answer 0. Answer 1. Answer 2. Answer 3."
    told = "".join(span.text for span in shown.spans if not span.is_trained)
    assert [told.count(f"Question {number}?") for number in range(4)] == [1, 1, 1, 1]
    assert "User: Question 3?" in told
    assert len(shown.media) == 1


def test_the_tables_say_what_the_merged_sample_is_and_what_became_of_the_others(built: Build) -> None:
    query = "select sample_id, turns, text_chars, images from samples where selected and turns > 2 order by all"
    assert built.sql(query).rows() == [("shared/both-0", 4, 28, 2), ("shared/cat-0", 8, 81, 1)]
    query = "select sample_id, drop_reason, dropped_by, tokens from samples where not selected order by all"
    gone = ["shared/both-1", "shared/cat-1", "shared/cat-2", "shared/cat-3"]
    assert built.sql(query).rows() == [(name, "merged", "exact_duplicates", None) for name in gone]
    ledger = built.sql(
        "select sample_id, evidence_sample_id, measured from ledger where reason = 'merged' order by all"
    )
    assert ledger.rows() == [
        ("shared/both-1", "shared/both-0", 2.0),
        *((name, "shared/cat-0", 4.0) for name in gone[1:]),
    ]


def test_a_sample_that_can_not_go_on_as_further_turns_stays(built: Build) -> None:
    names = [f"shared/{name}" for name in (*APART, "dog-0")]
    kept = built.sql("select sample_id, turns from samples where selected and turns = 2").rows()
    assert {(name, 2) for name in names} <= set(kept)


def test_workers_do_not_change_a_byte(manifest: Path, built: Build, tmp_path: Path) -> None:
    made = build(manifest, output=tmp_path / "one", workspace=tmp_path / "ws", workers=1)
    assert digests(made.folder) == digests(built.folder)


def test_a_source_without_shared_pictures_is_not_encoded_again(manifest: Path, built: Build) -> None:
    merged = plan(manifest).stages
    as_it_was = plan(manifest, overrides=["filters.exact_duplicates.merge_turns=false"]).stages
    assert merged["alone"] == as_it_was["alone"]
    assert merged["shared"] != as_it_was["shared"]


def test_the_number_of_questions_is_kept_to_and_filters_see_merged_samples(manifest: Path, built: Build) -> None:
    made = plan(manifest, overrides=["filters.exact_duplicates.merge_turns=3"])
    query = "select sample_id, turns from samples where selected and row_key like 'cat%' order by all"
    assert made.sql(query).rows() == [("shared/cat-0", 6), ("shared/cat-3", 2)]
    seen = plan(manifest, overrides=["filters=[{exact_duplicates: {merge_turns: true}}, {where: turns > 4}]"])
    assert seen.sql("select sample_id from samples where selected").rows() == [("shared/cat-0",)]


def test_the_guard_counts_duplicates_but_not_what_was_merged(manifest: Path, tmp_path: Path) -> None:
    plan(manifest, overrides=["guard.max_dropped_fraction=0.01"])
    rows = [sample(f"cat-{n}", picture(1), question=f"Question {n % 2}?") for n in range(6)]
    write_rows(tmp_path / "shared" / "1.rows", rows)
    write_rows(tmp_path / "alone" / "1.rows", [sample("own", picture(9))])
    (tmp_path / "m.yaml").write_text(MANIFEST)
    with pytest.raises(BuildError, match=r"filter exact_duplicates: drops 66\.7% of source 'shared' \(4 of 6\)"):
        plan(tmp_path / "m.yaml", overrides=["guard.max_dropped_fraction=0.5"])
