"""Media: bytes of files, ranges, archives and URLs, and the addresses that tables carry."""

from __future__ import annotations

import gc
import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import MediaError
from curation.images import open_image
from curation.media import address_json, content_from_json, open_address, read
from curation.records import Address, FrameFolder
from tests.corpora import png


def test_a_range_of_a_file_is_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "all"
    path.write_bytes(b"0123456789")
    assert read(Address(path=str(path), offset=2, length=3)) == b"234"
    assert read(Address(path=str(path), offset=8)) == b"89"
    with open_address(Address(path=str(path), offset=2, length=6)) as file:
        assert file.seek(-2, 2) == 4 and file.read() == b"67"


def test_a_member_of_a_tar_is_a_range_of_it(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        member = tarfile.TarInfo("x.png")
        member.size = len(png(3))
        tar.addfile(member, io.BytesIO(png(3)))
        offset = tar.getmembers()[0].offset_data
    assert read(Address(path=str(tmp_path / "a.tar"), offset=offset or 512, length=len(png(3)))) == png(3)


@pytest.mark.parametrize(
    "chain", ["zip://in/a.png::{}", "zip://in/a.png::file://{}", "zip://in/a.png::simplecache::file://{}"]
)
def test_a_chained_url_stays_open_while_it_is_read(tmp_path: Path, chain: str) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/a.png", png(5))
    address = Address(path=chain.format(path))
    file = open_address(address)
    gc.collect()
    with file:
        assert file.read(4) == png(5)[:4]
        gc.collect()
        assert file.read() == png(5)[4:]
    assert read(Address(path=address.path, offset=1, length=3)) == b"PNG"


def test_media_of_other_file_systems_are_read_by_url() -> None:
    import fsspec

    fsspec.filesystem("memory").pipe("/media-test/a.png", png(6))
    assert read(Address(path="memory://media-test/a.png")) == png(6)
    assert _read_reason(Address(path="memory://media-test/b.png")) == "missing_media"


def _read_reason(address: Address) -> str:
    with pytest.raises(MediaError) as caught:
        read(address)
    return caught.value.reason


def test_what_can_not_be_read_has_a_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and nothing more")
    with zipfile.ZipFile(tmp_path / "damaged.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(range(256)) * 100)
    data = bytearray((tmp_path / "damaged.zip").read_bytes())
    data[60:70] = b"\x00" * 10
    (tmp_path / "damaged.zip").write_bytes(data)
    assert _read_reason(Address(path=str(tmp_path / "none"))) == "missing_media"
    assert _read_reason(Address(path=str(tmp_path / "file" / "below"))) == "missing_media"
    assert _read_reason(Address(path=str(tmp_path))) == "unreadable_media"
    assert _read_reason(Address(path="\0")) == "unreadable_media"
    assert _read_reason(Address(path=str(tmp_path / "file"), offset=-1)) == "unreadable_media"
    assert _read_reason(Address(path=f"zip://a::{tmp_path / 'broken.zip'}")) == "unreadable_media"
    assert _read_reason(Address(path=f"zip://a::{tmp_path / 'damaged.zip'}")) == "unreadable_media"
    assert _read_reason(Address(path=f"zip://b::{tmp_path / 'damaged.zip'}")) == "missing_media"
    assert _read_reason(Address(path="nosuchprotocol://a")) == "unreadable_media"


def test_reading_gives_every_descriptor_back(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(png(1))
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    for _ in range(20):
        read(Address(path=str(path)))
        read(Address(path=str(path), offset=3))
        open_image(png(1))
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before


_ADDRESSES = st.builds(
    Address,
    path=st.text(st.characters(), min_size=1),
    offset=st.none() | st.integers(0, 1 << 60),
    length=st.none() | st.integers(0, 1 << 40),
)


@given(_ADDRESSES)
def test_an_address_survives_the_tables(address: Address) -> None:
    kept = Address(path=address.path, offset=address.offset, length=None if address.offset is None else address.length)
    assert content_from_json(address_json(kept)) == kept


@given(st.lists(_ADDRESSES, max_size=3), st.floats(0.1, 1000), st.text())
def test_a_folder_of_frames_survives_the_tables(frames: list[Address], fps: float, path: str) -> None:
    folder = FrameFolder(frames=tuple(frames), fps=fps, path=path)
    assert content_from_json(address_json(folder)) == folder
