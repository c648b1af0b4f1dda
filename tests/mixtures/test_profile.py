from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curation.errors import ManifestError
from curation.mixtures.profile import load_profile, profile_names


def test_six_models_have_a_profile() -> None:
    assert profile_names() == (
        "smolvlm-2.2b",
        "smolvlm-256m",
        "smolvlm-500m",
        "smolvlm2-2.2b",
        "smolvlm2-256m",
        "smolvlm2-500m",
    )


@pytest.mark.parametrize(
    ("name", "tile", "longest_edge", "image_seq_len", "context"),
    [
        ("smolvlm-256m", 512, 2048, 64, 8192),
        ("smolvlm-500m", 512, 2048, 64, 8192),
        ("smolvlm-2.2b", 384, 1536, 81, 16384),
        ("smolvlm2-256m", 512, 2048, 64, 8192),
        ("smolvlm2-500m", 512, 2048, 64, 8192),
        ("smolvlm2-2.2b", 384, 1536, 81, 16384),
    ],
)
def test_profile_has_the_published_numbers(
    name: str, tile: int, longest_edge: int, image_seq_len: int, context: int
) -> None:
    profile = load_profile(name)
    assert (profile.name, profile.tile, profile.longest_edge) == (name, tile, longest_edge)
    assert (profile.image_seq_len, profile.context, profile.frame_size) == (image_seq_len, context, tile)


def test_only_the_first_large_model_spells_its_tile_positions() -> None:
    spelling = [name for name in profile_names() if load_profile(name).position_tokens == "string"]
    assert spelling == ["smolvlm-2.2b"]
    assert "<row_1_col_1>" not in load_profile("smolvlm-2.2b").control_tokens()
    assert "<row_6_col_6>" in load_profile("smolvlm2-2.2b").control_tokens()


def test_pixel_shuffle_changes_the_tokens_of_a_tile() -> None:
    assert load_profile({"base": "smolvlm2-256m", "pixel_shuffle": 2}).image_seq_len == 256


def test_stated_tokens_of_a_tile_win_over_the_arithmetic() -> None:
    assert load_profile({"base": "smolvlm2-256m", "pixel_shuffle": 2, "image_seq_len": 100}).image_seq_len == 100


def test_frames_are_stored_at_the_tile_size_unless_stated() -> None:
    assert load_profile({"base": "smolvlm2-256m", "tile": 256, "pixel_shuffle": 4}).frame_size == 256
    assert load_profile({"base": "smolvlm2-256m", "frame_size": 300}).frame_size == 300


def test_one_token_name_can_be_changed_alone() -> None:
    profile = load_profile({"base": "smolvlm2-256m", "tokens": {"pad": "<|endoftext|>"}})
    assert profile.tokens.pad == "<|endoftext|>"
    assert profile.tokens.image == "<image>"


def test_digest_tells_what_changes_tokens_and_not_where_it_came_from() -> None:
    profile = load_profile("smolvlm2-256m")
    assert profile.digest == replace(profile, hub_id="elsewhere", folder="x").digest
    assert profile.digest != replace(profile, longest_edge=1024).digest


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("smolvlm2-265m", "profile: no profile named 'smolvlm2-265m'; did you mean 'smolvlm2-256m'?"),
        ({"base": "smolvlm2-500"}, "profile: no profile named 'smolvlm2-500'; did you mean 'smolvlm2-500m'?"),
        ({"base": "smolvlm2-256m", "tyle": 3}, "profile smolvlm2-256m+: no key named 'tyle'; did you mean 'tile'?"),
        (
            {"base": "smolvlm2-256m", "tokens": {"imge": "<i>"}},
            "profile smolvlm2-256m+: no token named 'imge'; did you mean 'image'?",
        ),
        (
            {"base": "smolvlm2-256m", "tile": 0},
            "profile smolvlm2-256m+: give image_seq_len, or tile, patch_size and pixel_shuffle above 0: [0, 16, 4]",
        ),
        (
            {"base": "smolvlm2-256m", "pixel_shuffle": 3},
            "profile smolvlm2-256m+: 32 patches a side (tile 512) by pixel_shuffle 3; "
            "choose a pixel_shuffle that divides the patches of a side",
        ),
        (
            {"base": "smolvlm2-256m", "context": "8k"},
            "profile smolvlm2-256m+: context is '8k'; it must be a whole number above 0",
        ),
        (
            {"base": "smolvlm2-256m", "position_tokens": "both"},
            "profile smolvlm2-256m+: position_tokens is 'both'; use learned or string",
        ),
        ({"tile": 512}, 'profile: {"tile": 512} names no `base` and no `from`; add base: smolvlm2-256m'),
        (
            {"from": "no/such/folder"},
            "profile: no folder no/such/folder; give a folder with a model's config files, or organisation/name",
        ),
    ],
)
def test_wrong_profile_is_refused_with_the_fix(spec: Any, message: str) -> None:
    with pytest.raises(ManifestError) as refused:
        load_profile(spec)
    assert str(refused.value) == message


def write_model(folder: Path, **changes: Any) -> Path:
    """Write the config files of a small Idefics3-like model."""
    files: dict[str, Any] = {
        "preprocessor_config.json": {"size": {"longest_edge": 728}, "max_image_size": {"longest_edge": 364}},
        "config.json": {
            "scale_factor": 2,
            "vision_config": {"patch_size": 14},
            "text_config": {"max_position_embeddings": 4096},
        },
        "tokenizer_config.json": {"bos_token": {"content": "<s>"}, "pad_token": "<pad>", "model_max_length": 10**30},
        "chat_template.json": {"chat_template": "{{ messages[0]['role'] }}"},
    }
    for name, content in {**files, **changes}.items():
        if content is not None:
            (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def test_profile_of_another_model_is_read_from_its_config_files(tmp_path: Path) -> None:
    profile = load_profile({"from": str(write_model(tmp_path))})
    assert (profile.tile, profile.longest_edge, profile.image_seq_len, profile.context) == (364, 728, 169, 4096)
    assert (profile.tokens.begin, profile.tokens.pad) == ("<s>", "<pad>")
    assert profile.position_tokens == "string"
    assert profile.tokenizer == str(tmp_path)


def test_changes_apply_over_config_files(tmp_path: Path) -> None:
    profile = load_profile({"from": str(write_model(tmp_path)), "context": 2048, "split_images": False})
    assert (profile.context, profile.split_images) == (2048, False)


def test_template_file_wins_over_the_json(tmp_path: Path) -> None:
    folder = write_model(tmp_path, **{"chat_template.jinja": "{{ 'jinja' }}"})
    assert load_profile({"from": str(folder)}).chat_template == "{{ 'jinja' }}"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"preprocessor_config.json": None}, "no size.longest_edge and max_image_size.longest_edge"),
        ({"preprocessor_config.json": "{"}, "is not JSON"),
        ({"preprocessor_config.json": "[]"}, "holds list, not an object"),
        ({"chat_template.json": None}, "no chat template"),
        ({"tokenizer_config.json": None, "config.json": {"scale_factor": 2}}, "no max_position_embeddings"),
    ],
)
def test_folder_that_lacks_a_value_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(ManifestError, match=expected):
        load_profile({"from": str(write_model(tmp_path, **changes))})
