"""Folders of images, videos and frames with their annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.errors import SourceError
from curation.records import Drop, FrameFolder, Sample, Video
from tests.sources.layouts import (
    flags,
    image_bytes,
    location,
    only_drop,
    only_sample,
    read_all,
    reasons,
    shape,
    video_bytes,
    write,
    write_lines,
    write_list,
)

PNG = image_bytes()


def _by_key(rows: list[Sample | Drop]) -> dict[str, Any]:
    return {row.row_key: row.reason if isinstance(row, Drop) else shape(row) for row in rows}


def test_metadata_as_hugging_face_folders_have_it_is_found(tmp_path: Path) -> None:
    write(tmp_path / "a" / "1.png", PNG)
    write(tmp_path / "a" / "2.png", PNG)
    write(tmp_path / "metadata.csv", b'file_name,text\na/1.png,"Red, all of it."\ngone.png,x\n')
    assert _by_key(read_all("images", location(tmp_path, question="What?"))) == {
        "a/1.png:0": [["[image]", "What?"], ["Red, all of it."]],
        "a/2.png:0": "no_annotation",
        "metadata.csv/gone.png:0": "missing_media",
    }


def test_several_questions_on_one_image_are_several_samples(tmp_path: Path) -> None:
    write(tmp_path / "imgs" / "1.png", PNG)
    rows = [{"questionId": n, "image": "1.png", "question": f"{n}?", "answers": ["a", "b"]} for n in range(2)]
    write_list(tmp_path / "qa.json", rows)
    first, second = read_all("images", location(tmp_path, annotations="qa.json"))
    assert isinstance(first, Sample) and isinstance(second, Sample)
    assert (first.row_key, first.row_id, second.row_key, second.row_id) == ("imgs/1.png:0", "0", "imgs/1.png:1", "1")
    assert flags(first) == ["several_answers"] and shape(first)[1] == ["a"]


def test_sidecars_lie_beside_the_image_or_in_a_folder_of_their_own(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        write(tmp_path / "img" / f"{number}.jpg", PNG)
    write(tmp_path / "img" / "1.txt", b"Red.\r\n")
    write(tmp_path / "img" / "2.json", b'[{"question": "A?", "answer": "1."}, {"question": "B?", "answer": "2."}]')
    write(tmp_path / "img" / "3.json", b"broken")
    assert _by_key(read_all("images", location(tmp_path, question="What?"))) == {
        "img/1.jpg:0": [["[image]", "What?"], ["Red."]],
        "img/2.jpg:0": [["[image]", "A?"], ["1."]],
        "img/2.jpg:1": [["[image]", "B?"], ["2."]],
        "img/3.jpg:0": "invalid_json",
    }
    write(tmp_path / "key" / "1.json", b'{"company": "ACME", "total": "9.20"}')
    rows = read_all("images", location(tmp_path, sidecars="key", answer_field="total", question="What is the total?"))
    assert _by_key(rows)["img/1.jpg:0"] == [["[image]", "What is the total?"], ["9.20"]]


def test_nothing_is_made_up(tmp_path: Path) -> None:
    write(tmp_path / "1.png", PNG)
    assert only_drop("images", location(tmp_path)).reason == "no_annotation"
    assert only_drop("images", location(tmp_path, question="What?")).reason == "no_annotation"
    assert only_drop("images", location(tmp_path, answer="Red.")).reason == "no_question"
    assert shape(only_sample("images", location(tmp_path, question="What?", answer="Red."))) == [
        ["[image]", "What?"],
        ["Red."],
    ]


def test_a_bare_name_that_two_images_have_means_neither(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(tmp_path / folder / "1.png", PNG)
    write_lines(
        tmp_path / "annotations.jsonl", [{"image": "1.png", "caption": "Red."}, {"image": "a/1", "caption": "A."}]
    )
    rows = _by_key(read_all("images", location(tmp_path, question="What?")))
    assert rows["a/1.png:0"][1] == ["A."]
    assert (rows["b/1.png:0"], rows["annotations.jsonl/1.png:0"]) == ("no_annotation", "missing_media")


def test_captions_of_videos_may_be_an_object_of_names(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", video_bytes())
    write(tmp_path / "captions.json", b'{"a.mp4": "A red square.", "b.mp4": "Gone."}')
    assert _by_key(read_all("videos", location(tmp_path, question="Describe it."))) == {
        "a.mp4:0": [["[video]", "Describe it."], ["A red square."]],
        "captions.json/b.mp4:0": "missing_media",
    }


def test_each_folder_of_frames_is_one_video(tmp_path: Path) -> None:
    for video, numbers in (("x/a", (1, 2, 10)), ("b", (1,))):
        for number in numbers:
            write(tmp_path / video / f"{number}.png", PNG)
    rows = [
        {
            "video": "x/a",
            "conversations": [{"from": "human", "value": "<video>\nWhat?"}, {"from": "gpt", "value": "Red."}],
        },
        {"video": "b", "question": "What?", "answer": "Red.", "fps": 4},
        {"video": "none", "question": "What?", "answer": "Red."},
    ]
    write_list(tmp_path / "annotations.json", rows)
    read = read_all("frames", location(tmp_path))
    assert sorted(reasons(read)) == ["missing_media", "ok", "ok"]
    samples = {row.row_key: row for row in read if isinstance(row, Sample)}
    part = samples["x/a:0"].turns[0].parts[0]
    assert isinstance(part, Video) and isinstance(part.content, FrameFolder)
    assert [frame.path.rpartition("/")[2] for frame in part.content.frames] == ["1.png", "2.png", "10.png"]
    assert flags(samples["x/a:0"]) == ["assumed_fps"] and flags(samples["b:0"]) == []


def test_one_folder_of_frames_alone_is_a_video_with_its_sidecar(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "clip" / f"{number}.png", PNG)
    write(tmp_path / "clip.txt", b"A red square.")
    sample = only_sample("frames", location(tmp_path / "clip", question="Describe it.", fps=2))
    assert (sample.row_key, shape(sample)) == ("clip:0", [["[video]", "Describe it."], ["A red square."]])


def test_a_named_annotation_file_must_exist_and_bad_rows_of_it_are_drops(tmp_path: Path) -> None:
    write(tmp_path / "1.png", PNG)
    with pytest.raises(SourceError, match=r"none\.json' does not exist"):
        read_all("images", location(tmp_path, annotations="none.json"))
    write(tmp_path / "qa.jsonl", b'{"image": "1.png", "answer": 3}\nbroken\n{"caption": "x", "width": 4}\n[1]\n')
    assert _by_key(read_all("images", location(tmp_path, annotations="qa.jsonl", question="What?"))) == {
        "1.png:0": "invalid_row",
        "qa.jsonl:1": "invalid_json",
        "qa.jsonl:2": "invalid_row",
        "qa.jsonl:3": "invalid_row",
    }


def test_real_folders_are_read(real_data: Path) -> None:
    real = real_data / "real"
    docowl = read_all("images", location(real / "docs-docowl-llmdoc", annotations="export_docowl.jsonl"))
    assert {reason: reasons(docowl).count(reason) for reason in set(reasons(docowl))} == {"ok": 22, "missing_media": 63}
    receipts = location(real / "docs-sroie", sidecars="key", answer_field="total", question="What is the total?")
    assert reasons(read_all("images", receipts)) == ["ok"] * 17
    pages = read_all("images", location(real / "docs-tesseract", question="Read the page."))
    assert set(reasons(pages)) == {"ok", "no_annotation"}
    hound = real / "mini-llava-video-178k" / "llava_hound"
    frames = read_all("frames", location(hound, annotations="sharegptvideo_qa_255k_processed.json", fps=2))
    assert reasons(frames) == ["ok", "ok", "missing_media"]
