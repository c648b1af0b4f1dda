"""Builds read from, written to and opened on an object store that fails now and then."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.build import build
from curation.builds import open_build
from curation.errors import BuildError, StorageError
from curation.storage_listing import list_objects
from curation.verify import verify
from tests.corpora import digests, write_corpus, write_llava
from tests.stores import BUCKET, Fault, Request, Store, running_store

REMOTE = """
version: 1
name: remote
seed: 5
profile: smolvlm2-256m
tokenizer: bytes
sources:
  pictures: {adapter: llava, uri: "s3://bucket/data/rows.json", media: "s3://bucket/data/images", kind: image}
mixture: {unit: samples, weights: {pictures: natural}}
output: {path: build, shard_size: 200kB}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    with running_store() as running:
        yield running


@pytest.fixture
def store(server: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    server.reset()
    monkeypatch.setenv("CURATION_CACHE", str(tmp_path / "cache"))
    return server


def put_pictures(store: Store, folder: Path, *, num_rows: int = 8) -> Path:
    """Put LLaVA-style rows and pictures into the bucket and write a manifest over them."""
    write_llava(folder / "data", num_rows=num_rows)
    store.file_system().put(str(folder / "data"), f"{BUCKET}/data", recursive=True)
    manifest = folder / "manifest.yaml"
    manifest.write_text(REMOTE)
    return manifest


def names(url: str) -> set[str]:
    return {entry["name"].split("/", 2)[2] for entry in list_objects(url)}


def test_a_build_under_a_url_has_the_bytes_of_a_local_one_and_reads_like_one(store: Store, tmp_path: Path) -> None:
    manifest = put_pictures(store, tmp_path)
    local = build(manifest, workers=1)
    flaky: list[Fault] = [None, None, None, 503, None, None, "reset", None, 500]
    store.faults = lambda request: flaky[(request.number * 7 + len(request.key)) % 9] if request.number < 9 else None
    url = f"s3://{BUCKET}/builds/one"
    made = build(manifest, output=url, workers=1)
    store.faults = lambda request: None
    store.file_system().get(f"{BUCKET}/builds/one", str(tmp_path / "copy"), recursive=True)
    assert digests(tmp_path / "copy") == digests(local.folder)
    assert made.place == url
    store.forget()
    assert build(manifest, output=url, workers=1).fingerprint == local.fingerprint
    assert not [request for request in store.requests if request.method in ("PUT", "POST")]

    opened = open_build(f"{url}/build.json")
    assert opened.sql("select count(*) from samples").item() == 8
    assert not list((opened.folder / "shards").glob("*")), "shards come when they are used"
    packs, expected = opened.packs(), local.packs()
    assert packs[0]["input_ids"].tolist() == expected[0]["input_ids"].tolist()
    assert all(check.is_passed for check in verify(opened))


@pytest.mark.slow
def test_verify_of_a_url_reads_the_objects_and_not_the_cache(store: Store, tmp_path: Path) -> None:
    url = f"s3://{BUCKET}/b"
    made = build(put_pictures(store, tmp_path), output=url, workers=1)
    assert all(check.is_passed for check in verify(made))
    system = store.file_system()
    shard = "b/shards/shard-00000.parquet"
    data = system.cat_file(f"{BUCKET}/{shard}")
    system.pipe_file(f"{BUCKET}/{shard}", data[:-50] + bytes(50))
    system.pipe_file(f"{BUCKET}/b/index/odd", b"1")
    system.rm_file(f"{BUCKET}/b/index/sources.parquet")
    failed = {check.name: check.offenders for check in verify(made) if not check.is_passed}
    assert any("shard-00000" in offender for offender in failed["every file has the sha256 of build.json"])
    assert "index/sources.parquet: missing" in failed["every file has the sha256 of build.json"]
    assert failed["no other file stands in index/ and shards/"] == ("index/odd",)


@pytest.mark.slow
def test_a_url_with_another_build_is_refused_and_can_be_replaced(store: Store, tmp_path: Path) -> None:
    manifest, url = put_pictures(store, tmp_path), f"s3://{BUCKET}/b"
    build(manifest, output=url, workers=1)
    before = names(url)
    with pytest.raises(BuildError, match=f"s3://{BUCKET}/b: holds another build .* --replace"):
        build(manifest, output=url, workers=1, overrides=["seed=6", "output.shard_size=1GB"])
    assert names(url) == before
    made = build(manifest, output=url, workers=1, overrides=["seed=6", "output.shard_size=1GB"], replace=True)
    assert names(url) == {*made.files, "build.json"}
    with pytest.raises(BuildError, match="is not empty"):
        build(manifest, output=f"s3://{BUCKET}/data", workers=1, replace=True)
    assert f"{BUCKET}/data/.building.json" not in {entry["name"] for entry in list_objects(f"s3://{BUCKET}/data")}


@pytest.mark.slow
def test_a_second_build_to_a_url_is_refused_until_the_first_is_done(store: Store, tmp_path: Path) -> None:
    manifest, url = put_pictures(store, tmp_path), f"s3://{BUCKET}/b"
    system = store.file_system()
    system.pipe_file(f"{BUCKET}/b/.building.json", json.dumps({"owner": "another", "fingerprint": "f"}).encode())
    with pytest.raises(BuildError, match="another build is being uploaded to it"):
        build(manifest, output=url, workers=1)
    with pytest.raises(BuildError, match="the upload is not finished"):
        open_build(url)
    build(manifest, output=url, workers=1, replace=True)
    assert ".building.json" not in names(url)


@pytest.mark.slow
def test_a_store_that_goes_away_in_an_upload_stops_it_and_the_same_command_goes_on(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, url = put_pictures(store, tmp_path), f"s3://{BUCKET}/b"

    def gone(request: Request) -> Fault:
        is_over = sum(one.method == "PUT" for one in store.requests) > 5
        return 503 if is_over else None

    with monkeypatch.context() as patch:
        patch.setenv("CURATION_PATIENCE", "0.5")
        store.faults = gone
        with pytest.raises(StorageError, match=r"s3://bucket: the store has not answered .* run the same command"):
            build(manifest, output=url, workers=1)
    store.faults = lambda request: None
    kept = names(url)
    assert ".building.json" in kept and "build.json" not in kept and len(kept) > 2
    store.forget()
    made = build(manifest, output=url, workers=1)
    put = {request.key.removeprefix("b/") for request in store.requests if request.method in ("PUT", "POST")}
    assert (made.files.keys() | {"build.json"}) - kept <= put
    assert kept - put, "what was there with its tag is left"
    assert names(url) == {*made.files, "build.json"}


@pytest.mark.slow
def test_a_build_that_is_killed_while_it_uploads_is_finished_by_the_same_command(store: Store, tmp_path: Path) -> None:
    manifest, url = put_pictures(store, tmp_path), f"s3://{BUCKET}/b"
    for puts in (1, 8):
        store.forget()
        program = "import sys; from curation.build import build; build(sys.argv[1], output=sys.argv[2], workers=1)"
        process = subprocess.Popen([sys.executable, "-c", program, str(manifest), url], env=dict(os.environ))

        def stop(request: Request, puts: int = puts, pid: int = process.pid) -> Fault:
            if sum(one.method == "PUT" for one in store.requests) > puts:
                os.kill(pid, signal.SIGKILL)
            return None

        store.faults = stop
        process.wait()
        store.faults = lambda request: None
        with pytest.raises(BuildError):
            open_build(url)
    made = build(manifest, output=url, workers=1)
    assert all(check.is_passed for check in verify(made))
    assert made.files == build(manifest, workers=1).files


@pytest.mark.slow
def test_one_picture_that_never_comes_is_a_ledger_row(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = put_pictures(store, tmp_path)
    monkeypatch.setenv("CURATION_PATIENCE", "0.5")
    store.faults = lambda request: 500 if request.key.endswith("/3.png") else None
    made = build(manifest, workers=1)
    rows = made.sql("select sample_id, reason, detail from ledger where action = 'drop'").to_dicts()
    assert [(row["reason"], "no answer" in row["detail"]) for row in rows] == [("unreadable_media", True)]


@pytest.mark.slow
def test_a_whole_corpus_is_built_from_and_to_a_flapping_store_with_the_same_bytes(store: Store, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    manifest = write_corpus(corpus)
    for room in ("pictures", "pages", "problems", "clips"):
        store.file_system().put(str(corpus / room), f"{BUCKET}/c/{room}", recursive=True)
    text = manifest.read_text()
    for room in ("pictures/", "pages/", "problems/", "clips/"):
        text = text.replace(f": {room}", f": s3://bucket/c/{room}")
    (tmp_path / "remote.yaml").write_text(text)
    kinds: list[Fault] = ["reset", 503, "cut", 500, 0.05]
    store.faults = lambda request: kinds[request.number % 5] if request.number % 4 == 2 else None
    made = build(tmp_path / "remote.yaml", output=f"s3://{BUCKET}/b", workers=2)
    store.faults = lambda request: None
    local = build(tmp_path / "remote.yaml", output=tmp_path / "local", workspace=tmp_path / "ws2", workers=2)
    assert made.files == local.files
    assert all(check.is_passed for check in verify(made))


@pytest.mark.slow
def test_a_workspace_under_a_url_is_shared_by_machines(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_corpus(tmp_path / "corpus")
    url = f"s3://{BUCKET}/workspace"
    flaky: list[Fault] = [None, None, None, 503, None, None, "reset", None, 500]
    store.faults = lambda request: flaky[(request.number * 7 + len(request.key)) % 9] if request.number < 9 else None
    made = build(manifest, output=tmp_path / "one", workspace=url, workers=1)
    store.faults = lambda request: None
    assert made.files == build(manifest, output=tmp_path / "two", workspace=tmp_path / "local", workers=1).files

    shutil.rmtree(tmp_path / "cache")
    seen: list[tuple[str, int]] = []
    again = build(
        manifest,
        output=tmp_path / "three",
        workspace=url,
        workers=1,
        progress=lambda stage, done, tasks, *rest: seen.append((stage, done)),
    )
    assert again.files == made.files
    begun = dict(reversed(seen))
    assert all(done > 0 for stage, done in begun.items() if stage.startswith(("pull", "encode"))), begun
    assert "decode videos" not in begun


@pytest.mark.slow
def test_a_workspace_whose_store_goes_away_stops_the_build_and_resumes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, url = put_pictures(store, tmp_path), f"s3://{BUCKET}/workspace"
    with monkeypatch.context() as patch:
        patch.setenv("CURATION_PATIENCE", "0.5")
        store.faults = lambda request: 503 if sum(one.method == "PUT" for one in store.requests) > 3 else None
        with pytest.raises(StorageError, match="has not answered"):
            build(manifest, workspace=url, workers=1)
    store.faults = lambda request: None
    made = build(manifest, workspace=url, workers=1)
    assert made.files == build(manifest, output=tmp_path / "b", workspace=tmp_path / "local", workers=1).files
