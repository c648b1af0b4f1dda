"""`near_duplicate_images`: hashes propose, pixels decide, questions and answers say what follows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from curation.errors import ManifestError
from curation.filters.hamming import near_pairs
from curation.filters.near_duplicate_images import NearDuplicateImages
from curation.filters.pixels import load_grey, local_difference
from tests.filters.pictures import encoded, page, sample, scene
from tests.filters.rows import dropped, run


def test_a_compressed_copy_with_the_same_words_is_dropped_with_its_distance(tmp_path: Path) -> None:
    rows = [
        sample(tmp_path, "a/f:0", [encoded(scene(1))]),
        sample(tmp_path, "a/f:1", [encoded(scene(1), "WEBP", 50)]),
        sample(tmp_path, "a/f:2", [encoded(scene(1).resize((200, 150)))]),
        sample(tmp_path, "a/f:3", [encoded(scene(2))]),
    ]
    ledger = run(tmp_path, rows, NearDuplicateImages()).to_pylist()
    assert [(row["sample_id"], row["evidence_sample_id"]) for row in ledger] == [("a/f:1", "a/f:0"), ("a/f:2", "a/f:0")]
    assert all(row["reason"] == "near_duplicate" and row["measured"] <= row["threshold"] == 20 for row in ledger)


def test_invoices_that_differ_in_a_number_stay_though_their_hashes_agree(tmp_path: Path) -> None:
    rows = [sample(tmp_path, f"a/f:{n}", [encoded(page(1000 + n))]) for n in range(12)]
    hashes = np.frombuffer(bytes.fromhex("".join(str(row.phashes[0]) for row in rows)), np.uint8).reshape(-1, 32)
    assert len(near_pairs(hashes, 20).later) == 66, "the hash alone would drop 11 of 12"
    assert len(run(tmp_path, rows, NearDuplicateImages())) == 0


def test_a_page_cut_more_narrowly_is_found_and_another_page_cut_so_is_not(tmp_path: Path) -> None:
    narrow = (30, 30, 580, 770)
    rows = [
        sample(tmp_path, "a/f:0", [encoded(page(1000))]),
        sample(tmp_path, "a/f:1", [encoded(page(1000).crop(narrow))]),
        sample(tmp_path, "a/f:2", [encoded(page(1000).crop(narrow), "JPEG", 75)]),
        sample(tmp_path, "a/f:3", [encoded(page(2468).crop(narrow))]),
    ]
    assert dropped(run(tmp_path, rows, NearDuplicateImages())) == ["a/f:1", "a/f:2"]


def test_faint_print_in_the_margin_of_one_keeps_both(tmp_path: Path) -> None:
    noted = page(1000)
    ImageDraw.Draw(noted).text((40, 745), "DRAFT 17", font=ImageFont.load_default(24), fill=(200, 200, 200))
    rows = [
        sample(tmp_path, "a/f:0", [encoded(noted)]),
        sample(tmp_path, "a/f:1", [encoded(page(1000).crop((30, 30, 580, 730)))]),
        sample(tmp_path, "a/f:2", [encoded(noted.crop((10, 10, 590, 790)))]),
    ]
    assert dropped(run(tmp_path, rows, NearDuplicateImages())) == ["a/f:2"]


def test_the_dark_edge_of_a_scan_keeps_no_copy(tmp_path: Path) -> None:
    scan = page(1000, (621, 1331))
    ImageDraw.Draw(scan).rectangle((618, 0, 621, 1331), fill="black")
    rows = [
        sample(tmp_path, f"a/f:{index}", [data])
        for index, data in enumerate([encoded(scan), encoded(scan, "JPEG", 75)])
    ]
    assert dropped(run(tmp_path, rows, NearDuplicateImages())) == ["a/f:1"]


def test_where_a_mark_stands_on_an_empty_page_counts(tmp_path: Path) -> None:
    pages = []
    for left in (100, 130, 300):
        image = Image.new("RGB", (600, 800), "white")
        ImageDraw.Draw(image).ellipse((left, 300, left + 50, 350), fill="black")
        pages.append(encoded(image))
    rows = [sample(tmp_path, f"a/f:{index}", [data]) for index, data in enumerate(pages)]
    assert len(run(tmp_path, rows, NearDuplicateImages())) == 0


def test_a_shape_elsewhere_on_a_page_is_another_picture_however_much_ink_it_has(tmp_path: Path) -> None:
    pages = []
    for left in (20, 250):
        image = Image.new("RGB", (600, 800), "white")
        image.paste(scene(1).resize((300, 400)), (left, 200))
        pages.append(encoded(image))
    rows = [sample(tmp_path, f"a/f:{index}", [data]) for index, data in enumerate(pages)]
    assert len(run(tmp_path, rows, NearDuplicateImages())) == 0


def test_what_thumbnails_show_to_differ_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def load(address: str) -> object:
        opened.append(Path(json.loads(address)["path"]).name)
        return load_grey(address)

    monkeypatch.setattr("curation.filters.near_duplicate_images.load_grey", load)
    dark = page(1000)
    ImageDraw.Draw(dark).rectangle((400, 700, 440, 716), fill="black")
    pictures = [page(1000), dark]
    rows = [sample(tmp_path, f"a/f:{index}", [encoded(each)]) for index, each in enumerate(pictures)]
    rows = [dataclasses.replace(row, phashes=rows[0].phashes) for row in rows]
    assert len(run(tmp_path, rows, NearDuplicateImages())) == 0
    assert opened == []
    unmeasured = [dataclasses.replace(row, measured=(), thumbnails=()) for row in rows]
    assert len(run(tmp_path, unmeasured, NearDuplicateImages())) == 0
    assert len(opened) == 2


def test_another_question_keeps_and_another_answer_flags(tmp_path: Path) -> None:
    rows = [
        sample(tmp_path, "a/f:0", [encoded(scene(1))]),
        sample(tmp_path, "a/f:1", [encoded(scene(1), "WEBP")], question="What else?"),
        sample(tmp_path, "a/f:2", [encoded(scene(1), "WEBP", 80)], answer="Otherwise."),
    ]
    ledger = run(tmp_path, rows, NearDuplicateImages()).to_pylist()
    assert [(row["sample_id"], row["action"], row["reason"]) for row in ledger] == [
        ("a/f:2", "flag", "conflicting_answer")
    ]
    assert ledger[0]["evidence_sample_id"] == "a/f:0"


def test_scope_media_drops_whatever_is_said(tmp_path: Path) -> None:
    rows = [
        sample(tmp_path, "a/f:0", [encoded(scene(1))]),
        sample(tmp_path, "a/f:1", [encoded(scene(1), "WEBP")], question="What else?"),
    ]
    assert dropped(run(tmp_path, rows, NearDuplicateImages(scope="media"))) == ["a/f:1"]


def test_several_images_all_have_to_match_in_order(tmp_path: Path) -> None:
    one, two, three = (encoded(scene(seed)) for seed in (1, 2, 3))
    rows = [
        sample(tmp_path, "a/f:0", [one, two]),
        sample(tmp_path, "a/f:1", [encoded(scene(1), "WEBP"), encoded(scene(2), "WEBP")]),
        sample(tmp_path, "a/f:2", [encoded(scene(2), "WEBP", 80), encoded(scene(1), "WEBP", 80)]),
        sample(tmp_path, "a/f:3", [encoded(scene(1), "WEBP", 70), three]),
    ]
    assert dropped(run(tmp_path, rows, NearDuplicateImages())) == ["a/f:1"]


def test_the_source_with_the_higher_priority_stays(tmp_path: Path) -> None:
    rows = [sample(tmp_path, "a/f:0", [encoded(scene(1))]), sample(tmp_path, "b/f:0", [encoded(scene(1), "WEBP")])]
    assert dropped(run(tmp_path, rows, NearDuplicateImages(), priorities={"a": 0, "b": 1})) == ["a/f:0"]


def test_an_image_that_can_t_be_read_any_more_is_not_judged(tmp_path: Path) -> None:
    rows = [sample(tmp_path, f"a/f:{n}", [encoded(scene(1), "WEBP", 90 - n)]) for n in range(2)]
    (tmp_path / "a-f:1-0").unlink()
    assert len(run(tmp_path, rows, NearDuplicateImages())) == 0


def test_tiny_images_need_equal_pixels(tmp_path: Path) -> None:
    tiny = page(1).resize((40, 50))
    files = [tmp_path / name for name in ("a.png", "b.webp", "c.bmp")]
    for file, data in zip(files, (encoded(tiny), encoded(tiny, "WEBP", 70), encoded(tiny, "BMP")), strict=True):
        file.write_bytes(data)
    one, lossy, equal = (load_grey(json.dumps({"path": str(file)})) for file in files)
    assert one is not None and lossy is not None and equal is not None
    assert local_difference(one, lossy) == float("inf")
    assert local_difference(one, equal) == 0.0


def test_a_single_digit_differs_far_more_than_compression(tmp_path: Path) -> None:
    greys = []
    for index, data in enumerate([encoded(page(1234)), encoded(page(1284)), encoded(page(1234), "JPEG", 50)]):
        (tmp_path / str(index)).write_bytes(data)
        grey = load_grey(json.dumps({"path": str(tmp_path / str(index))}))
        assert grey is not None
        greys.append(grey)
    assert local_difference(greys[0], greys[2]) < 12
    assert local_difference(greys[0], greys[1]) > 40


@pytest.mark.parametrize("bits", [0, 1, 7, 20, 31])
def test_all_near_pairs_are_found(bits: int) -> None:
    choose = np.random.default_rng(bits)
    hashes = choose.integers(0, 256, (400, 32), dtype=np.uint8)
    for index in range(200):
        hashes[index + 200] = hashes[choose.integers(200)]
        for bit in choose.choice(256, choose.integers(0, 36), replace=False):
            hashes[index + 200, bit // 8] ^= 1 << (bit % 8)
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None]).sum(axis=2, dtype=int)
    expected = {(later, earlier) for earlier, later in np.argwhere(np.triu(apart <= bits, 1)).tolist()}
    found = near_pairs(hashes, bits)
    assert set(zip(found.later.tolist(), found.earlier.tolist(), strict=True)) == expected
    assert (found.distance == apart[found.later, found.earlier]).all()


def test_equal_hashes_by_the_thousand_are_compared_with_the_first_few() -> None:
    found = near_pairs(np.zeros((5000, 32), np.uint8), 20)
    assert len(found.later) == 16 * 5000 - 16 * 17 // 2
    assert found.num_capped == 5000 - 16


def test_no_hashes_give_no_pairs() -> None:
    assert len(near_pairs(np.zeros((0, 32), np.uint8), 20).later) == 0


def test_bits_out_of_reach_are_refused() -> None:
    with pytest.raises(ManifestError, match="bits is 40"):
        NearDuplicateImages(bits=40)
