"""LLaVA-style rows: every way a row names its media, and the rows that can't be used."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import ManifestError, SourceError
from curation.records import Address, Drop, FrameFolder, Image, Sample, Video
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
    write,
    write_lines,
    write_list,
    write_tar,
)

PNG = image_bytes()


def _row(tmp_path: Path, row: Any) -> Path:
    write(tmp_path / "red.png", PNG)
    return write_list(tmp_path / "rows.json", [row])


def _media(sample: Sample) -> list[Image | Video]:
    return [part for turn in sample.turns for part in turn.parts if isinstance(part, Image | Video)]


@pytest.mark.parametrize(
    "image",
    [
        "red.png",
        ["red.png"],
        {"path": "red.png", "bytes": None},
        {"url": "red.png", "image_wh": [16, 12]},
    ],
)
def test_an_image_by_name_is_an_address(tmp_path: Path, image: Any) -> None:
    sample = only_sample("llava", location(_row(tmp_path, {"image": image, "conversations": talk("<image>\nWhat?")})))
    assert shape(sample) == [["[image]", "What?"], ["Red."]]
    assert _media(sample) == [Image(content=Address(path=str(tmp_path / "red.png")), name="red.png")]


@pytest.mark.parametrize(
    "image",
    [
        base64.b64encode(PNG).decode(),
        f"data:image/png;base64,{base64.b64encode(PNG).decode()}",
        {"bytes": base64.b64encode(PNG).decode(), "path": "x.png"},
    ],
)
def test_an_image_inside_the_row_is_its_bytes(tmp_path: Path, image: Any) -> None:
    sample = only_sample("llava", location(_row(tmp_path, {"image": image, "conversations": talk("<image>\nWhat?")})))
    assert _media(sample)[0].content == PNG


def test_messages_with_images_and_a_system_prompt_are_read(tmp_path: Path) -> None:
    row = {
        "id": 7,
        "system": "Be brief.",
        "images": ["red.png", "red.png"],
        "score": 3,
        "messages": [
            {"role": "user", "content": "<image>Who?"},
            {"role": "assistant", "content": "Kane."},
            {"role": "user", "content": "And here?<image>"},
            {"role": "assistant", "content": "Also."},
        ],
    }
    sample = only_sample("llava", location(_row(tmp_path, row), columns=["score", "none"]))
    assert sample.row_id == "7" and sample.row_key == "rows.json:0"
    assert sample.columns == {"score": 3, "none": None}
    assert shape(sample) == [["Be brief."], ["[image]", "Who?"], ["Kane."], ["And here?", "[image]"], ["Also."]]


def test_content_decides_between_image_and_video_not_the_key_or_the_name(tmp_path: Path) -> None:
    write(tmp_path / "clip.jpg", video_bytes())
    write(tmp_path / "still.mp4.png", PNG)
    rows = [{"image": name, "conversations": talk("What?")} for name in ("clip.jpg", "still.mp4.png")]
    clip, still = read_all("llava", location(write_list(tmp_path / "rows.json", rows)))
    assert isinstance(clip, Sample) and isinstance(still, Sample)
    assert shape(clip)[0] == ["[video]", "What?"] and "video_under_image_key" in flags(clip)
    assert shape(still)[0] == ["[image]", "What?"]


def test_a_folder_of_frames_is_a_video_at_its_own_rate_or_the_options(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        write(tmp_path / "v_1" / f"c01_{number}.jpeg", image_bytes(form="JPEG"))
    row = {"video": "v_1", "conversations": talk("<image>\nWhat?")}
    cases: list[tuple[dict[str, Any], dict[str, Any], float]] = [
        ({}, {"fps": 2}, 2.0),
        ({"fps": 3}, {"fps": 2}, 3.0),
        ({}, {}, 1.0),
    ]
    for extra, options, fps in cases:
        sample = only_sample("llava", location(write_list(tmp_path / "rows.json", [{**row, **extra}]), **options))
        (video,) = _media(sample)
        assert isinstance(video.content, FrameFolder)
        assert video.content.fps == fps
        assert [frame.path.rpartition("_")[2] for frame in video.content.frames] == ["1.jpeg", "2.jpeg", "10.jpeg"]
        assert ("assumed_fps" in flags(sample)) == (not extra and not options)


@pytest.mark.parametrize(
    ("row", "reason", "measured"),
    [
        ({"image": "gone.png", "conversations": talk("<image>\nx")}, "missing_media", None),
        ({"image": "../red.png", "conversations": talk("<image>\nx")}, "outside_media_root", None),
        ({"image": "/etc/passwd", "conversations": talk("<image>\nx")}, "outside_media_root", None),
        ({"image": ["red.png", None], "conversations": talk("<image>\nx")}, "missing_media", None),
        ({"image": {"bytes": None, "path": None}, "conversations": talk("x")}, "missing_media", None),
        ({"image": "red.png", "images": ["a"], "conversations": talk("x")}, "invalid_row", None),
        ({"image": 3, "conversations": talk("x")}, "missing_media", None),
        ({"image": ["red.png"] * 4, "conversations": talk("<image><image>x")}, "placeholder_mismatch", 2),
        ({"image": None, "conversations": talk("<image>\nx")}, "placeholder_mismatch", 1),
        ({"video_path": "a.mp4", "conversations": talk("<video>\nx")}, "placeholder_mismatch", 1),
        ({"image": "red.png", "conversations": talk("x", "<image>")}, "placeholder_in_answer", 1),
        ({"conversations": talk("x", "")}, "no_answer", None),
        ({"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": None}]}, "no_answer", None),
        ({"conversations": talk("x")[::-1]}, "wrong_role_order", None),
        ({"conversations": [{"from": "narrator", "value": "x"}]}, "unknown_role", None),
        ({"conversations": "x"}, "invalid_row", None),
        ({"text": "x"}, "invalid_row", None),
        ({"conversations": [*talk("x")[:1], {"from": "gpt", "value": 7}]}, "invalid_row", None),
        (["x"], "invalid_row", None),
        (None, "invalid_row", None),
    ],
)
def test_a_row_that_can_not_be_used_is_a_drop_with_its_reason(
    tmp_path: Path, row: Any, reason: str, measured: float | None
) -> None:
    drop = only_drop("llava", location(_row(tmp_path, row)))
    assert (drop.reason, drop.measured, drop.row_key) == (reason, measured, "rows.json:0")


def test_a_stale_prefix_can_be_stripped_and_leaving_the_root_allowed(tmp_path: Path) -> None:
    write(tmp_path / "red.png", PNG)
    rows = write_list(tmp_path / "j" / "r.json", [{"image": "/fsx/data/red.png", "conversations": talk("<image>\nx")}])
    assert only_drop("llava", location(rows, media=tmp_path)).reason == "outside_media_root"
    assert shape(only_sample("llava", location(rows, media=tmp_path, strip_prefix="/fsx/data/")))[0] == ["[image]", "x"]
    rows = write_list(tmp_path / "j" / "r.json", [{"image": "../red.png", "conversations": talk("<image>\nx")}])
    assert only_sample("llava", location(rows, allow_outside=True)).flags == ()


def test_another_placeholder_and_repeated_ids_are_kept(tmp_path: Path) -> None:
    write(tmp_path / "red.png", PNG)
    rows = [{"sample_id": 0, "image": "red.png", "conversations": talk("<IMG>\nWhat?")}] * 2
    samples = read_all("llava", location(write_lines(tmp_path / "a.jsonl", rows), placeholder="<IMG>"))
    assert [(row.row_key, row.row_id) for row in samples if isinstance(row, Sample)] == [
        ("a.jsonl:0", "0"),
        ("a.jsonl:1", "0"),
    ]
    assert all(shape(row)[0] == ["[image]", "What?"] for row in samples if isinstance(row, Sample))


def test_parquet_with_an_image_column_is_read(tmp_path: Path) -> None:
    image = pa.struct([("path", pa.string()), ("bytes", pa.binary())])
    message = pa.list_(pa.struct([("from", pa.string()), ("value", pa.string())]))
    table = pa.table(
        {
            "id": ["a", "b"],
            "image": pa.array([{"bytes": PNG, "path": "a.png"}, None], image),
            "conversations": pa.array([talk("<image>\nWhat?"), talk("Hello?", "Hi.")], message),
            "data_source": ["chartqa", "magpie"],
        }
    )
    pq.write_table(table, tmp_path / "train-0.parquet")
    first, second = read_all("llava", location(tmp_path, columns=["data_source"]))
    assert isinstance(first, Sample) and isinstance(second, Sample)
    assert shape(first) == [["[image]", "What?"], ["Red."]] and first.columns == {"data_source": "chartqa"}
    assert shape(second) == [["Hello?"], ["Hi."]]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"fps": 0}, "'fps' is 0"), ({"allow_outside": "yes"}, "true or false"), ({"columns": 3}, "list of strings")],
)
def test_options_of_the_wrong_type_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    path = _row(tmp_path, {"conversations": talk("x")})
    with pytest.raises(ManifestError, match=message):
        read_all("llava", location(path, **options))
    with pytest.raises(SourceError, match="does not exist"):
        read_all("llava", location(path, media=tmp_path / "none"))


def test_one_bad_line_costs_one_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"conversations": [{"from": "human"\n' + b"\xff\xfe\n")
    assert reasons(read_all("llava", location(path))) == ["invalid_json", "invalid_json"]


def test_the_layouts_of_real_rows_are_read(real_data: Path) -> None:
    real = real_data / "real"
    assert reasons(read_all("llava", location(real / "llava-qwen-demo" / "single_images.json"))) == ["ok"] * 3
    rows = read_all("llava", location(real / "llava-llamafactory-mllm" / "mllm_demo.json"))
    assert reasons(rows) == ["ok"] * 6
    assert isinstance(rows[0], Sample) and shape(rows[0])[2][1] == "[image]"


def test_m4_rows_keep_what_is_true_and_name_what_is_not(real_data: Path) -> None:
    rows = read_all("llava", location(real_data / "real" / "mini-m4-instruct" / "m4_instruct_annotations.json"))
    assert reasons(rows) == [
        *("ok", "ok", "ok", "placeholder_mismatch", "ok"),  # the last one's pictures are in a split zip
        *("wrong_role_order", "missing_media", "ok", "ok"),
    ]
    doubled, mismatch = rows[2], rows[3]
    assert isinstance(doubled, Sample) and flags(doubled) == ["media_under_other_folder"] * 2
    assert isinstance(mismatch, Drop) and (mismatch.measured, mismatch.threshold) == (2, 4)


def test_video_sets_in_tar_gz_shards_are_read(real_data: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    where = replace(location(real_data / "real" / "mini-llava-video-178k"), cache=str(tmp_path))
    rows = read_all("llava", where)
    assert {row.row_key.rpartition("/")[2]: row.reason for row in rows if isinstance(row, Drop)} == {
        "0_30_s_academic_mc_v0_1_qa_processed.json:2": "no_answer",
        "0_30_s_academic_v0_1_cap_processed.json:3": "missing_media",
        "sharegptvideo_qa_255k_processed.json:2": "missing_media",
    }
    vista = read_all("llava", location(real_data / "real" / "mini-vista-400k"))
    assert reasons(vista) == ["ok", "ok", "missing_media"]


def test_a_tar_beside_the_rows_needs_no_media_root(tmp_path: Path) -> None:
    write_tar(tmp_path / "images.tar", {"a/red.png": PNG})
    rows = write_list(
        tmp_path / "rows.json", [{"image": "a/red.png", "conversations": talk("<image>\nx")}], indent=True
    )
    (image,) = _media(only_sample("llava", location(rows)))
    assert isinstance(image.content, Address) and image.content.length == len(PNG)
