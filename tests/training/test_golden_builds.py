"""The published processor's tokens and pixels, case by case, through a manifest, a build and its packs."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import curation
from curation.mixtures.pixels import Pixels, normalised
from tests.golden_images import draw, drawn
from tests.mixtures.test_golden import PROFILES, Case, cases, encoder_of, trained

pytestmark = pytest.mark.slow
REFERENCE_TEXT = ("text_control_literals", "text_v1_22b_tags_as_text")


def test_every_case_comes_out_of_a_build_as_the_processor_gives_it(real_data: Path, tmp_path: Path) -> None:
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases(real_data):
        if not case["add_generation_prompt"]:
            groups[json.dumps(settings_of(case, real_data), sort_keys=True)].append(case)
    pixels = {json.loads(line)["case_id"]: json.loads(line) for line in pixel_lines(real_data)}
    seen = 0
    for number, (settings, members) in enumerate(groups.items()):
        folder = tmp_path / str(number)
        samples = built(folder, json.loads(settings), members)
        for place, case in enumerate(members):
            sample = samples[f"golden/rows.jsonl:{place}"]
            assert sample["input_ids"].tolist() == case["input_ids"], case["case_id"]
            assert (sample["labels"] != -100).tolist() == trained(case), case["case_id"]
            assert sum(rows * cols + 1 for rows, cols in sample["tiles"]) == case["n_tiles"], case["case_id"]
            assert sample["tiles"] == (case["grids"] or [[0, 0]] * case["n_tiles"])
            if case["case_id"] in pixels:
                values = np.concatenate([normalised(tiles) for tiles in tiles_of(sample)])
                digest = hashlib.sha256(values.tobytes()).hexdigest()
                assert digest == pixels.pop(case["case_id"])["float32_sha256"], case["case_id"]
            seen += 1
    assert not pixels
    assert seen == 38


def test_cases_that_end_in_a_prompt_come_out_of_rendering(real_data: Path) -> None:
    prompts = [case for case in cases(real_data) if case["add_generation_prompt"]]
    assert len(prompts) == 2
    for case in prompts:
        sizes = [(width, height) for width, height in case["image_sizes"]]
        encoder = encoder_of(case, real_data)
        input_ids, labels = encoder.render(case["messages"], image_sizes=sizes, add_generation_prompt=True)
        assert input_ids.tolist() == case["input_ids"]
        assert (labels == -100).all()


def tiles_of(sample: dict[str, Any]) -> list[Pixels]:
    tiles: list[Pixels] = list(sample["pack"]["images"].pixels())[sample["images"]]
    return tiles


def pixel_lines(real_data: Path) -> list[str]:
    return (real_data / "golden" / "smolvlm_pixels.jsonl").read_text("utf-8").splitlines()


def settings_of(case: Case, real_data: Path) -> dict[str, Any]:
    changes = case["processor_overrides"]
    profile: dict[str, Any] = {"base": PROFILES[case["variant"]]}
    if "size" in changes:
        profile["longest_edge"] = changes["size"]["longest_edge"]
    is_sampled = any(video["do_sample_frames"] for video in case["videos"])
    num_given = max((video["n_frames"] for video in case["videos"]), default=64)
    return {
        "profile": profile,
        "tokenizer": str(real_data / "tokenizers" / case["tokenizer_dir"]),
        "prompts": {"split_images": changes.get("do_image_splitting", True)},
        "control_text": "reference" if case["case_id"] in REFERENCE_TEXT else "plain",
        # frames that were chosen beforehand are those that the same rule takes of the whole video with that limit
        "video": {"sampling": "smolvlm", **({"skip_seconds": 1.0} if is_sampled else {"max_frames": num_given})},
    }


def built(folder: Path, settings: dict[str, Any], members: list[Case]) -> dict[str, dict[str, Any]]:
    """Build the cases with the chat adapter; return each sample by its id, cut out of its pack."""
    (folder / "media").mkdir(parents=True)
    rows = [row_of(case, folder / "media") for case in members]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    manifest = {
        "version": 1,
        "name": "golden",
        **settings,
        "sources": {"golden": {"adapter": "chat", "uri": "rows.jsonl", "media": "media"}},
        "mixture": {"unit": "samples", "weights": {"golden": "natural"}},
        "packing": {"context": 8192},
        "output": {"path": "build"},
    }
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    packs = curation.build(folder / "manifest.yaml", workers=1).packs()
    found: dict[str, dict[str, Any]] = {}
    for pack in packs:
        found |= cut_out(pack)
    return found


def cut_out(pack: dict[str, Any]) -> dict[str, dict[str, Any]]:
    samples = {}
    tokens, images = pack["cu_seqlens"].tolist(), pack["cu_images"].tolist()
    for number, sample_id in enumerate(pack["sample_ids"]):
        span, chosen = slice(*tokens[number : number + 2]), slice(*images[number : number + 2])
        samples[sample_id] = {
            "input_ids": pack["input_ids"][span],
            "labels": pack["labels"][span],
            "tiles": pack["tiles"][chosen].tolist(),
            "pack": pack,
            "images": chosen,
        }
    return samples


def row_of(case: Case, media: Path) -> dict[str, Any]:
    """Write the case's media without loss and return its row."""
    messages = []
    for message in case["messages"]:
        parts: list[dict[str, Any]] = []
        for part in message["content"]:
            if part["type"] == "image":
                name = f"{case['case_id']}-{part['image_index']}.png"
                Image.fromarray(drawn(case["images"][part["image_index"]])).save(media / name, compress_level=1)
                parts.append({"type": "image", "image": name})
            elif part["type"] == "video":
                parts.append(video_part(case["videos"][part["video_index"]], media / case["case_id"]))
            else:
                parts.append(part)
        messages.append({"role": message["role"], "content": parts})
    return {"messages": messages}


def video_part(video: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write the frames; of a video whose frames were chosen before, the others are one and the same picture."""
    folder.mkdir()
    chosen = range(video["total_num_frames"]) if video["do_sample_frames"] else video["frames_indices"]
    names = [f"{folder.name}/other.png"] * video["total_num_frames"]
    Image.new("RGB", (video["w"], video["h"])).save(folder / "other.png")
    for number, place in enumerate(chosen):
        names[place] = f"{folder.name}/{place}.png"
        frame = draw(video["w"], video["h"], video["seed"] * 100000 + number)
        Image.fromarray(frame).save(folder / f"{place}.png", compress_level=1)
    return {"type": "video", "video": names, "fps": video["fps"]}
