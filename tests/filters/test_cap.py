"""`cap`: seeded, nested, by any columns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.errors import ManifestError
from curation.filters.cap import Cap
from curation.fingerprint import unit_hash
from tests.filters.rows import Row, dropped, run

ROWS = [
    Row(
        sample_id=f"{'ab'[index % 2]}/f:{index}",
        media=[f"image {index % 3}"] if index < 12 else [],
        answer=["yes", "no"][index % 5 == 0],
        columns={"topic": f"t{index % 4}"},
        video_seconds=index * 10.0 if index < 10 else None,
    )
    for index in range(20)
]
RANKS = {row.sample_id: unit_hash(17, row.sample_id) for row in ROWS}


def kept(tmp_path: Path, item: Cap, rows: list[Row] = ROWS) -> list[Row]:
    gone = set(dropped(run(tmp_path, rows, item, guard=0.01)))
    return [row for row in rows if row.sample_id not in gone]


def test_each_group_keeps_the_lowest_ranks(tmp_path: Path) -> None:
    stays = {row.sample_id for row in kept(tmp_path, Cap(by=("source",), max=4))}
    for source in "ab":
        ids = [row.sample_id for row in ROWS if row.source == source]
        assert {each for each in ids if each in stays} == set(sorted(ids, key=RANKS.__getitem__)[:4])


def test_a_smaller_cap_keeps_a_subset_of_what_a_larger_one_keeps(tmp_path: Path) -> None:
    small, large = (kept(tmp_path, Cap(by=("source", "answer"), max=size)) for size in (2, 3))
    assert {row.sample_id for row in small} < {row.sample_id for row in large}


def test_a_row_tells_its_place_its_group_and_the_cap(tmp_path: Path) -> None:
    ledger = run(tmp_path, ROWS, Cap(by=("source",), max=8)).to_pylist()
    assert sorted(row["measured"] for row in ledger) == [9.0, 9.0, 10.0, 10.0]
    assert {row["threshold"] for row in ledger} == {8.0}
    assert json.loads(ledger[0]["detail"]) == {"group": {"source": ledger[0]["source"]}}


def test_answers_are_capped_by_what_the_assistant_says(tmp_path: Path) -> None:
    stays = kept(tmp_path, Cap(by=("answer",), max=3))
    assert sorted(row.answer for row in stays) == ["no"] * 3 + ["yes"] * 3


def test_media_are_capped_one_by_one_and_samples_without_stay(tmp_path: Path) -> None:
    stays = kept(tmp_path, Cap(by=("media_id",), max=2))
    used = [medium for row in stays for medium in row.media]
    assert {medium: used.count(medium) for medium in used} == {f"image {index}": 2 for index in range(3)}
    assert sum(not row.media for row in stays) == 8


def test_a_sample_with_several_media_has_to_fit_for_each(tmp_path: Path) -> None:
    rows = [Row(sample_id=f"a/f:{index}", media=["shared", f"own {index}"]) for index in range(5)]
    assert len(kept(tmp_path, Cap(by=("media_id",), max=1), rows)) == 1


def test_duration_buckets_end_where_the_published_ones_do(tmp_path: Path) -> None:
    stays = kept(tmp_path, Cap(by=("duration_bucket",), max=1))
    seconds = sorted(row.video_seconds for row in stays if row.video_seconds is not None)
    assert [sum(low <= each < high for each in seconds) for low, high in ((0, 30), (30, 60), (60, 120))] == [1, 1, 1]
    assert sum(row.video_seconds is None for row in stays) == 10


def test_a_dataset_s_own_column_is_named_with_columns(tmp_path: Path) -> None:
    topics = [row.columns["topic"] for row in kept(tmp_path, Cap(by=("columns.topic",), max=2))]
    assert sorted(map(str, topics)) == ["t0", "t0", "t1", "t1", "t2", "t2", "t3", "t3"]


def test_another_seed_keeps_others(tmp_path: Path) -> None:
    one, other = (dropped(run(tmp_path, ROWS, Cap(by=("source",), max=4), seed=seed)) for seed in (1, 2))
    assert one != other


@pytest.mark.parametrize(
    ("by", "size", "message"),
    [(("sourc",), 3, "did you mean 'source'"), ((), 3, "by is empty"), (("source",), 0, "max is 0")],
)
def test_a_cap_that_makes_no_sense_is_refused(by: tuple[str, ...], size: int, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        Cap(by=by, max=size)


def test_a_flag_says_what_is_over_the_cap_and_drops_nothing(tmp_path: Path) -> None:
    rows = [Row(sample_id=f"a/f:{index}") for index in range(5)]
    ledger = run(tmp_path, rows, Cap(by=("source",), max=2, action="flag"))
    assert ledger["action"].to_pylist() == ["flag"] * 3
    assert sorted(ledger["measured"].to_pylist()) == [3, 4, 5]
