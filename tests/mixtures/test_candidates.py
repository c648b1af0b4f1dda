"""The numbers of every pulled sample as arrays: in file order, with their drops, each id once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from curation.errors import SourceError
from curation.mixtures.candidates import Files, load_candidates
from tests.mixtures.synthetic import Row, write_files


def _drops(*rows: tuple[str, str, str]) -> pl.DataFrame:
    schema = {"sample_id": pl.String, "dropped_by": pl.String, "reason": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _files(folder: Path, keys: dict[str, Sequence[str]]) -> list[Files]:
    return [
        write_files(folder / str(number), name.partition(":")[0], [Row(key=key) for key in some])
        for number, (name, some) in enumerate(keys.items())
    ]


def test_samples_stand_in_file_order_and_nulls_count_nothing(tmp_path: Path) -> None:
    files = [
        write_files(tmp_path / "0", "a", [Row(key="0", tokens=5, media=["i"]), Row(key="1", tokens=None)]),
        write_files(tmp_path / "1", "a", []),
        write_files(tmp_path / "2", "b", [Row(key="0", tokens=9)]),
    ]
    candidates = load_candidates(files, ["b", "a"], _drops(("a/1", "encode", "over_length")))
    assert len(candidates) == 3 and candidates.starts.tolist() == [0, 2, 2, 3]
    assert [candidates.sources[number] for number in candidates.source] == ["a", "a", "b"]
    assert candidates.amounts["tokens"].tolist() == [5, 0, 9]
    assert candidates.num_tiles.tolist() == [1, 0, 0] and candidates.media_bytes.tolist() == [7, 0, 7]
    assert candidates.amounts["samples"].sum() == 3
    assert candidates.drop.tolist() == [-1, 0, -1] and candidates.drops == (("encode", "over_length"),)


def test_many_files_of_many_row_groups_stay_in_order(tmp_path: Path) -> None:
    files = [
        write_files(
            tmp_path / str(number), "s", [Row(key=f"{number}:{n}", tokens=n + 1) for n in range(150)], group_rows=7
        )
        for number in range(12)
    ]
    dropped = [(f"s/{number}:{n}", "where", f"reason-{n % 2}") for number in (11, 3) for n in range(0, 150, 9)]
    candidates = load_candidates(files, ["s"], _drops(*dropped))
    assert candidates.amounts["tokens"].tolist() == [n + 1 for _ in range(12) for n in range(150)]
    found = {
        (f"s/{position // 150}:{position % 150}", *candidates.drops[code])
        for position, code in enumerate(candidates.drop.tolist())
        if code >= 0
    }
    assert found == set(dropped)


@pytest.mark.parametrize("keys", [{"a:0": ["x", "y"], "a:1": ["z", "y"]}, {"a:0": ["y", "z", "y"]}])
def test_a_row_key_that_occurs_twice_is_refused_by_name(tmp_path: Path, keys: dict[str, Sequence[str]]) -> None:
    with pytest.raises(SourceError, match=r"sources\.a: row key 'y' occurs 2 times.*a key of its own"):
        load_candidates(_files(tmp_path, keys), ["a"], _drops())


def test_two_sources_may_have_the_same_row_keys(tmp_path: Path) -> None:
    files = _files(tmp_path, {"a:0": ["x", "y"], "b:0": ["x", "y"]})
    assert len(load_candidates(files, ["a", "b"], _drops(("b/x", "where", "where")))) == 4


def test_a_folder_with_the_signs_of_a_glob_in_its_name_is_a_folder(tmp_path: Path) -> None:
    files = _files(tmp_path / "run [1] *", {"a:0": ["x", "y"]})
    assert load_candidates(files, ["a"], _drops(("a/y", "where", "where"))).drop.tolist() == [-1, 0]


def test_no_samples_at_all_are_no_candidates(tmp_path: Path) -> None:
    assert len(load_candidates(_files(tmp_path, {"a:0": []}), ["a"], _drops())) == 0
