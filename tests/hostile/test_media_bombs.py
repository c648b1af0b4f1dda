"""Media that are small to store and large to show."""

from __future__ import annotations

import base64
import io
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import MediaError
from curation.images import probe_image
from curation.video import probe
from tests.hostile.reading import outcomes
from tests.sources.layouts import location, talk, write_lines

NUM_FRAMES = 50_000


def _gif(num_frames: int) -> bytes:
    """Return a GIF of one pixel in many frames of 10 ms: 25 bytes each, as few as can be."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x21\xf9\x04\0\x0a\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return head + frame * num_frames + b"\x3b"


def _png_in_icon(side: int) -> bytes:
    """Return an icon that says it is 16 pixels wide and holds a PNG of that side."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("1", (side, side)).save(buffer, "PNG")
    png = buffer.getvalue()
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(png), 22) + png


def test_an_animation_of_many_frames_is_one_image_and_a_video_of_all(tmp_path: Path) -> None:
    data = _gif(NUM_FRAMES)
    assert probe_image(data).width == 1
    assert len(probe(data, timeout=60).pts) == NUM_FRAMES


def test_an_icon_that_holds_a_bomb_is_refused() -> None:
    with pytest.raises(MediaError, match="too_many_pixels"):
        probe_image(_png_in_icon(12_000))


def test_a_pdf_of_thousands_of_pages_is_drawn_as_far_as_asked(tmp_path: Path) -> None:
    pypdfium2 = pytest.importorskip("pypdfium2")
    document = pypdfium2.PdfDocument.new()
    for _ in range(2000):
        document.new_page(40, 40)
    large = pypdfium2.PdfDocument.new()
    large.new_page(14_400, 14_400)
    rows = []
    for pdf in (document, large):
        buffer = io.BytesIO()
        pdf.save(buffer)
        rows.append({"pdf": buffer.getvalue(), "texts": [{"user": "Q?", "assistant": "A.", "source": "PDFA"}]})
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train-0.parquet")
    assert outcomes("docmatix", location(tmp_path, pages=2), tmp_path / "out") == ["ok", "image_too_large"]


def test_megabytes_of_base64_that_are_no_image_cost_one_row(tmp_path: Path) -> None:
    zeros = base64.b64encode(bytes(24 << 20)).decode()
    rows = [{"image": f"data:image/png;base64,{zeros}", "conversations": talk("<image>\nWhat?")}]
    rows += [{"image": "data:image/png;base64,####", "conversations": talk("<image>\nWhat?")}]
    path = write_lines(tmp_path / "rows.jsonl", rows)
    assert outcomes("llava", location(path), tmp_path) == ["not_an_image", "unreadable_media"]
