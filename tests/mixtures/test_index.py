"""The tables of a build: rows that stand beside each other, parts whose bytes depend on the rows alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curation.mixtures.index as index
from curation.builds import Build
from curation.mixtures.candidates import Candidates, load_candidates
from curation.mixtures.media_table import media_tables
from curation.mixtures.selection import Selection, select
from curation.tables import LEDGER, MEDIA, MIXTURE, PACKS, SAMPLES, SHARDS, SOURCES, from_rows
from curation.verify import check_tables
from tests.mixtures.synthetic import Row, manifest_of, write_files

NUMBERS = pa.schema([("number", pa.int64()), ("word", pa.string())])


def _tables(cuts: list[int]) -> Iterator[pa.Table]:
    start = 0
    for size in cuts:
        numbers = range(start, start + size)
        yield pa.table([list(numbers), [f"w{n}" for n in numbers]], schema=NUMBERS)
        start += size


@settings(deadline=None)
@given(st.lists(st.integers(0, 25), max_size=20))
def test_row_groups_depend_on_the_rows_and_not_on_how_they_came(cuts: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "GROUP_ROWS", 10)
        pieces = list(index._row_groups(NUMBERS, _tables(cuts)))
        whole = list(index._row_groups(NUMBERS, _tables([sum(cuts)])))
    assert [piece.to_pylist() for piece in pieces] == [piece.to_pylist() for piece in whole]
    assert [row["number"] for piece in pieces for row in piece.to_pylist()] == list(range(sum(cuts)))
    assert all(piece.num_rows == 10 for piece in pieces[:-1])


@pytest.mark.parametrize("cuts", [[137], [1] * 137, [0, 50, 0, 87]])
def test_parts_have_the_same_bytes_however_the_rows_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cuts: list[int]
) -> None:
    monkeypatch.setattr(index, "GROUP_ROWS", 10)
    monkeypatch.setattr(index, "PART_ROWS", 40)
    expected = index.write_parts(tmp_path / "a", NUMBERS, _tables([100, 37]))
    written = index.write_parts(tmp_path / "b", NUMBERS, _tables(cuts))
    assert [path.name for path in written] == [f"part-{number:05d}.parquet" for number in range(4)]
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in expected]
    assert pl.read_parquet(written)["number"].to_list() == list(range(137))


def test_a_table_without_rows_is_a_file_with_its_columns(tmp_path: Path) -> None:
    (path,) = index.write_parts(tmp_path, NUMBERS, [])
    assert pq.read_schema(path).equals(NUMBERS) and pq.read_metadata(path).num_rows == 0


def _rows(count: int) -> list[Row]:
    """Make samples of every case: no media, several, trimmed ones, ones that could not be encoded."""
    chooser = random.Random(4)
    rows = []
    for number in range(count):
        media = [f"{chooser.choice('iv')}{number % 4000}-{place}" for place in range(chooser.choice([0, 0, 1, 2, 5]))]
        case = chooser.choice(["whole", "whole", "trimmed", "dropped", "no_media"])
        used = chooser.randint(0, len(media)) if case == "trimmed" else None
        rows.append(Row(key=str(number), tokens=None if case == "dropped" else 10, media=media, used=used))
    return rows


def _candidates(folder: Path, rows: list[Row]) -> Candidates:
    half = len(rows) // 2
    files = [
        write_files(folder / "0", "s", rows[:half], group_rows=1000),
        write_files(folder / "1", "s", rows[half:], group_rows=333),
    ]
    dropped = [(f"s/{row.key}", "encode", "over_length") for row in rows if row.tokens is None]
    schema = {"sample_id": pl.String, "dropped_by": pl.String, "reason": pl.String}
    return load_candidates(files, ["s"], pl.DataFrame(dropped, schema=schema, orient="row"))


def test_the_media_of_every_sample_stand_beside_their_tokens_over_many_batches(tmp_path: Path) -> None:
    """More rows than a batch, row groups that differ, and media that encode left out between others."""
    rows = _rows(11_000)
    candidates = _candidates(tmp_path, rows)
    selection = _selection(tmp_path, candidates, "mixture: {unit: samples, budget: 3000}")
    found = pa.concat_tables(media_tables(candidates, selection, {"v1-0": "pyav"})).to_pylist()
    expected = []
    for row in rows:
        used = 0 if row.tokens is None else len(row.media[: row.used])
        for place, name in enumerate(row.media):
            is_used, is_video = place < used, name.startswith("v")
            frames = 2 if is_used and is_video else None
            expected.append((f"s/{row.key}", place, name, 100 + place if is_used else None, frames))
    assert [
        (medium["sample_id"], medium["position"], medium["media_id"], medium["tokens"], medium["frames_used"])
        for medium in found
    ] == expected
    assert {medium["backend"] for medium in found if medium["media_id"] != "v1-0"} == {None}
    assert all(medium["uri"] == f"here/{medium['media_id']}" for medium in found)
    assert {medium["sample_source"] for medium in found} == {"s"}
    repeats = {f"s/{row.key}": count for row, count in zip(rows, selection.repeats.tolist(), strict=True)}
    seen: set[str] = set()
    for medium in found:
        is_used = repeats[medium["sample_id"]] > 0
        assert medium["sample_repeats"] == repeats[medium["sample_id"]]
        assert medium["is_first_use"] == (is_used and medium["media_id"] not in seen)
        seen |= {medium["media_id"]} if is_used else set()
    assert 0 < sum(medium["is_first_use"] for medium in found) < sum(repeats[each["sample_id"]] > 0 for each in found)


def _selection(folder: Path, candidates: Candidates, more: str = "") -> Selection:
    return select(candidates, manifest_of(folder, ("s",), more), context=64)


def test_samples_say_where_they_are_or_why_they_are_not(tmp_path: Path) -> None:
    rows = _rows(5000)
    candidates = _candidates(tmp_path, rows)
    selection = _selection(tmp_path, candidates, "mixture: {unit: samples, budget: 1000}")
    table = pa.concat_tables(index.sample_tables(candidates, selection))
    assert table.schema.equals(SAMPLES)
    found = table.to_pylist()
    assert [row["row_key"] for row in found] == [row.key for row in rows]
    for number, (row, said) in enumerate(zip(rows, found, strict=True)):
        if row.tokens is None:
            assert (said["selected"], said["dropped_by"], said["drop_reason"]) == (False, "encode", "over_length")
        elif selection.repeats[number]:
            assert (said["selected"], said["dropped_by"], said["drop_reason"]) == (True, None, None)
        else:
            assert (said["dropped_by"], said["drop_reason"]) == ("mixture", "not_needed")
        assert said["repeats"] == selection.repeats[number] and said["tokens"] == row.tokens
    assert sum(row["repeats"] for row in found) == 1000


def test_packs_name_their_samples(tmp_path: Path) -> None:
    candidates = _candidates(tmp_path, [Row(key=str(number), tokens=number % 60 + 1) for number in range(3000)])
    selection = _selection(tmp_path, candidates, "mixture: {unit: samples, budget: 4000, max_repeats: 2}")
    table = pa.concat_tables(index.pack_tables(candidates, selection))
    assert table.schema.equals(PACKS) and table.num_rows == 4000
    assert table["sample_id"].to_pylist() == [f"s/{position}" for position in selection.order.tolist()]
    assert table["length"].to_pylist() == [position % 60 + 1 for position in selection.order.tolist()]
    assert table["shard"].null_count == 4000  # a plan has none


def _written(folder: Path, rows: list[Row]) -> Build:
    candidates = _candidates(folder, rows)
    selection = _selection(folder, candidates)
    notes: list[dict[str, Any]] = [
        {"sample_id": f"s/{row.key}", "source": "s", "stage": "encode", "action": "drop", "reason": "over_length"}
        for row in rows
        if row.tokens is None
    ]
    pq.write_table(from_rows(list(notes), LEDGER), folder / "ledger.parquet")
    counts = {"rows_read": len(rows), "rows_unreadable": 0, "samples": len(rows)}
    paths = index.write_index(
        folder / "index",
        candidates,
        selection,
        sources=[{"source": "s", **counts, "selected": int((selection.repeats > 0).sum())}],
        ledgers=[folder / "ledger.parquet"],
        decisions=[from_rows([], LEDGER)],
        backends={},
        shards=[],
    )
    settings = {"packing": {"context": 64}}
    return Build(
        folder=folder, fingerprint="", settings=settings, files={str(path.relative_to(folder)): "" for path in paths}
    )


def test_every_table_has_its_columns_and_the_laws_between_them_hold(tmp_path: Path) -> None:
    build = _written(tmp_path, [Row(key=row.key, tokens=row.tokens) for row in _rows(700)])
    schemas = {"samples": SAMPLES, "media": MEDIA, "ledger": LEDGER, "packs": PACKS, "mixture": MIXTURE}
    schemas |= {"sources": SOURCES, "shards": SHARDS}
    for name, files in build.table_files().items():
        assert files and pq.read_schema(files[0]).equals(schemas[name]), name
    failed = [check for check in check_tables(build) if not check.is_passed and "shard" not in check.name]
    assert failed == []


def test_writing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    rows = _rows(700)
    _written(tmp_path, rows)
    first = {path: path.read_bytes() for path in (tmp_path / "index").rglob("*.parquet")}
    _written(tmp_path, rows)
    assert first == {path: path.read_bytes() for path in (tmp_path / "index").rglob("*.parquet")}
