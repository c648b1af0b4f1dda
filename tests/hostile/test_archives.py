"""Archives that lie: headers, sizes, ratios, names. Each gives its good members and one row that says what is wrong."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest

from curation import decompressed
from curation.archives import open_archive
from tests.hostile.reading import forget_peak, outcomes, peak_bytes
from tests.hostile.tars import ENDS, header, member
from tests.sources.layouts import image_bytes, location, talk, write, write_lines, write_zip

GOOD = member("a.png", image_bytes()) + member("a.txt", b"Red.")
INK = b"<ink><annotation type='label'>x</annotation><trace>0 0, 9 9</trace></ink>"


@pytest.mark.parametrize("what", ENDS)
def test_a_tar_is_read_up_to_the_header_that_lies(what: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", GOOD + ENDS[what] + bytes(1024))
    forget_peak()
    before = peak_bytes()
    told = outcomes("webdataset", location(path), tmp_path)
    assert told[0] == "ok" and len(told) < 5 and told.count("ok") == 1
    assert "a.png" in open_archive(str(path)).members
    assert peak_bytes() - before < 100 << 20


@pytest.mark.parametrize("what", ENDS)
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_tar_that_is_read_as_a_stream_ends_there_too(what: str, is_packed: bool, tmp_path: Path) -> None:
    data = member("a.inkml", INK) + ENDS[what] + bytes(1024)
    path = write(tmp_path / "a.tgz", gzip.compress(data) if is_packed else data)
    assert outcomes("mathwriting", location(path), tmp_path)[0] == "ok"


def test_members_that_lead_backwards_do_not_go_on_for_ever(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", GOOD + ENDS["a size that an extended header makes negative"])
    assert "backwards" in open_archive(str(path)).problem


def test_a_tar_gz_that_expands_for_ever_takes_a_bounded_part_of_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is lowered to a sixteenth, 64 MiB."""
    monkeypatch.setattr(decompressed, "BOMB_BYTES", 64 << 20)
    path = write(tmp_path / "a.tar.gz", gzip.compress(GOOD) + gzip.compress(bytes(20 << 20), 9) * 20)
    forget_peak()
    before = peak_bytes()
    archive = open_archive(str(path), cache=str(tmp_path / "cache"))
    assert "a.png" in archive.members and "expands" in archive.problem
    assert Path(archive.data_path).stat().st_size < 330 << 20
    assert peak_bytes() - before < 350 << 20


def test_a_zip_member_that_inflates_two_hundred_times_is_no_medium(tmp_path: Path) -> None:
    media = write_zip(tmp_path / "m.zip", {"a.png": bytes(65 << 20), "b.png": image_bytes()}, deflated=True)
    rows = [{"image": name, "conversations": talk("<image>\nWhat?")} for name in ("a.png", "b.png")]
    path = write_lines(tmp_path / "rows.jsonl", rows)
    assert sorted(outcomes("llava", location(path, media=media), tmp_path)) == ["ok", "unreadable_media"]


def test_names_of_rows_chain_no_further_place_onto_a_remote_root(tmp_path: Path) -> None:
    row = {"image": "a.png::file:///etc/passwd", "conversations": talk("<image>\nWhat?")}
    path = write_lines(tmp_path / "rows.jsonl", [row, {**row, "image": "zip::/etc/passwd"}])
    assert set(outcomes("llava", location(path, media="http://127.0.0.1:9/root"), tmp_path)) <= {
        "missing_media",
        "outside_media_root",
    }


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_recording_that_is_a_link_is_a_row_of_the_ledger(kind: bytes, tmp_path: Path) -> None:
    data = member("a.inkml", INK) + header("b.inkml", 0, kind) + member("c.inkml", INK) + bytes(1024)
    told = outcomes("mathwriting", location(write(tmp_path / "a.tar", data)), tmp_path)
    assert told == ["ok", "ok", "outside_media_root"]


@pytest.mark.parametrize("key", ["image", "video"])
@pytest.mark.parametrize("name", ["a" * 5000, "a" * 300 + ".png", "a/" * 3000])
def test_a_name_longer_than_any_file_s_is_missing(key: str, name: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "rows.jsonl", [{key: name, "conversations": talk(f"<{key}>\nWhat?")}])
    assert outcomes("llava", location(path), tmp_path) == ["missing_media"]
