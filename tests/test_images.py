"""Images: what is whole, what is no image, and how they look."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from curation.errors import MediaError
from curation.images import MAX_PIXELS, probe_image
from curation.media import read
from curation.records import Address
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
