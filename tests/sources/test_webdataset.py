"""WebDataset tars: groups, endings, texts in json, and tars that are not whole."""

from __future__ import annotations

import io
import logging
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from curation.media import read
from curation.records import Address, Image, Location, Sample, Video
from curation.sources import load_adapter
from tests.sources.layouts import (
    flags,
    image_bytes,
    location,
    only_drop,
    only_sample,
    read_all,
    reasons,
    shape,
    talk,
    video_bytes,
    with_task_bytes,
    write,
    write_tar,
)

RED, BLUE = image_bytes(), image_bytes("blue")


def _tar(folder: Path, members: dict[str, bytes], **options: Any) -> Location:
    return location(write_tar(folder / "shard-000000.tar", members), **options)


def test_media_are_byte_ranges_of_the_tar(tmp_path: Path) -> None:
    sample = only_sample("webdataset", _tar(tmp_path, {"a/1.png": RED, "a/1.txt": b"Red.\n"}))
    assert shape(sample) == [["[image]"], ["Red."]]
    image = sample.turns[0].parts[0]
    assert isinstance(image, Image) and isinstance(image.content, Address)
    assert (image.name, read(image.content)) == ("a/1.png", RED)
    assert sample.row_id == "a/1"


def test_a_video_with_questions_in_json(tmp_path: Path) -> None:
    video, about = video_bytes(), orjson.dumps({"question": "What happens?", "answer": "It brightens."})
    sample = only_sample("webdataset", _tar(tmp_path, {"1.mp4": video, "1.json": about}))
    assert shape(sample) == [["[video]", "What happens?"], ["It brightens."]]
    medium = sample.turns[0].parts[0]
    assert isinstance(medium, Video) and isinstance(medium.content, Address)
    assert read(medium.content) == video


def test_a_conversation_in_json_has_its_placeholders_filled(tmp_path: Path) -> None:
    about = {"image": "old/name.png", "conversations": talk("Look:\n<image>\nWhat is it?"), "score": 0.5}
    where = _tar(tmp_path, {"1.json": orjson.dumps(about), "1.png": RED}, columns="score")
    sample = only_sample("webdataset", where)
    assert shape(sample) == [["Look:\n", "[image]", "What is it?"], ["Red."]]
    assert sample.columns == {"score": 0.5}


def test_a_json_list_is_the_conversation(tmp_path: Path) -> None:
    sample = only_sample("webdataset", _tar(tmp_path, {"1.json": orjson.dumps(talk("Why?", "So."))}))
    assert shape(sample) == [["Why?"], ["So."]]


def test_several_images_in_the_order_of_the_tar_or_of_the_option(tmp_path: Path) -> None:
    where = _tar(tmp_path, {"1.left.png": RED, "1.right.png": BLUE, "1.txt": b"Two."})
    names = [part.name for part in only_sample("webdataset", where).turns[0].parts if isinstance(part, Image)]
    assert names == ["1.left.png", "1.right.png"]
    where = replace(where, options={"image_field": ["right.png", "left.png"]})
    names = [part.name for part in only_sample("webdataset", where).turns[0].parts if isinstance(part, Image)]
    assert names == ["1.right.png", "1.left.png"]


def test_a_class_is_an_answer_only_when_the_classes_are_named(tmp_path: Path) -> None:
    where = _tar(tmp_path, {"1.png": RED, "1.cls": b"1\n"}, question="Which colour?")
    assert only_drop("webdataset", where).reason == "no_answer"
    named = replace(where, options={**where.options, "classes": ["blue", "red"]})
    assert shape(only_sample("webdataset", named)) == [["[image]", "Which colour?"], ["red"]]


def test_every_odd_group_has_its_reason(tmp_path: Path) -> None:
    members = {
        "README": b"no sample",
        "._0.png": b"resource fork",
        "0.png": RED,
        "0.txt": b"Red.",
        "../1.png": RED,
        "../1.txt": b"Red.",
        "2.png": RED,
        "3.txt": b" ",
        "3.png": RED,
        "4.json": b"{no json",
        "5.json": b"7",
        "6.cls": b"red",
        "7.txt": b"No question, no picture.",
        "8.pth": b"a tensor",
        "9.png": RED,
        "9.txt": b"Red \xff.",
    }
    rows = read_all("webdataset", _tar(tmp_path, members))
    assert reasons(rows) == [
        "ok",
        "outside_media_root",
        "no_answer",
        "no_answer",
        "invalid_json",
        "invalid_row",
        "invalid_row",
        "no_question",
        "no_answer",
        "ok",
    ]
    assert [row.row_key for row in rows] == [f"shard-000000.tar:{n}" for n in range(10)]


def test_a_link_and_a_repeated_member_are_no_samples(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        link = tarfile.TarInfo("1.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for name in ("2.png", "2.png"):
            info = tarfile.TarInfo(name)
            info.size = len(RED)
            archive.addfile(info, io.BytesIO(RED))
    assert reasons(read_all("webdataset", location(tmp_path))) == ["outside_media_root", "ambiguous_media"]


def _many(num_samples: int = 20) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    for number in range(num_samples):
        long_name = "a" * 150 if number % 5 == 0 else "b"  # long names take headers of their own
        members |= {f"{long_name}{number}.png": RED, f"{long_name}{number}.txt": b"Red."}
    return members


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_a_task_can_begin_at_any_sample_of_any_format(tmp_path: Path, form: int) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=form) as archive:
        for name, data in _many().items():
            info = tarfile.TarInfo(name if form != tarfile.USTAR_FORMAT else name.replace("a" * 150, "a" * 90))
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    where = location(tmp_path)
    tasks = load_adapter("webdataset").tasks(with_task_bytes(where, 1))
    assert len(tasks) == 20
    rows = [row for task in reversed(tasks) for row in load_adapter("webdataset").samples(task)]
    assert rows[::-1] == read_all("webdataset", where)
    assert set(reasons(rows)) == {"ok"}


def test_a_cut_tar_gives_what_is_whole_and_says_so(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", _many())
    write(path, path.read_bytes()[:10_000])
    for task_bytes in (1 << 20, 3000):
        rows = read_all("webdataset", with_task_bytes(location(tmp_path), task_bytes))
        assert reasons(rows)[-2:] in (["ok", "truncated_file"], ["truncated_file", "truncated_file"])
        assert set(reasons(rows)[:-2]) == {"ok"}
        assert [row.row_key for row in rows] == [f"a.tar:{n}" for n in range(len(rows))]


def test_a_packed_tar_is_one_task_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_tar(tmp_path / "tars" / "a.tar.gz", _many(), mode="w:gz")
    where = replace(location(tmp_path / "tars"), cache=str(tmp_path / "cache"), task_bytes=1)
    with caplog.at_level(logging.WARNING):
        (task,) = load_adapter("webdataset").tasks(where)
    assert "a.tar.gz is a tar.gz" in caplog.text
    rows = list(load_adapter("webdataset").samples(task))
    assert reasons(rows) == ["ok"] * 20
    image = rows[3].turns[0].parts[0] if isinstance(rows[3], Sample) else None
    assert isinstance(image, Image) and read(image.content) == RED


def test_a_cut_packed_tar_gives_what_is_whole(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "tars" / "a.tar.gz", _many(200), mode="w:gz")
    write(path, path.read_bytes()[: path.stat().st_size // 2])
    where = replace(location(tmp_path / "tars"), cache=str(tmp_path / "cache"))
    rows = read_all("webdataset", where)
    assert 2 < len(rows) < 200
    assert reasons(rows)[-1] == "truncated_file"
    assert set(reasons(rows)[:-2]) == {"ok"}


def test_a_zip_url_of_a_tar_is_read(tmp_path: Path) -> None:
    import zipfile

    path = write_tar(tmp_path / "a.tar", {"1.png": RED, "1.txt": b"Red."})
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(path, "a.tar")
    sample = only_sample("webdataset", location(f"zip://a.tar::{tmp_path}/all.zip"))
    image = sample.turns[0].parts[0]
    assert isinstance(image, Image) and read(image.content) == RED
    assert flags(sample) == []
