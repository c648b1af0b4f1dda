"""A file that changes between being measured and being written is noticed and named; the next run measures it anew."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.build import build, plan
from curation.errors import ChangedError
from curation.records import Location
from curation.sources.pull import PullTask, pull
from curation.sources.stage import Source, list_tasks
from curation.storage import stamp
from tests.corpora import png, write_clips, write_llava, write_problems, write_video
from tests.stores import BUCKET, Store, running_store

MANIFEST = """
version: 1
profile: smolvlm2-256m
tokenizer: bytes
sources:
  one: {{adapter: llava, uri: "{uri}", media: "{media}"}}
mixture: {{unit: samples, weights: {{one: natural}}}}
output: {{path: {output}}}
"""


def write_manifest(folder: Path, *, uri: str, media: str) -> Path:
    path = folder / "manifest.yaml"
    path.write_text(MANIFEST.format(uri=uri, media=media, output=folder / "build"))
    return path


def work(path: Path | str, output: Path) -> PullTask:
    options = {"prompt_field": "question", "answer_field": "answer"}
    source = Source(
        name="problems",
        adapter="text",
        location=Location(uri=(str(path),), options=options),
        kind="cot",
        license=None,
        take=None,
        seed=0,
    )
    (task,) = list_tasks(source)
    return PullTask(task=task, adapter="text", source="problems", seed=0, output=output, seen=stamp(str(path)))


@pytest.mark.parametrize("change", [b'{"question": "Really?", "answer": "No."}\n', b"", None])
def test_rows_that_change_before_they_are_read_are_named(tmp_path: Path, change: bytes | None) -> None:
    path = write_problems(tmp_path, num_rows=3)
    task = work(path, tmp_path / "000000")
    assert pull(task)["samples"] == 3
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change)
    with pytest.raises(ChangedError, match=r"sources\.problems: .*train\.jsonl (changed|went away) while it was read"):
        pull(task)
    assert pull(work(write_problems(tmp_path, num_rows=3), task.output))["samples"] == 3


@pytest.mark.slow
def test_a_video_that_changed_after_pull_is_named_and_measured_anew(tmp_path: Path) -> None:
    write_clips(tmp_path / "clips", num_rows=2)
    folder = tmp_path / "clips" / "videos"
    manifest = write_manifest(tmp_path, uri=str(tmp_path / "clips" / "clips.json"), media=f"file://{folder}")
    longest = "select max(duration_seconds) from media"
    before = plan(manifest, workers=1).sql(longest).item()
    write_video(folder / "1.mp4", seconds=2.5, fps=12)
    with pytest.raises(ChangedError, match=r"1\.mp4 has changed since pull; run the build again"):
        build(manifest, workers=1)
    made = build(manifest, workers=1)
    assert made.sql(longest).item() < before
    assert made.files == build(manifest, output=tmp_path / "b", workspace=tmp_path / "ws2", workers=1).files


def test_a_video_that_was_only_touched_is_built(tmp_path: Path) -> None:
    write_clips(tmp_path / "clips", num_rows=1)
    folder = tmp_path / "clips" / "videos"
    manifest = write_manifest(tmp_path, uri=str(tmp_path / "clips" / "clips.json"), media=f"file://{folder}")
    plan(manifest, workers=1)
    os.utime(folder / "0.mp4", ns=(1, 1))
    made = build(manifest, workers=1)
    assert made.sql("select count(*) from samples where selected").item() == 1


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with running_store() as running:
        running.reset()
        yield running


@pytest.mark.slow
def test_a_picture_that_changes_on_an_object_store_is_named_and_measured_anew(store: Store, tmp_path: Path) -> None:
    write_llava(tmp_path / "data", num_rows=3)
    system = store.file_system()
    system.put(str(tmp_path / "data"), f"{BUCKET}/data", recursive=True)
    manifest = write_manifest(tmp_path, uri=f"s3://{BUCKET}/data/rows.json", media=f"s3://{BUCKET}/data/images")
    plan(manifest, workers=1)
    system.pipe_file(f"{BUCKET}/data/images/1.png", png(77))
    with pytest.raises(ChangedError, match=rf"s3://{BUCKET}/data/images/1\.png has changed since pull"):
        build(manifest, workers=1)
    made = build(manifest, workers=1)
    assert made.files == build(manifest, output=tmp_path / "b", workspace=tmp_path / "ws2", workers=1).files
    system.rm_file(f"{BUCKET}/data/images/2.png")
    with pytest.raises(ChangedError, match=rf"s3://{BUCKET}/data/images/2\.png was there in pull and is gone"):
        build(manifest, output=tmp_path / "c", workers=1, overrides=["name=again"])
    assert build(manifest, output=tmp_path / "c", workers=1, overrides=["name=again"]).sql("from samples").height == 2


def test_rows_that_change_on_an_object_store_are_named(store: Store, tmp_path: Path) -> None:
    url = f"s3://{BUCKET}/rows/train.jsonl"
    system = store.file_system()
    system.put_file(str(write_problems(tmp_path, num_rows=3)), url)
    task = work(url, tmp_path / "000000")
    assert pull(task)["samples"] == 3
    system.pipe_file(url, b'{"question": "Really?", "answer": "No."}\n')
    with pytest.raises(ChangedError, match=rf"{url} changed while it was read"):
        pull(task)
