"""Objects are read by range and with patience; a bad object is told from a store that is gone."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.errors import MediaError, StorageError
from curation.media import open_address, read
from curation.records import Address
from curation.storage import open_file, read_bytes, stamp
from curation.storage_listing import list_objects
from tests.stores import BUCKET, Fault, Request, Store, running_store

URL = f"s3://{BUCKET}/"


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    with running_store() as running:
        yield running


@pytest.fixture
def store(server: Store) -> Store:
    server.reset()
    return server


def put(store: Store, key: str, data: bytes) -> str:
    store.file_system().pipe_file(f"{BUCKET}/{key}", data)
    return URL + key


@pytest.mark.parametrize(
    "fault", [500, "reset", "cut", 0.2, *(pytest.param(n, marks=pytest.mark.slow) for n in (503, 429))]
)
def test_what_passes_is_tried_again(store: Store, fault: Fault) -> None:
    url = put(store, "a.bin", bytes(range(256)) * 64)
    store.faults = lambda request: fault if request.number <= 2 else None
    assert read_bytes(url) == bytes(range(256)) * 64
    assert read_bytes(url, offset=300, length=5) == bytes(range(44, 49))


@pytest.mark.slow
def test_a_file_that_is_read_through_faults_has_its_bytes(store: Store) -> None:
    data = b"".join(number.to_bytes(4, "big") for number in range(50_000))
    url = put(store, "b.bin", data)
    faults: list[Fault] = [None, None, 500, "cut", None, "reset", 503]
    store.faults = lambda request: faults[request.number % len(faults)]
    with open_file(url, block_bytes=16 << 10) as file:
        assert file.read() == data
        file.seek(1000)
        assert file.read(100) == data[1000:1100]


def test_only_the_blocks_that_are_asked_for_are_fetched(store: Store) -> None:
    url = put(store, "big.bin", bytes(8 << 20))
    with open_file(url) as file:
        file.seek(5 << 20)
        file.read(1000)
    assert store.sent["big.bin"] <= 1 << 20


def test_a_member_of_a_tar_is_fetched_alone(store: Store) -> None:
    from curation.archives import open_archive

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for number in range(4):
            member = tarfile.TarInfo(f"{number}.bin")
            member.size = 3 << 20
            tar.addfile(member, io.BytesIO(bytes([number]) * member.size))
    url = put(store, "media.tar", packed.getvalue())
    archive = open_archive(url)
    assert store.sent["media.tar"] <= 6 << 20, "the index takes a block for each header"
    store.forget()
    content = archive.content("2.bin")
    assert read(content) == b"\x02" * (3 << 20)
    assert store.sent["media.tar"] == 3 << 20


def test_an_object_that_is_not_there_is_missing_at_once(store: Store) -> None:
    for key in ("none.png", "none.tar"):
        with pytest.raises(MediaError, match="missing_media"):
            read(Address(path=URL + key))
        with pytest.raises(MediaError, match="missing_media"):
            open_address(Address(path=URL + key))
    assert len(store.requests) <= 16


def test_one_object_that_never_comes_is_unreadable_while_its_store_lives(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATION_PATIENCE", "0.5")
    bad, good = put(store, "bad.png", b"bad"), put(store, "good.png", b"good")
    store.faults = lambda request: 500 if request.key == "bad.png" else None
    with pytest.raises(MediaError, match=r"unreadable_media.*no answer after \d+ attempts"):
        read(Address(path=bad))
    assert read(Address(path=good)) == b"good"


@pytest.mark.parametrize("fault", [503, pytest.param("reset", marks=pytest.mark.slow)])
def test_a_store_that_is_gone_is_no_fault_of_the_object(
    store: Store, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setenv("CURATION_PATIENCE", "0.5")
    url = put(store, "a.png", b"a")
    store.faults = lambda request: fault
    with pytest.raises(StorageError, match=rf"s3://{BUCKET}: the store has not answered for .* run the same command"):
        read(Address(path=url))
    with pytest.raises(StorageError):
        read(Address(path=url, offset=0, length=1))


def test_credentials_that_a_store_refuses_stop_at_once_without_naming_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        with pytest.raises(StorageError, match="set AWS_ACCESS_KEY_ID"):
            read_bytes(URL + "a.png")
    finally:
        s3fs.S3FileSystem.clear_instance_cache()


def test_a_folder_that_fails_to_list_is_never_left_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("x/1.parquet", "x/deep/2.parquet", "y/3.parquet", "y/4.txt"):
        put(store, name, b"1")

    def names(pattern: str) -> list[str]:
        return sorted(entry["name"].removeprefix(f"{BUCKET}/") for entry in list_objects(URL + pattern))

    store.faults = lambda request: 500 if request.query and request.number % 3 == 1 else None
    assert names("*/*.parquet") == ["x/1.parquet", "y/3.parquet"]
    assert names("**/*.parquet") == ["x/1.parquet", "x/deep/2.parquet", "y/3.parquet"]
    assert names("y") == ["y/3.parquet", "y/4.txt"]
    assert names("y/4.txt") == ["y/4.txt"]
    monkeypatch.setenv("CURATION_PATIENCE", "0.3")

    def gone(request: Request) -> Fault:
        return 500 if "prefix=y" in request.query else None

    store.faults = gone
    with pytest.raises(OSError, match="no answer"):
        list_objects(URL + "*/*.parquet")


def test_a_stamp_tells_an_object_from_its_earlier_self(store: Store, tmp_path: Path) -> None:
    url = put(store, "a", b"1")
    before = stamp(url)
    assert before and stamp(url) == before
    put(store, "a", b"2")
    assert stamp(url) != before
    assert stamp(URL + "none") == stamp(str(tmp_path / "none")) == ""


def test_a_file_that_changes_while_it_is_open_is_an_error(store: Store) -> None:
    url = put(store, "a.bin", bytes(100_000))
    with open_file(url, block_bytes=1000) as file:
        file.read(10)
        put(store, "a.bin", bytes([1]) * 100_000)
        with pytest.raises(OSError, match=r"a\.bin"):
            file.seek(50_000), file.read(10)
