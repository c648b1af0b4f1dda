"""Exports hold every place of every pack, the same bytes each time, and the libraries they are for read them back."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import curation
from curation.builds import Build, open_build, read_batches
from curation.cli.main import main
from curation.errors import BuildError
from curation.mixtures.export import FORMATS, export
from tests.corpora import digests, write_corpus
from tests.export.read_back import told

ROOT = Path(__file__).resolve().parents[2]
READER = Path(__file__).with_name("read_back.py")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build the small corpus with repeats, so that some samples stand in two places."""
    manifest = write_corpus(tmp_path_factory.mktemp("export"))
    overrides = ["mixture.max_repeats=1.5", "mixture.budget=380"]
    built = curation.build(manifest, workers=1, overrides=overrides)
    assert built.sql("select max(repeats) from samples").row(0)[0] > 1
    return built


@pytest.fixture(scope="module")
def exports(build: Build, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Export the build in every format, in several files each."""
    folder = tmp_path_factory.mktemp("exports")
    for to in FORMATS:
        export(build.packs(), to, folder / to, shard_bytes=300_000)
    return {to: folder / to for to in FORMATS}


def expected(build: Build) -> list[dict[str, Any]]:
    """Tell the samples of the packs by what the tables and the shards say."""
    shards = range(build.sql("select count(*) from shards").row(0)[0])
    rows = {n: [row for batch in read_batches(build.shard_path(n)) for row in batch.to_pylist()] for n in shards}
    samples = []
    for row in build.sql("select * from packs order by pack, position").to_dicts():
        stored = rows[row["shard"]][row["shard_row"]]
        about = {
            "sample_id": row["sample_id"],
            "source": stored["source"],
            "kind": stored["kind"],
            "pack": row["pack"],
            "tiles": [[grid["rows"], grid["cols"]] for grid in stored["tiles"]],
            "images": [image["path"] for image in stored["images"]],
        }
        ids, labels = (np.array(stored[name], np.int32) for name in ("input_ids", "labels"))
        images = [Image.open(io.BytesIO(image["bytes"])) for image in stored["images"]]
        samples.append(told(about, ids, labels, images))
    return samples


@pytest.mark.parametrize("to", FORMATS)
def test_an_export_made_again_has_the_same_bytes(
    build: Build, exports: dict[str, Path], tmp_path: Path, to: str
) -> None:
    exported = export(build.packs(), to, tmp_path / "again", shard_bytes=300_000)
    first = digests(exports[to])
    assert digests(tmp_path / "again") == first
    assert exported.files == len(first) >= 3
    assert exported.samples == 380
    assert exported.build == build.fingerprint


def test_tar_members_have_no_time_and_no_owner(exports: dict[str, Path]) -> None:
    for path in sorted(exports["webdataset"].glob("*.tar")):
        with tarfile.open(path) as file:
            assert {(member.mtime, member.uid, member.uname) for member in file} == {(0, 0, "")}


def test_the_files_of_energon_say_where_every_part_is(exports: dict[str, Path]) -> None:
    folder = exports["energon"]
    with sqlite3.connect(folder / ".nv-meta" / "index.sqlite") as connection:
        parts = connection.execute(
            "select tar_file_id, sample_key, part_name, content_byte_offset, content_byte_size, byte_offset, byte_size "
            "from samples join sample_parts using (tar_file_id, sample_index)"
        ).fetchall()
    found = set()
    for number, path in enumerate(sorted(folder.glob("*.tar"))):
        data = path.read_bytes()
        with tarfile.open(path) as file:
            for member in file:
                key, _, part = member.name.partition(".")
                found.add((number, key, part, member.offset_data, member.size))
        offsets = np.frombuffer(path.with_suffix(".tar.idx").read_bytes(), "<u8")
        begins = sorted({begin for tar, *_, begin, _ in parts if tar == number})
        assert offsets[:-1].tolist() == begins
        assert not data[offsets[-1] :].strip(b"\0"), "after the last sample there is only padding"
    assert found == {part[:5] for part in parts}


def test_packed_rows_are_the_packs(build: Build, exports: dict[str, Path]) -> None:
    import datasets

    files = sorted(str(path) for path in exports["packed"].glob("*.parquet"))
    rows = datasets.load_dataset(
        "parquet", data_files=files, split="train", cache_dir=str(exports["packed"].parent / "c")
    )
    packs = build.packs()
    assert len(rows) == len(packs)
    for row, pack in zip(rows, packs, strict=True):
        for name in ("input_ids", "labels", "position_ids", "segment_ids", "cu_seqlens"):
            assert row[name] == pack[name].tolist()
        assert row["sample_ids"] == pack["sample_ids"]
        assert [[grid["rows"], grid["cols"]] for grid in row["tiles"]] == pack["tiles"].tolist()
        assert [image.size for image in row["images"]] == [image.size for image in pack["images"]]


def test_shards_open_with_datasets_as_rows_with_images(build: Build, tmp_path: Path) -> None:
    import datasets

    files = str(build.folder / "shards" / "*.parquet")
    rows = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path))
    assert len(rows) == build.sql("select count(*) from samples where selected").row(0)[0]
    picture = next(row for row in rows if row["source"] == "pictures")
    assert isinstance(picture["images"][0], Image.Image)
    assert len(picture["input_ids"]) == len(picture["labels"])


def test_an_export_is_told_on_one_line_or_as_json(build: Build, tmp_path: Path, capsys: Any) -> None:
    assert main(["export", str(build.folder), "--to", "mds", "-o", str(tmp_path / "a"), "--shard-size", "1MB"]) == 0
    assert "380 samples in" in capsys.readouterr().out
    assert main(["export", str(build.folder), "--to", "mds", "-o", str(tmp_path / "b"), "--json"]) == 0
    told_json = json.loads(capsys.readouterr().out)
    assert (told_json["to"], told_json["samples"], told_json["build"]) == ("mds", 380, build.fingerprint)


def test_an_unknown_format_a_wrong_size_and_a_full_folder_are_refused(
    build: Build, tmp_path: Path, capsys: Any
) -> None:
    target = str(tmp_path / "x")
    assert main(["export", str(build.folder), "--to", "webdatset", "-o", target]) == 1
    assert "no format named 'webdatset'; did you mean 'webdataset'?" in capsys.readouterr().err
    assert main(["export", str(build.folder), "--to", "mds", "-o", target, "--shard-size", "big"]) == 1
    assert "give a size such as 256MB" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "kept.txt").write_text("mine")
    with pytest.raises(BuildError, match="is not an empty folder; choose another one with -o DIR"):
        export(build.packs(), "mds", tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_an_export_that_fails_leaves_nothing_behind(build: Build, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(build.folder, copy)
    sorted((copy / "shards").iterdir())[-1].unlink()
    with pytest.raises(BuildError, match="curation verify"):
        export(open_build(copy).packs(), "webdataset", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def environment(name: str) -> Path:
    """Return the Python of a peer's own environment (benchmarks/environments.py makes them), or skip."""
    python = ROOT / ".bench" / name / "bin" / "python"
    if not python.exists():
        if os.environ.get("CURATION_REQUIRE_PEERS"):
            pytest.fail(f"{python} is not there; python benchmarks/environments.py {name} makes it")
        pytest.skip(f"{python} is not there; python benchmarks/environments.py {name} makes it")
    return python


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "to", "where"),
    [("webdataset", "webdataset", "energon"), ("streaming", "mds", "streaming"), ("energon", "energon", "energon")],
)
def test_the_library_itself_reads_every_sample_back(
    build: Build, exports: dict[str, Path], library: str, to: str, where: str
) -> None:
    command = [str(environment(where)), str(READER), library, str(exports[to])]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr[-2000:]
    found = [json.loads(line) for line in run.stdout.splitlines()]
    order = expected(build)
    if library == "energon":  # shuffles on its own
        found, order = (sorted(samples, key=lambda sample: json.dumps(sample)) for samples in (found, order))
    assert found == order
