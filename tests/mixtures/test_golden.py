"""The published processor's own ids, case by case, through both ways in: rendering, and rows as pull writes them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.frames import FrameSettings
from curation.mixtures.dialect import VideoTimes
from curation.mixtures.encode import Encoder, EncodeSettings, expand
from curation.mixtures.profile import Profile, load_profile
from curation.mixtures.tokenizer import Tokenizer, load_tokenizer

CASES = 40
PROFILES = {
    "smolvlm1-2.2b": "smolvlm-2.2b",
    "smolvlm1-500m": "smolvlm-500m",
    "smolvlm2-2.2b": "smolvlm2-2.2b",
    "smolvlm2-500m": "smolvlm2-500m",
}
Case = dict[str, Any]


@cache
def cases(real_data: Path) -> tuple[Case, ...]:
    text = (real_data / "golden" / "smolvlm_tokens.jsonl").read_text("utf-8")
    return tuple(json.loads(line) for line in text.splitlines())


@cache
def tokenizer_of(folder: Path, profile: Profile) -> Tokenizer:
    return load_tokenizer(str(folder), profile)


def encoder_of(case: Case, real_data: Path) -> Encoder:
    named = load_profile(PROFILES[case["variant"]])
    changes = case["processor_overrides"]
    changed = {
        "longest_edge": changes.get("size", {}).get("longest_edge", named.longest_edge),
        "split_images": changes.get("do_image_splitting", True),
    }
    profile = load_profile({"base": named.name, **changed})
    settings = EncodeSettings(
        profile=profile,
        # The processor takes control tokens in a dataset's text for control tokens; these two cases show it.
        control_text="reference"
        if case["case_id"] in ("text_control_literals", "text_v1_22b_tags_as_text")
        else "plain",
        video=FrameSettings(sampling="smolvlm", skip_seconds=1.0)
        if _is_sampled(case)
        else FrameSettings(sampling="uniform"),
    )
    return Encoder(settings, tokenizer_of(real_data / "tokenizers" / case["tokenizer_dir"], named))


def _is_sampled(case: Case) -> bool:
    return any(video["do_sample_frames"] for video in case["videos"])


def row_of(case: Case) -> dict[str, Any]:
    """Return the case as a pulled row."""
    media: list[dict[str, Any]] = []
    turns: list[Any] = []
    for message in case["messages"]:
        parts: list[str | int] = []
        for part in message["content"]:
            if part["type"] == "text":
                parts.append(part["text"])
                continue
            parts.append(len(media))
            if part["type"] == "image":
                width, height = case["image_sizes"][part["image_index"]]
                media.append({"type": "image", "width": width, "height": height, "bytes": 1000})
            else:
                media.append(_video(case["videos"][part["video_index"]]))
        turns.append([message["role"], parts])
    return {
        "sample_id": case["case_id"],
        "source": "golden",
        "kind": "image",
        "rank": 0.5,
        "conversation": json.dumps(turns),
        "media": media,
    }


def _video(video: dict[str, Any]) -> dict[str, Any]:
    positions = range(video["total_num_frames"]) if video["do_sample_frames"] else video["frames_indices"]
    return {
        "type": "video",
        "name": "video",
        "width": video["w"],
        "height": video["h"],
        "time_base": f"1/{int(video['fps'])}",
        "pts": list(positions),
        "keyframes": [0],
        "duration_seconds": video["duration"],
        "start_seconds": None,
        "end_seconds": None,
    }


def trained(case: Case) -> list[bool]:
    mask = np.zeros(case["n_tokens"], bool)
    for start, end in case["assistant_spans"]:
        mask[start:end] = True
    return mask.tolist()


def test_all_cases_are_there(real_data: Path) -> None:
    assert len(cases(real_data)) == CASES


@pytest.mark.parametrize("number", range(CASES))
def test_rendered_conversation_has_the_processors_ids_and_the_answers_as_labels(real_data: Path, number: int) -> None:
    case = cases(real_data)[number]
    times = [
        VideoTimes(stored=tuple((time,) for time in video["timestamps_used"]), duration=video["duration"])
        for video in case["videos"]
    ]
    input_ids, labels = encoder_of(case, real_data).render(
        case["messages"],
        image_sizes=[(width, height) for width, height in case["image_sizes"]],
        videos=times,
        add_generation_prompt=case["add_generation_prompt"],
    )
    assert input_ids.tolist() == case["input_ids"]
    assert (labels != -100).tolist() == trained(case)
    assert labels[labels != -100].tolist() == input_ids[labels != -100].tolist()


@pytest.mark.parametrize("number", range(CASES))
def test_pulled_row_has_the_processors_ids_and_exact_counts(real_data: Path, number: int) -> None:
    case = cases(real_data)[number]
    if case["add_generation_prompt"]:
        pytest.skip("a prompt without an answer is no training sample")
    encoder = encoder_of(case, real_data)
    (row,), _ = encoder.encode([row_of(case)])
    grids = [
        (medium["rows"], medium["cols"])
        for medium in row["media"]
        for _ in range(1 if medium["type"] == "image" else len(medium["frame_seconds"]))
    ]
    input_ids, labels = expand(row["ids"], row["loss"], grids, encoder.layout)
    assert input_ids.tolist() == case["input_ids"]
    assert (labels != -100).tolist() == trained(case)
    assert row["tokens"] == case["n_tokens"]
    assert row["image_tokens"] == case["n_image_tokens"]
    assert row["text_tokens"] == case["n_tokens"] - case["n_image_tokens"]
    assert row["loss_tokens"] == sum(trained(case))
    assert row["num_tiles"] == case["n_tiles"]
    if case["image_sizes"]:
        assert [list(grid) for grid in grids] == case["grids"]


@pytest.mark.parametrize("folder", ["smolvlm2-256m-500m-video", "smolvlm2-2.2b", "smolvlm1-256m-500m", "smolvlm1-2.2b"])
def test_profile_read_from_config_files_encodes_as_the_named_one(real_data: Path, folder: str) -> None:
    source = real_data / "tokenizers" / folder
    profile = load_profile({"from": str(source)})
    case = next(
        c for c in cases(real_data) if c["tokenizer_dir"] == folder and c["images"] and not c["processor_overrides"]
    )
    tokenizer = tokenizer_of(source, profile)
    input_ids, _ = Encoder(EncodeSettings(profile=profile), tokenizer).render(
        case["messages"],
        image_sizes=[(width, height) for width, height in case["image_sizes"]],
        add_generation_prompt=case["add_generation_prompt"],
    )
    assert input_ids.tolist() == case["input_ids"]
