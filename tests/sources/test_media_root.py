"""Media are found in folders and archives, and never outside of their root."""

from __future__ import annotations

import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from curation.archives import open_archive
from curation.errors import MediaError, SourceError
from curation.media import read
from curation.media_root import MediaRoot
from tests.sources.layouts import write, write_tar, write_zip


def _reason(root: MediaRoot, name: str) -> str:
    with pytest.raises(MediaError) as caught:
        root.find(name)
    return caught.value.reason


def _read(root: MediaRoot, name: str) -> bytes:
    return read(root.find(name).content)


def test_a_file_is_found_under_its_name_and_a_missing_one_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a" / "1.jpg", b"one")
    root = MediaRoot([str(tmp_path)])
    assert _read(root, "a/1.jpg") == _read(root, "./a/1.jpg") == b"one"
    assert [_reason(root, name) for name in ("a/2.jpg", "a", "", "a/1.jpg/x", "nul\0")] == ["missing_media"] * 5


def test_names_can_not_leave_the_root(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret.jpg", b"secret")
    folder = tmp_path / "root"
    write(folder / "in.jpg", b"in")
    (folder / "out.jpg").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    (folder / "kept.jpg").symlink_to(folder / "in.jpg")
    outside = ["../secret.jpg", "a/../../secret.jpg", str(secret), "out.jpg", "up/secret.jpg", "in/../in.jpg"]
    root = MediaRoot([str(folder)])
    assert [_reason(root, name) for name in outside] == ["outside_media_root"] * 6
    assert _read(root, "kept.jpg") == b"in"
    allowed = MediaRoot([str(folder)], allow_outside=True)
    assert [_read(allowed, name) for name in outside[2:5]] == [b"secret"] * 3


@pytest.mark.parametrize("name", ["file:///etc/passwd", "local:///etc/passwd", "zip://a::http://x/b.zip", "ftp://x/a"])
def test_only_web_and_object_store_addresses_are_followed(name: str, tmp_path: Path) -> None:
    root = MediaRoot([str(tmp_path)])
    assert _reason(root, name) == "outside_media_root"
    assert str(root.find("https://example.org/a.jpg").content) == "https://example.org/a.jpg"


def test_members_of_tar_and_stored_zip_are_byte_ranges(tmp_path: Path) -> None:
    members = {"a/1.jpg": b"one", "a/2.jpg": b"two" * 1000}
    for path in (write_tar(tmp_path / "x.tar", members), write_zip(tmp_path / "y.zip", members)):
        root = MediaRoot([str(path)])
        for name, data in members.items():
            content = root.find(name).content
            assert not isinstance(content, bytes)
            assert content.path == str(path) and content.length == len(data)
            assert path.read_bytes()[content.offset :][: content.length] == data


def test_deflated_members_are_read_and_damaged_or_locked_ones_are_not(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.txt": b"text" * 100}, deflated=True)
    assert _read(MediaRoot([str(path)]), "a.txt") == b"text" * 100
    data = bytearray(path.read_bytes())
    data[40] ^= 0xFF
    damaged = write(tmp_path / "b.zip", bytes(data))
    assert _reason(MediaRoot([str(damaged)]), "a.txt") == "unreadable_media"
    data = bytearray(path.read_bytes())
    central = data.rindex(b"PK\x01\x02")
    data[central + 8] |= 1  # the flag of an encrypted member
    locked = write(tmp_path / "c.zip", bytes(data))
    assert _reason(MediaRoot([str(locked)]), "a.txt") == "unreadable_media"


def test_a_tar_gz_is_decompressed_once_into_the_cache(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar.gz", {"a.jpg": b"one"}, mode="w:gz")
    cache = tmp_path / "cache"
    archives = []
    threads = [
        threading.Thread(target=lambda: archives.append(open_archive(str(path), cache=str(cache)))) for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [read(archive.content("a.jpg")) for archive in archives] == [b"one", b"one"]
    assert len(list(cache.glob("*.tar"))) == 1
    with pytest.raises(SourceError, match="workspace"):
        open_archive(str(path))


def test_a_cut_archive_gives_its_whole_members_and_says_so(tmp_path: Path) -> None:
    import random

    noise = random.Random(1).randbytes(60_000)
    whole = write_tar(tmp_path / "a.tar.gz", {"a.jpg": b"one", "b.jpg": noise}, mode="w:gz").read_bytes()
    write(tmp_path / "a.tar.gz", whole[: len(whole) // 2])
    for _ in range(2):  # the second time from the cache
        root = MediaRoot([str(tmp_path)], cache=str(tmp_path / "cache"))
        assert _read(root, "a.jpg") == b"one"
        with pytest.raises(MediaError, match=r"b\.jpg \(.*a\.tar\.gz: cut\)"):
            root.find("b.jpg")
    plain = write_tar(tmp_path / "p" / "a.tar", {"a.jpg": b"one", "b.jpg": noise}).read_bytes()
    write(tmp_path / "p" / "a.tar", plain[:30_000])
    archive = open_archive(str(tmp_path / "p" / "a.tar"))
    assert list(archive.members) == ["a.jpg"] and archive.problem
    write(tmp_path / "z.zip", b"PK\x03\x04 and no more")
    assert open_archive(str(tmp_path / "z.zip")).problem


def test_members_that_point_elsewhere_are_left_out(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"../up.jpg": b"x", "/abs.jpg": b"x", "./ok.jpg": b"x"})
    with tarfile.open(path, "a") as tar:
        link = tarfile.TarInfo("link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert list(open_archive(str(path)).members) == ["ok.jpg"]
    zipped = write_zip(tmp_path / "a.zip", {"../up.jpg": b"x", "ok.jpg": b"x"})
    with zipfile.ZipFile(zipped, "a") as archive:
        info = zipfile.ZipInfo("link.jpg")
        info.external_attr = 0xA1FF << 16
        archive.writestr(info, "/etc/passwd")
    assert list(open_archive(str(zipped)).members) == ["ok.jpg"]


def test_archives_in_a_folder_count_as_unpacked_where_they_stand_or_at_the_top(tmp_path: Path) -> None:
    write_tar(tmp_path / "0_30_s" / "videos_1.tar", {"source/a.mp4": b"short"})
    write_tar(tmp_path / "1_2_m" / "videos_1.tar", {"source/a.mp4": b"long", "source/b.mp4": b"b"})
    root = MediaRoot([str(tmp_path)])
    assert _read(root, "0_30_s/source/a.mp4") == b"short"
    assert _read(root, "1_2_m/source/a.mp4") == b"long"
    assert _read(root, "source/b.mp4") == b"b"
    assert _reason(root, "source/a.mp4") == "ambiguous_media"  # two hold it: not guessed


def test_a_top_folder_may_be_missing_or_doubled_and_is_noted(tmp_path: Path) -> None:
    write_zip(tmp_path / "nextqa.zip", {"0040/01.jpg": b"one"})
    write_zip(tmp_path / "MagicBrush.zip", {"MagicBrush/MagicBrush/7.jpg": b"seven"})
    root = MediaRoot([str(tmp_path)])
    assert root.find("nextqa/0040/01.jpg").note == "nextqa/0040/01.jpg found as 0040/01.jpg"
    assert _read(root, "MagicBrush/7.jpg") == b"seven"
    assert root.find("0040/01.jpg").note == ""


def test_a_glob_of_archives_is_a_root(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        write_tar(tmp_path / f"shard_{number}.tar", {f"{number}.jpg": str(number).encode()})
    root = MediaRoot([str(tmp_path / "shard_*.tar")])
    assert [_read(root, f"{number}.jpg") for number in (1, 2, 10)] == [b"1", b"2", b"10"]


def test_frames_of_a_folder_come_in_natural_order_and_stay_inside(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        write(tmp_path / "root" / "clip" / f"f{number}.jpg", b"x")
    write(tmp_path / "root" / "clip" / "notes.txt", b"x")
    root = MediaRoot([str(tmp_path / "root")])
    assert [frame.path.rpartition("/")[2] for frame in root.frames("clip")] == ["f1.jpg", "f2.jpg", "f10.jpg"]
    assert root.frames("none") == ()
    write_zip(tmp_path / "root" / "more.zip", {"zipped/2.jpg": b"b", "zipped/1.jpg": b"a"})
    assert [read(frame) for frame in MediaRoot([str(tmp_path / "root")]).frames("zipped")] == [b"a", b"b"]
    (tmp_path / "root" / "out").symlink_to(tmp_path)
    write(tmp_path / "1.jpg", b"x")
    with pytest.raises(MediaError, match="outside_media_root"):
        root.frames("out")


def test_a_media_root_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist; correct `media`"):
        MediaRoot([str(tmp_path / "none")])
