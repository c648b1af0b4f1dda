"""Ink: read strokes and labels, draw them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from curation.errors import ManifestError
from curation.records import Image, Sample
from curation.sources import load_adapter
from curation.sources.defects import RowDefect
from curation.sources.ink import draw_strokes, read_inkml
from tests.sources.image_layouts import INKML
from tests.sources.layouts import location, only_drop, only_sample, read_all, reasons, shape, write, write_tar
from tests.sources.parquet_columns import IMAGE, image_cell, write_parquet

SIMPLE = INKML.format(label="x^2", id="0a")


def _image(data: bytes) -> PillowImage.Image:
    return PillowImage.open(io.BytesIO(data))


def test_strokes_and_annotations_are_read_by_their_names() -> None:
    ink = read_inkml(SIMPLE.encode())
    assert ink.strokes == (((901.72, 479.26), (900.52, 482.87), (930.1, 520.0)), ((950.0, 479.26),))
    assert ink.annotations["normalizedLabel"] == "x^2" and ink.annotations["inkCreationMethod"] == "human"


def test_crohme_has_no_times_and_its_groups_have_annotations_of_their_own() -> None:
    ink = read_inkml(
        b'<ink xmlns="http://www.w3.org/2003/InkML"><annotation type="truth">$x$</annotation>'
        b'<trace id="0">1 2,\n 3  4</trace><trace type="penUp">9 9</trace>'
        b'<traceGroup><annotation type="truth">Segmentation</annotation></traceGroup></ink>'
    )
    assert ink.strokes == (((1, 2), (3, 4)),) and ink.annotations == {"truth": "$x$"}


def test_channels_may_stand_in_another_order() -> None:
    ink = read_inkml(b'<ink><traceFormat><channel name="T"/><channel name="Y"/><channel name="X"/></traceFormat>'
                     b"<trace>0 2 1,5 4 3</trace></ink>")  # fmt: skip
    assert ink.strokes == (((1, 2), (3, 4)),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<!DOCTYPE ink [<!ENTITY e SYSTEM "file:///etc/passwd">]><ink><trace>&e;</trace></ink>', "xml_doctype"),
        ('<!DOCTYPE ink [<!ENTITY a "1 2,">]><ink><trace>&a;</trace></ink>', "xml_doctype"),
        ('<!DOCTYPE ink SYSTEM "http://example.org/ink.dtd"><ink/>', "xml_doctype"),
        ("<ink><trace>1 2", "invalid_xml"),
        ("<ink><trace>&e;</trace></ink>", "invalid_xml"),
        ("", "invalid_xml"),
        ("<ink></ink>", "no_strokes"),
        ("<ink><trace> </trace></ink>", "no_strokes"),
        ("<ink><trace>1</trace></ink>", "invalid_ink"),
        ("<ink><trace>1 a</trace></ink>", "invalid_ink"),
        ("<ink><trace>1 nan</trace></ink>", "invalid_ink"),
        ("<ink><trace>1e999 0</trace></ink>", "invalid_ink"),
    ],
)
def test_ink_that_can_not_be_used_has_its_reason(text: str, reason: str) -> None:
    with pytest.raises(RowDefect) as caught:
        read_inkml(text.encode())
    assert caught.value.reason == reason


def test_the_longer_side_of_a_drawing_is_the_size_and_the_margin_is_white() -> None:
    image = _image(draw_strokes([[(0, 0), (300, 100)]], size=200, stroke=4, margin=10))
    assert image.size == (200, 83)  # (200 - 24) / 300 * 100 + 24, rounded up
    dark = PillowImage.eval(image, lambda value: 255 - value).getbbox()
    assert dark is not None and min(dark[0], dark[1], 200 - dark[2], 83 - dark[3]) in (9, 10)


def test_one_unit_is_one_pixel_where_the_size_is_zero() -> None:
    assert _image(draw_strokes([[(5, 5), (25, 15)]], size=0, stroke=2, margin=10)).size == (42, 32)


def test_a_dot_is_drawn_as_large_as_the_pen() -> None:
    image = _image(draw_strokes([[(7, 7)]], size=512, stroke=4, margin=3))
    assert image.size == (10, 10)
    assert image.getpixel((5, 5)) == 0 and image.getpixel((0, 0)) == 255


def test_ink_wider_than_any_image_is_refused() -> None:
    with pytest.raises(RowDefect, match="ink_too_large"):
        draw_strokes([[(0, 0), (1e300, 1e300)]], size=0, stroke=1, margin=0)


POINTS = st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))


@settings(max_examples=30)
@given(strokes=st.lists(st.lists(POINTS, min_size=1, max_size=5), min_size=1, max_size=4))
def test_any_ink_fits_the_size_and_leaves_a_mark(strokes: list[Any]) -> None:
    image = _image(draw_strokes(strokes, size=64, stroke=3, margin=4))
    assert max(image.size) <= 64 and min(image.size) >= 11
    low, _ = image.getextrema()
    assert isinstance(low, int) and low < 128


def test_real_handwriting_is_drawn(real_data: Path) -> None:
    recording = json.loads((real_data / "real" / "ink-hwrt" / "292934.json").read_text())
    strokes = [[(point["x"], point["y"]) for point in stroke] for stroke in recording]
    image = _image(draw_strokes(strokes, size=512, stroke=3, margin=16))
    assert image.size[0] == 512 and 0.01 < sum(image.histogram()[:128]) / (image.width * image.height) < 0.1


def test_a_folder_a_tar_and_a_mirror_give_the_same_pair(tmp_path: Path) -> None:
    write(tmp_path / "a" / "train" / "0a.inkml", SIMPLE.encode())
    write_tar(tmp_path / "b" / "m.tgz", {"m/readme.md": b"", "m/train/0a.inkml": SIMPLE.encode()}, mode="w:gz")
    folder, tar = (only_sample("mathwriting", location(tmp_path / name)) for name in "ab")
    assert folder.turns[1:] == tar.turns[1:] and folder.columns == tar.columns
    assert (folder.row_key, tar.row_key) == ("train/0a.inkml:0", "m.tgz:0")
    assert folder.columns["split"] == "train" and folder.row_id == "0a"
    asked = only_sample("mathwriting", location(tmp_path / "a", columns=["label"], question="?"))
    assert asked.columns["label"] == "x^2" and shape(asked)[0] == ["[image]", "?"]
    assert shape(folder) == [["[image]", "Write this formula in LaTeX."], ["x^2"]]
    drawn, again = folder.turns[0].parts[0], tar.turns[0].parts[0]
    assert isinstance(drawn, Image) and isinstance(again, Image) and drawn.content == again.content


def test_symbols_have_their_label_and_raw_labels_are_an_option(tmp_path: Path) -> None:
    symbol = SIMPLE.replace('<annotation type="normalizedLabel">x^2</annotation>', "")
    write(tmp_path / "symbols" / "0b.inkml", symbol.encode())
    assert shape(only_sample("mathwriting", location(tmp_path)))[1] == ["x^2"]
    write(tmp_path / "symbols" / "0b.inkml", SIMPLE.replace('"label">x^2', '"label">x^{2}').encode())
    assert shape(only_sample("mathwriting", location(tmp_path, label="raw")))[1] == ["x^{2}"]
    write(tmp_path / "symbols" / "0b.inkml", b"<ink><trace>1 2,3 4</trace></ink>")
    assert only_drop("mathwriting", location(tmp_path)).reason == "no_answer"


def test_an_empty_normalized_label_of_a_mirror_gives_way(tmp_path: Path) -> None:
    labels: dict[str, Any] = {
        "label": ["a", "b", "c"],
        "normalized_label": ["A", "", None],
        "source": ["train", "symbols", None],
    }
    write_parquet(tmp_path / "a.parquet", types={"image": IMAGE}, image=[image_cell()] * 3, **labels)
    rows = read_all("mathwriting", location(tmp_path))
    assert [shape(row)[1] for row in rows if isinstance(row, Sample)] == [["A"], ["b"], ["c"]]
    assert [row.columns["split"] for row in rows if isinstance(row, Sample)] == ["train", "symbols", None]


def test_a_cut_tgz_gives_what_is_whole_and_one_drop(tmp_path: Path) -> None:
    members = {f"m/train/{n}.inkml": SIMPLE.encode() + b"\n" * n * 4000 for n in range(20)}
    path = write_tar(tmp_path / "m.tgz", members, mode="w:gz")
    path.write_bytes(path.read_bytes()[:-200])
    rows = reasons(read_all("mathwriting", location(path)))
    assert rows[-1] == "truncated_file" and set(rows[:-1]) == {"ok"} and 0 < len(rows) - 1 < 20


def test_a_size_without_room_for_ink_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "0a.inkml", SIMPLE.encode())
    with pytest.raises(ManifestError, match="size 30 leaves no room"):
        load_adapter("mathwriting").tasks(location(tmp_path, size=30))
