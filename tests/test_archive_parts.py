"""Archives in parts are found, read as one file, and addressed inside the part that holds a member."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.archive_parts import JoinedFile, group_archives
from curation.archives import open_archive
from curation.errors import MediaError
from curation.media import read
from curation.media_root import MediaRoot
from curation.records import Address
from tests.sources.layouts import write, write_tar, write_zip

MEMBERS = {f"a/{number}.jpg": bytes([number]) * (400 + 37 * number) for number in range(8)}


def _cut(path: Path, names: list[str], size: int) -> None:
    """Cut a file as `split -b` does, and remove it."""
    data = path.read_bytes()
    assert len(data) > size * (len(names) - 1)
    for number, name in enumerate(names):
        end = None if number == len(names) - 1 else (number + 1) * size
        write(path.parent / name, data[number * size : end])
    path.unlink()


def _split_zip(path: Path, size: int, *, is_wide: bool = False) -> int:
    """Rewrite a zip as `zip -s` lays it out: offsets count by part. Return the number of parts."""
    data = bytearray(path.read_bytes())
    end = data.rindex(b"PK\x05\x06")
    count, _, directory = struct.unpack("<HII", data[end + 10 : end + 20])
    last: int = min(directory // size, (len(data) - 1) // size)
    position = directory
    for _ in range(count):
        name_bytes, extra_bytes, comment_bytes = struct.unpack("<HHH", data[position + 28 : position + 34])
        (offset,) = struct.unpack("<I", data[position + 42 : position + 46])
        part = min(offset // size, last)
        data[position + 34 : position + 36] = struct.pack("<H", part)
        data[position + 42 : position + 46] = struct.pack("<I", offset - part * size)
        position += 46 + name_bytes + extra_bytes + comment_bytes
    relative = directory - last * size
    data[end + 4 : end + 8] = struct.pack("<HH", last, last)
    data[end + 16 : end + 20] = struct.pack("<I", relative)
    if is_wide:
        record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, last, last, count, count, 0, relative)
        locator = struct.pack("<4sIQI", b"PK\x06\x07", last, end - last * size, last + 1)
        data[end + 16 : end + 20] = b"\xff" * 4
        data[end:end] = record + locator
    names = [f"{path.stem}.z{number + 1:02d}" for number in range(last)]
    for number, name in enumerate(names):
        write(path.parent / name, bytes(data[number * size : (number + 1) * size]))
    write(path, bytes(data[last * size :]))
    return last + 1


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=6), st.data())
def test_a_joined_file_reads_as_its_parts_put_together(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    with io.BufferedReader(
        JoinedFile([str(n) for n in range(len(parts))], lambda n: io.BytesIO(parts[int(n)]))
    ) as file:
        assert file.read() == whole
        start = data.draw(st.integers(0, len(whole)))
        length = data.draw(st.integers(0, len(whole) + 3))
        file.seek(start)
        assert file.read(length) == whole[start : start + length]


@pytest.mark.parametrize(
    ("names", "grouped"),
    [
        (["x.z02", "x.z01", "x.zip"], {"x.zip": ("x.z01", "x.z02", "x.zip")}),
        (["image.zip.part-aa", "image.zip.part-ab"], {"image.zip": ("image.zip.part-aa", "image.zip.part-ab")}),
        (["v.tar.gz.partaa"], {"v.tar.gz": ("v.tar.gz.partaa",)}),
        (["v.tar.2", "v.tar.10", "v.tar.1"] + [f"v.tar.{n}" for n in range(3, 10)], None),
        (["v.tar.00", "v.tar.01"], {"v.tar": ("v.tar.00", "v.tar.01")}),
        (["a.zip.aa", "a.zip.ab", "a.zip"], {"a.zip": ()}),  # someone put it together already
        (["a.tar.xz", "a.zip.md5", "a.tar.gz", "a.jpg", "a.z1"], {"a.tar.gz": ()}),
    ],
)
def test_parts_are_grouped_in_their_order(names: list[str], grouped: dict[str, tuple[str, ...]] | None) -> None:
    found = group_archives(names)
    if grouped is None:
        assert found[0].parts == tuple(f"v.tar.{n}" for n in range(1, 11))
    else:
        assert {file.path: file.parts for file in found} == grouped
    assert not any(file.problem for file in found)


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["x.z01", "x.z03", "x.zip"], "part 2 of at least 3 is missing"),
        (["x.z02", "x.zip"], "part 1 of at least 2 is missing"),
        (["x.z01", "x.z02"], "the last part, x.zip, is missing"),
        (["y.zip.part-aa", "y.zip.part-ac"], "part 2 of at least 3 is missing"),
        (["y.zip.part-ab"], "part 1 of at least 2 is missing"),
    ],
)
def test_a_missing_part_is_named(names: list[str], problem: str) -> None:
    assert [file.problem for file in group_archives(names)] == [problem]


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_members_of_a_cut_archive_lie_in_its_parts_or_are_read_across_them(tmp_path: Path, ending: str) -> None:
    path = (write_zip if ending == "zip" else write_tar)(tmp_path / f"image.{ending}", MEMBERS)
    _cut(path, [f"image.{ending}.part-a{letter}" for letter in "abc"], 1500)
    root = MediaRoot([str(tmp_path)])
    contents = {name: root.find(name).content for name in MEMBERS}
    assert {name: read(content) for name, content in contents.items()} == MEMBERS
    kinds = {type(content) for content in contents.values()}
    assert kinds == {Address, bytes}  # most are ranges of a part; the few that span two parts are bytes


def test_a_cut_tar_gz_is_put_together_in_the_cache(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "m" / "v.tar.gz", MEMBERS, mode="w:gz")
    _cut(path, ["v.tar.gz.partaa", "v.tar.gz.partab"], 100)
    root = MediaRoot([str(tmp_path / "m")], cache=str(tmp_path / "cache"))
    assert {name: read(root.find(name).content) for name in MEMBERS} == MEMBERS


@pytest.mark.parametrize("is_wide", [False, True])
@pytest.mark.parametrize("deflated", [False, True])
def test_a_split_zip_is_read_without_joining(tmp_path: Path, is_wide: bool, deflated: bool) -> None:
    path = write_zip(tmp_path / "d_split.zip", MEMBERS, deflated=deflated)
    parts = _split_zip(path, 150 if deflated else 1500, is_wide=is_wide)
    assert parts >= 3
    for root in (MediaRoot([str(tmp_path)]), MediaRoot([str(path)])):
        assert {name: read(root.find(name).content) for name in MEMBERS} == MEMBERS
    (tmp_path / "d_split.z01").rename(tmp_path / "d_split.gone")
    with pytest.raises(MediaError, match="part 1 of at least"):
        MediaRoot([str(tmp_path)]).find("a/1.jpg")


def test_a_split_zip_without_its_last_numbered_part_says_so(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "d.zip", MEMBERS)
    parts = _split_zip(path, 1500)
    (tmp_path / f"d.z{parts - 1:02d}").unlink()
    with pytest.raises(MediaError, match=f"it has {parts} parts, {parts - 1} are here"):
        MediaRoot([str(tmp_path)]).find("a/1.jpg")


def test_a_member_in_two_zips_with_one_checksum_is_one_member(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", MEMBERS)
    _split_zip(write_zip(tmp_path / "a_split.zip", MEMBERS), 1500)  # joined by the user, the parts kept
    write_zip(tmp_path / "b.zip", {"a/1.jpg": b"another"})
    assert read(MediaRoot([str(tmp_path / "a*.zip")]).find("a/1.jpg").content) == MEMBERS["a/1.jpg"]
    with pytest.raises(MediaError, match="ambiguous_media"):
        MediaRoot([str(tmp_path)]).find("a/1.jpg")


def test_the_split_zip_of_the_published_layout_is_read(real_data: Path) -> None:
    root = MediaRoot([str(real_data / "real" / "mini-m4-instruct")])
    pictures = [f"dreamsim/{number:03d}/{name}.jpg" for number in range(1, 7) for name in ("ref", "left", "right")]
    assert all(read(root.find(name).content).startswith(b"\xff\xd8\xff") for name in pictures)
    with pytest.raises(MediaError, match="missing_media"):
        root.find("dreamsim/007/ref.jpg")


def test_an_archive_of_which_a_part_is_missing_has_no_members(tmp_path: Path) -> None:
    (file,) = group_archives([str(tmp_path / "y.zip.part-ab")])
    assert open_archive(file).members == {} and open_archive(file).problem
