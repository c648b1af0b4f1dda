"""Packs hold exactly what the tables say, in any order, from any process; what can't be read is named."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import curation
from curation.builds import Build, open_build, read_batches
from curation.errors import BuildError
from tests.corpora import write_corpus


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Build]:
    """Build the small corpus in both formats, with several shards, short packs and repeats."""
    folder = tmp_path_factory.mktemp("reading")
    manifest = write_corpus(folder)
    overrides = ["packing.context=4096", "output.shard_size=100kB", "mixture.max_repeats=1.5", "mixture.budget=380"]
    return {
        form: curation.build(manifest, output=folder / form, workers=1, overrides=[*overrides, f"output.format={form}"])
        for form in ("parquet", "arrow")
    }


@pytest.fixture(params=["parquet", "arrow"])
def build(request: pytest.FixtureRequest, builds: dict[str, Build]) -> Build:
    """Give the build in each format."""
    return builds[request.param]


def plain(pack: dict[str, Any]) -> dict[str, Any]:
    arrays = {name: value.tolist() for name, value in pack.items() if isinstance(value, np.ndarray)}
    return arrays | {"sample_ids": pack["sample_ids"], "images": list(pack["images"].encoded())}


def places(build: Build) -> list[dict[str, Any]]:
    return build.sql("select * from packs order by pack, position").to_dicts()


def stored_rows(build: Build) -> dict[tuple[int, int], dict[str, Any]]:
    num_shards = build.sql("select count(*) from shards").row(0)[0]
    return {
        (shard, number): row
        for shard in range(num_shards)
        for number, row in enumerate(
            row for batch in read_batches(build.shard_path(shard)) for row in batch.to_pylist()
        )
    }


def test_packs_are_the_rows_of_the_shards_in_the_order_of_the_table(build: Build) -> None:
    packs = build.packs()
    rows, stored_at = places(build), stored_rows(build)
    assert len(packs) == rows[-1]["pack"] + 1 > 3
    assert build.sql("select max(repeats), max(shard) from samples").row(0) >= (2, 2)
    for number, pack in enumerate(packs):
        expected = [(row, stored_at[row["shard"], row["shard_row"]]) for row in rows if row["pack"] == number]
        assert pack["sample_ids"] == [row["sample_id"] for row, _ in expected]
        assert pack["sample_ids"] == [stored["sample_id"] for _, stored in expected]
        for name in ("input_ids", "labels"):
            assert pack[name].tolist() == [token for _, stored in expected for token in stored[name]]
        images = [image["bytes"] for _, stored in expected for image in stored["images"]]
        assert list(pack["images"].encoded()) == images
        assert pack["tiles"].tolist() == [[t["rows"], t["cols"]] for _, stored in expected for t in stored["tiles"]]
        assert pack["cu_seqlens"].tolist() == [row["offset"] for row, _ in expected] + [len(pack["input_ids"])]
        assert np.diff(pack["cu_images"]).tolist() == [len(stored["images"]) for _, stored in expected]


def test_positions_restart_and_segments_change_at_each_sample(build: Build) -> None:
    pack = build.packs()[0]
    lengths = np.diff(pack["cu_seqlens"]).tolist()
    assert len(lengths) > 1
    assert pack["position_ids"].tolist() == [place for length in lengths for place in range(length)]
    assert pack["segment_ids"].tolist() == [number for number, length in enumerate(lengths) for _ in range(length)]
    for name in ("input_ids", "labels", "position_ids", "segment_ids", "cu_seqlens", "cu_images", "tiles"):
        assert pack[name].dtype == np.int32, name


def test_images_are_pictures_and_fill_their_image_tokens(build: Build) -> None:
    query = "select pack, sum(image_tokens)::int from packs join samples using (sample_id) group by pack"
    image_tokens = dict(build.sql(query).rows())
    for number, pack in enumerate(build.packs()):
        assert all(isinstance(image, Image.Image) for image in pack["images"])
        assert pack["images"].num_tiles == image_tokens[number] // 64
    pack = next(pack for pack in build.packs() if 1 < len(pack["images"]) < 6)
    assert sum(len(tiles) for tiles in pack["images"].pixels()) == pack["images"].num_tiles


def test_numbers_from_the_end_slices_and_wrong_numbers_are_those_of_a_list(build: Build) -> None:
    packs = build.packs()
    assert plain(packs[-1]) == plain(packs[len(packs) - 1])
    assert [plain(pack) for pack in packs[1:3]] == [plain(packs[1]), plain(packs[2])]
    with pytest.raises(IndexError, match="pack 99999 of"):
        packs[99999]


def test_arrays_may_be_written_into(build: Build) -> None:
    packs = build.packs()
    before = packs[0]["input_ids"].copy()
    packs[0]["input_ids"][:] = 7
    assert (packs[0]["input_ids"] == before).all()


def test_both_formats_hold_the_same_packs(builds: dict[str, Build]) -> None:
    parquet, arrow = (builds[form].packs() for form in ("parquet", "arrow"))
    assert [plain(pack) for pack in parquet] == [plain(pack) for pack in arrow]


def _answer(packs: Any, connection: Any) -> None:
    connection.send([plain(packs[number]) for number in (2, 0)])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_forked_and_spawned_processes_read_the_same(build: Build, method: str) -> None:
    packs = build.packs()
    expected = [plain(packs[number]) for number in (2, 0)]  # the parent's files are open before the fork
    context: Any = multiprocessing.get_context(method)
    ours, theirs = context.Pipe()
    process = context.Process(target=_answer, args=(packs, theirs))
    process.start()
    assert ours.poll(60)
    assert ours.recv() == expected
    process.join()
    assert plain(packs[1])["input_ids"]


def test_a_pickled_pack_takes_its_images_along(build: Build, tmp_path: Path) -> None:
    pack = next(pack for pack in build.packs() if len(pack["images"]))
    again = pickle.loads(pickle.dumps(pack))
    assert plain(again) == plain(pack)
    assert again["images"][0].size == pack["images"][0].size
    assert (next(again["images"].pixels()) == next(pack["images"].pixels())).all()


def test_a_borrowed_shard_is_read_where_the_index_says(build: Build, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    folder = tmp_path / "borrower"
    shutil.copytree(build.folder, folder, ignore=shutil.ignore_patterns("shards"))
    table = pq.read_table(folder / "index" / "shards.parquet")
    paths = [str(build.folder / path) for path in table["path"].to_pylist()]
    place = table.schema.get_field_index("path")
    pq.write_table(table.set_column(place, table.schema.field("path"), [paths]), folder / "index" / "shards.parquet")
    assert plain(open_build(folder).packs()[1]) == plain(build.packs()[1])


def test_a_plan_has_no_packs_to_read(tmp_path: Path) -> None:
    plan = curation.plan(write_corpus(tmp_path), workers=1)
    with pytest.raises(BuildError, match="a plan has no shards to read packs from; run `curation build`"):
        open_build(plan.folder).packs()


def damaged(build: Build, folder: Path) -> Build:
    shutil.copytree(build.folder, folder)
    return open_build(folder)


def test_a_missing_shard_is_named_with_pack_sample_and_source(build: Build, tmp_path: Path) -> None:
    copy = damaged(build, tmp_path / "copy")
    row = places(copy)[0]
    path = copy.shard_path(row["shard"])
    path.unlink()
    with pytest.raises(BuildError) as caught:
        copy.packs()[0]
    message = str(caught.value)
    for word in ("pack 0", row["sample_id"], f"source {row['sample_id'].split('/')[0]}", str(path), "No such file"):
        assert word in message
    assert f"curation verify {copy.folder}" in message


def test_a_shard_that_was_cut_off_is_named(build: Build, tmp_path: Path) -> None:
    copy = damaged(build, tmp_path / "copy")
    path = copy.shard_path(0)
    path.write_bytes(path.read_bytes()[:-100])
    number = next(row["pack"] for row in places(copy) if row["shard"] == 0)
    with pytest.raises(BuildError, match=rf"pack {number}, sample .* of source .*{path.name}"):
        copy.packs()[number]


def test_a_damaged_image_is_named(build: Build, tmp_path: Path) -> None:
    copy = damaged(build, tmp_path / "copy")
    packs = copy.packs()
    number = next(number for number, pack in enumerate(packs) if len(pack["images"]) > 1)
    data = list(packs[number]["images"].encoded())[1]
    for path in (copy.folder / "shards").iterdir():
        path.write_bytes(path.read_bytes().replace(data, data[:20] + b"\0" * (len(data) - 20)))
    pack = copy.packs()[number]
    assert pack["images"][0].size
    owner = pack["sample_ids"][int(pack["cu_images"].searchsorted(1, side="right")) - 1]
    for use in (lambda: pack["images"][1], lambda: list(pack["images"].pixels())):
        with pytest.raises(BuildError, match=f"pack {number}, sample {owner} of source .*image "):
            use()


def test_tokens_that_are_not_as_many_as_the_index_says_are_refused(build: Build, tmp_path: Path) -> None:
    copy = damaged(build, tmp_path / "copy")
    first, second = sorted((copy.folder / "shards").iterdir())[:2]
    shutil.copy(second, first)
    number = next(row["pack"] for row in places(copy) if row["shard"] == 0)
    with pytest.raises(BuildError, match=r"tokens that the index says|no row"):
        copy.packs()[number]


def test_a_source_with_a_slash_in_its_rows_is_still_told(build: Build) -> None:
    names = set(json.loads(json.dumps(build.settings["sources"])))
    packs = build.packs()
    for number, pack in enumerate(packs):
        for position, sample_id in enumerate(pack["sample_ids"]):
            source = packs.where(number, position).split(" of source ")[1].split(",")[0]
            assert source in names
            assert sample_id.startswith(f"{source}/")
