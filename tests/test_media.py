"""Bytes of media and what one decode of an image tells: every kind of bad image has its reason."""

from __future__ import annotations

import gc
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from curation.errors import MediaError
from curation.images import MAX_PIXELS, open_image, probe_image
from curation.media import address_json, content_from_json, open_address, read
from curation.records import Address, FrameFolder
from tests.corpora import png


def _scene(width: int = 640, height: int = 512) -> Image.Image:
    """Draw a picture that no turn or flip leaves as it is."""
    x, y = np.meshgrid(np.linspace(0, 200, width), np.linspace(0, 90, height))
    pixels = np.stack([x, y, (x + y) / 2], axis=2).astype(np.uint8)
    pixels[: height // 4, : width // 8] = 255
    return Image.fromarray(pixels)


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    output = io.BytesIO()
    image.save(output, form, **options)
    return output.getvalue()


def _chunks(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Give each chunk of a PNG: where it starts, its type, its length."""
    at = 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        yield at, data[at + 4 : at + 8], length
        at += length + 12


def _reason(data: bytes) -> tuple[str, float | None]:
    with pytest.raises(MediaError) as caught:
        probe_image(data)
    return caught.value.reason, caught.value.measured


def test_an_empty_file_is_no_image() -> None:
    assert _reason(b"") == ("empty_media", 0)


def test_a_text_that_is_called_jpg_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_text("404 Not Found")
    assert _reason(read(Address(path=str(path)))) == ("not_an_image", 13)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_type_is_told_by_content_and_not_by_name(form: str) -> None:
    probe = probe_image(_saved(_scene(), form))
    assert (probe.mime, probe.width, probe.height) == (f"image/{form.lower()}", 640, 512)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.9])
def test_an_image_that_was_cut_is_never_taken_for_whole(form: str, kept: float) -> None:
    data = _saved(_scene(), form)
    reason, measured = _reason(data[: int(len(data) * kept)])
    assert reason in ("truncated_image", "damaged_image", "not_an_image")
    assert measured == int(len(data) * kept)


def test_a_jpeg_that_lost_its_last_tenth_is_truncated() -> None:
    data = _saved(_scene(), "JPEG", quality=92)
    assert _reason(data[: -len(data) // 10])[0] == "truncated_image"


def test_a_png_whose_pixels_were_changed_is_damaged() -> None:
    data = bytearray(_saved(_scene(), "PNG"))
    place = next(at for at, kind, _ in _chunks(bytes(data)) if kind == b"IDAT")
    data[place + 60] ^= 0xFF
    assert _reason(bytes(data))[0] in ("damaged_image", "truncated_image")


def _with_late_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    end = next(at for at, name, _ in _chunks(data) if name == b"IEND")
    chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return data[:end] + chunk + data[end:]


@pytest.mark.parametrize("late", [(b"IHDR", b"cut"), (b"zTXt", b"Comment\x00\x00" + zlib.compress(bytes(200 << 20)))])
def test_a_png_with_a_broken_chunk_behind_its_pixels_is_damaged(late: tuple[bytes, bytes]) -> None:
    assert probe_image(_with_late_chunk(png(1), b"tEXt", b"Comment\x00fine")).width == 96
    assert _reason(_with_late_chunk(png(1), *late))[0] == "damaged_image"


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    """A PNG of 40,000 x 40,000 pixels of one colour has 200 kB; its header alone is read."""
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    rows = zlib.compress(bytes(1000))
    data += struct.pack(">I", len(rows)) + b"IDAT" + rows + struct.pack(">I", zlib.crc32(b"IDAT" + rows))
    assert _reason(data) == ("too_many_pixels", 1_600_000_000)


def test_a_large_scan_is_no_bomb() -> None:
    width, height = 12_000, MAX_PIXELS // 12_000
    probe = probe_image(_saved(Image.new("1", (width, height)), "PNG"))
    assert (probe.width, probe.height) == (width, height)


def test_text_that_inflates_without_end_is_damaged() -> None:
    data = png(1)
    place = next(at for at, kind, _ in _chunks(data) if kind == b"IDAT")
    text = b"zTXt" + b"Comment\x00\x00" + zlib.compress(bytes(200 << 20))
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    assert _reason(data[:place] + chunk + data[place:])[0] == "damaged_image"


def test_postscript_is_not_handed_to_another_program() -> None:
    assert _reason(_saved(_scene(32, 32), "EPS"))[0] == "unsupported_image"


def _grey_of(image: Image.Image, form: str = "PNG", **options: object) -> np.ndarray:
    return probe_image(_saved(image, form, **options)).grey.astype(int)


def test_a_cmyk_jpeg_has_the_grey_of_its_rgb() -> None:
    scene = _scene()
    probe = probe_image(_saved(scene.convert("CMYK"), "JPEG", quality=95))
    assert probe.mode == "CMYK"
    assert np.abs(probe.grey.astype(int) - _grey_of(scene)).mean() < 4


def test_sixteen_bits_of_grey_are_scaled_and_not_clipped() -> None:
    grey = np.asarray(_scene().convert("L"))
    wide = Image.fromarray(grey.astype(np.uint16) * 257)
    assert np.abs(_grey_of(wide) - _grey_of(Image.fromarray(grey))).max() <= 1


def test_transparent_pixels_are_shown_on_white() -> None:
    scene = _scene().convert("RGBA")
    scene.putalpha(Image.fromarray((np.indices((512, 640))[1] < 320).astype(np.uint8) * 255))
    palette = _scene().quantize(64)
    assert (_grey_of(scene)[:, 33:] >= 254).all()
    assert _grey_of(scene)[40:, :30].max() < 200
    assert (_grey_of(palette, transparency=palette.getpixel((600, 500)))[-2:, -2:] == 255).all()


@pytest.mark.parametrize("size", [(640, 512), (641, 509), (63, 200), (7, 5)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_has_the_grey_and_the_size_of_the_upright_picture(
    orientation: int, size: tuple[int, int]
) -> None:
    stored = _scene(*size)
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = Image.open(io.BytesIO(_saved(stored, "PNG", exif=exif)))
    upright = ImageOps.exif_transpose(turned)
    probe = probe_image(_saved(stored, "PNG", exif=exif))
    assert (probe.width, probe.height) == upright.size
    difference = np.abs(probe.grey.astype(int) - _grey_of(upright))
    assert difference.mean() < 1 and np.median(difference) <= 1  # edges are averaged from the other side


def test_an_orientation_of_a_jpeg_is_honoured_however_large_it_is() -> None:
    for side in (64, 500, 1600):
        exif = Image.Exif()
        exif[0x0112] = 6
        stored = _scene(side * 2, side)
        probe = probe_image(_saved(stored, "JPEG", exif=exif, quality=95))
        assert (probe.width, probe.height) == (side, side * 2)
        assert np.abs(probe.grey.astype(int) - _grey_of(stored.transpose(Image.Transpose.ROTATE_270))).mean() < 2


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_makes_no_sense_means_upright(value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    assert probe_image(_saved(_scene(80, 40), "PNG", exif=exif)).width == 80


def test_broken_exif_costs_no_picture() -> None:
    assert probe_image(_saved(_scene(80, 40), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")).width == 80


@given(st.binary(max_size=400), st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP"]), st.data())
def test_no_bytes_raise_anything_but_a_media_error(noise: bytes, form: str, data: st.DataObject) -> None:
    whole = _saved(_scene(48, 40), form)
    place = data.draw(st.integers(0, len(whole)))
    for candidate in (noise, whole[:place] + noise + whole[place + len(noise) :]):
        try:
            probe = probe_image(candidate)
        except MediaError as err:
            assert err.reason.isidentifier() and "0x" not in err.detail
        else:
            assert probe.grey.shape == (64, 64)


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
