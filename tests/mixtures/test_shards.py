"""Shards: rows in pack order in small row groups, media as they were or as small as the profile can use."""

from __future__ import annotations

import io
import json
import resource
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curation.build import build
from curation.builds import Build, read_batches
from curation.decisions import Decided, decide
from curation.engine import LocalEngine
from curation.errors import BuildError
from curation.manifest_names import load_manifest
from curation.media import sha256
from curation.mixtures.layout import image_layout
from curation.mixtures.shard_file import GROUP_BYTES, GROUP_ROWS, SHARD
from curation.mixtures.shards import ShardTask, write_shard
from curation.verify import verify
from curation.workspace import Workspace
from tests.corpora import write_clips, write_llava, write_problems

MANIFEST = """
version: 1
name: shards
seed: 2
profile: smolvlm2-256m
tokenizer: bytes
sources:
  pictures: {adapter: llava, uri: pictures/rows.json, media: pictures/images, kind: image}
  scans: {adapter: llava, uri: scans/rows.json, media: scans/images, kind: document}
  problems:
    {adapter: text, uri: problems/train.jsonl, kind: cot, options: {prompt_field: question, answer_field: answer}}
  clips: {adapter: llava, uri: clips/clips.json, media: clips/videos, kind: video}
mixture: {unit: samples}
output: {shard_size: 3MB}
"""


def _write_scans(folder: Path) -> None:
    """Write pictures larger than the profile can use, of several modes, that do not compress."""
    noise = np.random.default_rng(1).integers(0, 256, (2100, 300, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    scene = Image.fromarray(noise)
    saved: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "0.png": (scene.resize((150, 2100)), {}),
        "1.jpg": (scene, {"quality": 60, "exif": exif}),
        "2.png": (scene.convert("L"), {}),
        "3.png": (scene.quantize(32), {"transparency": 3}),
        "4.jpg": (scene.convert("CMYK"), {"quality": 40}),
        "5.png": (scene.resize((100, 2049)).convert("RGBA"), {}),
        "6.png": (scene.resize((2048, 30)), {}),
    }
    rows = json.loads(write_llava(folder, num_rows=len(saved)).read_text())
    for row, (name, (image, options)) in zip(rows, saved.items(), strict=True):
        image.save(folder / "images" / name, **options)
        row["image"] = name
    (folder / "rows.json").write_text(json.dumps(rows))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write pictures, scans, problems and clips once."""
    folder = tmp_path_factory.mktemp("shards")
    write_llava(folder / "pictures", num_rows=12)
    _write_scans(folder / "scans")
    write_problems(folder / "problems", num_rows=260)
    write_clips(folder / "clips", num_rows=3)
    (folder / "m.yaml").write_text(MANIFEST)
    return folder


def _build(corpus: Path, name: str, *settings: str) -> Build:
    overrides = [f"output.{setting}" for setting in settings]
    return build(corpus / "m.yaml", output=corpus / name, workspace=corpus / "ws", workers=2, overrides=overrides)


@pytest.fixture(scope="module")
def whole(corpus: Path) -> Build:
    """Build with the images as they are."""
    return _build(corpus, "whole")


@pytest.fixture(scope="module")
def fitted(corpus: Path) -> Build:
    """Build with images as small as the profile can use."""
    return _build(corpus, "fitted", "images=fit")


def _shards(build: Build) -> list[Path]:
    return sorted((build.folder / "shards").iterdir())


def _rows(build: Build) -> list[dict[str, Any]]:
    return [row for path in _shards(build) for batch in read_batches(path) for row in batch.to_pylist()]


def test_row_groups_hold_at_most_a_hundred_rows_and_about_a_megabyte(whole: Build) -> None:
    groups = []
    for path in _shards(whole):
        about = pq.read_metadata(path)
        groups += [about.row_group(number) for number in range(about.num_row_groups)]
    assert max(group.num_rows for group in groups) <= GROUP_ROWS
    assert all(group.total_byte_size < 1.1 * GROUP_BYTES for group in groups if group.num_rows > 1)
    assert any(group.num_rows > 20 for group in groups), "small rows share a group"


def test_packs_stand_together_and_shards_begin_with_a_pack(whole: Build) -> None:
    places = whole.sql("select pack, shard, shard_row from packs order by pack, position").rows()
    assert len({shard for _, shard, _ in places}) > 1
    for _, some in groupby(places, key=lambda place: place[0]):
        inside = list(some)
        assert len({shard for _, shard, _ in inside}) == 1
        assert [row for _, _, row in inside] == list(range(inside[0][2], inside[0][2] + len(inside)))


def test_rows_are_where_the_index_says(whole: Build) -> None:
    for shard, path in enumerate(_shards(whole)):
        ids = [row["sample_id"] for batch in read_batches(path) for row in batch.to_pylist()]
        query = f"select sample_id from samples where shard = {shard} order by shard_row"
        assert ids == whole.sql(query)["sample_id"].to_list()


def test_ids_and_labels_have_the_lengths_of_the_index(whole: Build) -> None:
    lengths = dict(
        whole.sql("select sample_id, (tokens, loss_tokens, images + coalesce(frames, 0)) from samples").rows()
    )
    for row in _rows(whole):
        ids, labels = np.array(row["input_ids"]), np.array(row["labels"])
        tokens, loss_tokens, num_images = lengths[row["sample_id"]].values()
        assert (len(ids), len(labels), (labels != -100).sum()) == (tokens, tokens, loss_tokens)
        assert (labels[labels != -100] == ids[labels != -100]).all()
        assert len(row["images"]) == len(row["tiles"]) == num_images


def test_images_are_stored_as_they_were(corpus: Path, whole: Build) -> None:
    stored = {row["images"][0]["path"]: row["images"][0]["bytes"] for row in _rows(whole) if row["source"] == "scans"}
    assert stored == {name: (corpus / "scans" / "images" / name).read_bytes() for name in stored} and len(stored) == 7


def test_frames_are_jpegs_named_by_their_time(whole: Build) -> None:
    clips = {row["sample_id"]: row["images"] for row in _rows(whole) if row["source"] == "clips"}
    assert len(clips) == 3
    for frames in clips.values():
        assert [frame["path"].partition("#t=")[2] for frame in frames] == [f"{n:.3f}" for n in range(len(frames))]
        assert {Image.open(io.BytesIO(frame["bytes"])).format for frame in frames} == {"JPEG"}


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_datasets_reads_rows_and_shows_images(corpus: Path, whole: Build, tmp_path: Path, form: str) -> None:
    import datasets

    made = whole if form == "parquet" else _build(corpus, "arrow", "format=arrow")
    files = [str(path) for path in _shards(made)]
    rows = datasets.load_dataset(form, data_files=files, split="train", cache_dir=str(tmp_path))
    assert isinstance(rows.features["images"].feature, datasets.Image)
    clip = next(row for row in rows if row["source"] == "clips")
    assert clip["images"][0].size == (64, 48) and clip["tiles"][0] == {"rows": 0, "cols": 0}
    assert set(rows.column_names) == set(SHARD.names)


def test_both_formats_hold_the_same_rows(corpus: Path, whole: Build) -> None:
    arrow = _build(corpus, "arrow", "format=arrow")
    assert {path.suffix for path in _shards(arrow)} == {".arrow"}
    assert _rows(arrow) == _rows(whole)
    with pa.memory_map(str(_shards(arrow)[0])) as raw:
        file = pa.ipc.open_file(raw)
        assert file.schema.equals(SHARD, check_metadata=True)
        assert max(file.get_batch(number).num_rows for number in range(file.num_record_batches)) <= GROUP_ROWS
    assert [check for check in verify(arrow) if not check.is_passed] == []


def test_fitted_images_are_as_small_as_the_profile_can_use_and_look_the_same(whole: Build, fitted: Build) -> None:
    from curation.mixtures.pixels import upright_rgb

    original = {row["sample_id"]: row for row in _rows(whole)}
    shrunk = 0
    for row in _rows(fitted):
        before = original[row["sample_id"]]
        assert {name: row[name] for name in ("input_ids", "labels", "tiles", "kind")} == {
            name: before[name] for name in ("input_ids", "labels", "tiles", "kind")
        }
        for image, first in zip(row["images"], before["images"], strict=True):
            assert len(image["bytes"]) <= len(first["bytes"])
            if image["bytes"] == first["bytes"]:
                continue
            small, large = (upright_rgb(Image.open(io.BytesIO(each["bytes"]))) for each in (image, first))
            assert max(small.size) == 2048 < max(large.size)
            assert small.width / small.height == pytest.approx(large.width / large.height, rel=0.02)
            seen = [np.asarray(each.resize((16, 16), Image.Resampling.BOX)).astype(int) for each in (small, large)]
            assert np.abs(seen[0] - seen[1]).mean() < 4
            shrunk += 1
    assert shrunk >= 4


def test_a_fitted_build_is_verified_and_smaller(whole: Build, fitted: Build) -> None:
    assert [check for check in verify(fitted) if not check.is_passed] == []
    sizes = [sum(path.stat().st_size for path in _shards(each)) for each in (whole, fitted)]
    assert sizes[1] < sizes[0]


def test_verify_passes_the_original_build(whole: Build) -> None:
    assert [check for check in verify(whole) if not check.is_passed] == []


@pytest.fixture(scope="module")
def decided(corpus: Path, whole: Build) -> Iterator[Decided]:
    """Decide the mixture again, all from the workspace."""
    engine = LocalEngine(workers=1)
    yield decide(load_manifest(corpus / "m.yaml"), Workspace(root=corpus / "ws"), engine, with_frames=True)
    engine.close()


def _task(decided: Decided, corpus: Path, path: Path, source: str) -> ShardTask:
    number = decided.candidates.sources.index(source)
    (encoded,) = (file.encoded for file in decided.candidates.files if file.source == source)
    rows = np.arange((decided.candidates.source == number).sum(), dtype=np.int32)
    return ShardTask(
        path=path,
        format="parquet",
        images="original",
        fit=2048,
        encoded=(encoded.with_suffix(".arrow"),),
        file=np.zeros_like(rows),
        row=rows,
        layout=image_layout(decided.profile, decided.tokenizer, tiles="learned"),
        cache=Workspace(root=corpus / "ws").cache,
    )


def test_a_shard_says_what_it_is(corpus: Path, decided: Decided, tmp_path: Path) -> None:
    said = write_shard(_task(decided, corpus, tmp_path / "a.parquet", "pictures"))
    data = (tmp_path / "a.parquet").read_bytes()
    assert (said["rows"], said["bytes"], said["sha256"]) == (12, len(data), sha256(data))
    table = pq.read_table(tmp_path / "a.parquet")
    assert said["tokens"] == sum(len(ids) for ids in table["input_ids"].to_pylist())


def test_rows_may_come_in_any_order_and_more_than_once(corpus: Path, decided: Decided, tmp_path: Path) -> None:
    task = _task(decided, corpus, tmp_path / "a.parquet", "problems")
    write_shard(task)
    ids = pq.read_table(task.path)["sample_id"].to_pylist()
    order = np.array([200, 3, 64, 63, 3, 259], np.int32)
    write_shard(replace(task, path=tmp_path / "b.parquet", row=order, file=np.zeros_like(order)))
    assert pq.read_table(tmp_path / "b.parquet")["sample_id"].to_pylist() == [ids[row] for row in order]


def test_a_shard_may_draw_from_more_files_than_can_be_open(corpus: Path, decided: Decided, tmp_path: Path) -> None:
    task = _task(decided, corpus, tmp_path / "a.parquet", "problems")
    count = 200
    many = replace(
        task,
        encoded=task.encoded * count,
        file=np.arange(count, dtype=np.int32),
        row=np.zeros(count, np.int32),
    )
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (sum(1 for _ in Path("/proc/self/fd").iterdir()) + 30, limits[1]))
    try:
        assert write_shard(many)["rows"] == count
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_an_image_that_is_gone_since_pull_is_named(corpus: Path, decided: Decided, tmp_path: Path) -> None:
    victim = corpus / "pictures" / "images" / "7.png"
    data = victim.read_bytes()
    victim.unlink()
    try:
        with pytest.raises(BuildError, match=r"7\.png was there in pull and is gone"):
            write_shard(_task(decided, corpus, tmp_path / "a.parquet", "pictures"))
    finally:
        victim.write_bytes(data)
    assert list(tmp_path.iterdir()) == []
