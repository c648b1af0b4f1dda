"""OpenAI-style chats: every form of a part."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from curation.records import Address, Drop, FrameFolder, Image, Sample, Video
from tests.sources.layouts import (
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
)

PNG = image_bytes()
DATA_URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


def _chat(tmp_path: Path, parts: Any, answer: Any = "Red.", **row: Any) -> Path:
    write(tmp_path / "red.png", PNG)
    write(tmp_path / "clip.mp4", video_bytes())
    messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": answer}]
    return write_lines(tmp_path / "chat.jsonl", [{"messages": messages, **row}])


def _first(sample: Sample) -> Image | Video:
    part = sample.turns[0].parts[0]
    assert isinstance(part, Image | Video)
    return part


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "red.png"}},
        {"type": "image_url", "image_url": "red.png"},
        {"type": "image_url", "value": "red.png"},
        {"type": "image", "image": "red.png"},
        {"type": "image", "image": {"url": "red.png", "image_wh": [16, 12]}},
        {"type": "image", "path": "red.png"},
        {"type": "input_image", "image_url": "red.png"},
    ],
)
def test_every_form_of_an_image_part_is_read(tmp_path: Path, part: dict[str, Any]) -> None:
    sample = only_sample("chat", location(_chat(tmp_path, [part, {"type": "text", "text": "What?"}])))
    assert shape(sample) == [["[image]", "What?"], ["Red."]]
    assert _first(sample).content == Address(path=str(tmp_path / "red.png"))


def test_data_uris_are_bytes_and_web_addresses_stay_addresses(tmp_path: Path) -> None:
    part = {"type": "image_url", "image_url": {"url": DATA_URI}}
    assert _first(only_sample("chat", location(_chat(tmp_path, [part])))).content == PNG
    part = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    content = _first(only_sample("chat", location(_chat(tmp_path, [part])))).content
    assert content == Address(path="https://example.org/a.png")


def test_video_parts_may_be_a_file_a_span_or_a_list_of_frames(tmp_path: Path) -> None:
    part: dict[str, Any] = {"type": "video_url", "video_url": {"url": "clip.mp4"}}
    assert isinstance(_first(only_sample("chat", location(_chat(tmp_path, [part])))), Video)
    part = {"type": "video", "video": "clip.mp4", "video_start": 1, "video_end": 2.5}
    video = _first(only_sample("chat", location(_chat(tmp_path, [part]))))
    assert isinstance(video, Video) and (video.start_seconds, video.end_seconds) == (1.0, 2.5)
    part = {"type": "video", "video": ["red.png", "red.png"], "fps": 2}
    frames = _first(only_sample("chat", location(_chat(tmp_path, [part])))).content
    assert isinstance(frames, FrameFolder) and (len(frames.frames), frames.fps) == (2, 2.0)


def test_parts_without_payload_take_the_images_of_the_row_in_order(tmp_path: Path) -> None:
    parts = [{"type": "image"}, {"type": "text", "text": "What?"}]
    assert shape(only_sample("chat", location(_chat(tmp_path, parts, images=["red.png"]))))[0] == ["[image]", "What?"]
    assert only_drop("chat", location(_chat(tmp_path, parts, images=["red.png"] * 2))).reason == "placeholder_mismatch"
    assert only_drop("chat", location(_chat(tmp_path, parts))).reason == "missing_media"


def test_text_stays_and_a_named_placeholder_says_where_the_image_stands(tmp_path: Path) -> None:
    parts = [{"type": "image_url", "image_url": "red.png"}, {"type": "text", "text": "See\n<IMG>\nWhat?"}]
    assert shape(only_sample("chat", location(_chat(tmp_path, parts))))[0] == ["[image]", "See\n<IMG>\nWhat?"]
    placed = only_sample("chat", location(_chat(tmp_path, parts), placeholder="<IMG>"))
    assert shape(placed)[0] == ["See\n", "[image]", "What?"]
    drop = only_drop("chat", location(_chat(tmp_path, [*parts, parts[0]]), placeholder="<IMG>"))
    assert (drop.reason, drop.measured, drop.threshold) == ("placeholder_mismatch", 1, 2)


@pytest.mark.parametrize(
    ("parts", "answer", "reason"),
    [
        ([{"type": "input_audio"}], "x", "unknown_part"),
        ([{"type": "text", "text": None}], "x", "invalid_row"),
        ([7], "x", "invalid_row"),
        (7, "x", "invalid_row"),
        ("What?", [{"type": "image", "image": "red.png"}], "media_in_answer"),
        ("What?", [{"type": "reasoning", "value": "hm"}], "unknown_part"),
        ("What?", [], "no_answer"),
        ("What?", None, "no_answer"),
        ([], "x", "no_question"),
        ([{"type": "image", "image": "none.png"}], "x", "missing_media"),
        ([{"type": "video", "video": "clip.mp4", "video_start": "soon"}], "x", "invalid_row"),
    ],
)
def test_a_chat_that_can_not_be_used_is_a_drop(tmp_path: Path, parts: Any, answer: Any, reason: str) -> None:
    assert only_drop("chat", location(_chat(tmp_path, parts, answer))).reason == reason


def test_a_blank_turn_beside_others_is_kept_as_it_is(tmp_path: Path) -> None:
    talk = [("user", ""), ("assistant", "\n"), ("user", "And?"), ("assistant", "Yes.")]
    rows = [{"messages": [{"role": role, "content": words} for role, words in talk]}]
    (row,) = read_all("chat", location(write_lines(tmp_path / "a.jsonl", rows)))
    assert isinstance(row, Sample)
    assert shape(row) == [[""], ["\n"], ["And?"], ["Yes."]]


def test_a_bare_list_of_messages_is_a_row(tmp_path: Path) -> None:
    rows = [
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": [{"type": "text", "text": "Hello"}]}]
    ] * 2
    samples = read_all("chat", location(write_lines(tmp_path / "a.jsonl", rows)))
    assert [shape(row) for row in samples if isinstance(row, Sample)] == [[["Hi"], ["Hello"]]] * 2


def test_real_chats_are_read(real_data: Path) -> None:
    folder = real_data / "real" / "llava-xtuner-openai"
    assert set(reasons(read_all("chat", location(folder / "mllm_sft_multi_image_example_data_new.jsonl")))) == {"ok"}
    assert set(reasons(read_all("chat", location(folder / "openai_sft.jsonl")))) == {"ok"}
    pretrain = read_all("chat", location(folder / "mllm_pretrain_image_example_data_new.jsonl"))
    assert {row.reason for row in pretrain if isinstance(row, Drop)} == {"unknown_role"}
    old = read_all("chat", location(folder / "mllm_sft_single_image_example_data.jsonl", placeholder="<IMG_CONTEXT>"))
    assert all(isinstance(row, Sample) and "<IMG_CONTEXT>" not in str(shape(row)) for row in old)
    demo = real_data / "real" / "llava-llamafactory-mllm" / "v1_multimodal_demo.jsonl"
    assert set(reasons(read_all("chat", location(demo, strip_prefix="data/")))) == {"ok"}
