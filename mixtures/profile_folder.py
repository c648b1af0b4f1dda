"""A profile from the config files that an Idefics3-like model publishes: a local folder, or a hub repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from curation.errors import ManifestError

FILES = (
    "preprocessor_config.json",
    "processor_config.json",
    "config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.json",
    "chat_template.jinja",
)


def read_folder(source: str) -> dict[str, Any]:
    """Read the values of a profile from a folder or a hub repository (`organisation/name`).

    Raises `ManifestError` when it is neither, a file is not JSON, or a value can't be found in any file.
    """
    folder = Path(source) if Path(source).is_dir() else _download(source)
    configs = {name.removesuffix(".json"): _read(folder / name) for name in FILES if name.endswith(".json")}
    size = configs["preprocessor_config"]
    tile, longest_edge = size.get("max_image_size", {}).get("longest_edge"), size.get("size", {}).get("longest_edge")
    if not tile or not longest_edge:
        what = "size.longest_edge and max_image_size.longest_edge in preprocessor_config.json"
        raise ManifestError(f"profile from {source}: no {what}; it is no Idefics3-like image processor")
    tokens = _tokens(configs, source=source)
    return {
        "hub_id": "" if folder == Path(source) else source,
        "folder": str(folder),
        "generation": 2 if "video_sampling" in size else 1,
        "tile": tile,
        "longest_edge": longest_edge,
        "image_seq_len": configs["processor_config"].get("image_seq_len"),
        "patch_size": configs["config"].get("vision_config", {}).get("patch_size"),
        "pixel_shuffle": configs["config"].get("scale_factor"),
        "context": _context(configs, source=source),
        "split_images": bool(size.get("do_image_splitting", True)),
        "position_tokens": _position_tokens(configs, tokens),
        "tokens": tokens,
        "chat_template": _chat_template(folder, configs, source=source),
    }


def _download(source: str) -> Path:
    """Fetch the small files of a hub repository into the hub's own cache."""
    if source.count("/") != 1 or source.startswith((".", "/", "~")):
        raise ManifestError(
            f"profile: no folder {source}; give a folder with a model's config files, or organisation/name"
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(source, allow_patterns=[*FILES, "tokenizer.json", "added_tokens.json"]))
    except Exception as err:
        fix = "check the name and HF_TOKEN, or give a local folder"
        raise ManifestError(f"profile: can't read {source} from the hub ({type(err).__name__}: {err}); {fix}") from err


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text("utf-8"))
    except ValueError as err:
        raise ManifestError(f"profile: {path} is not JSON: {err}") from err
    if not isinstance(value, dict):
        raise ManifestError(f"profile: {path} holds {type(value).__name__}, not an object")
    return value


def _chat_template(folder: Path, configs: dict[str, dict[str, Any]], *, source: str) -> str:
    written = folder / "chat_template.jinja"
    if written.is_file():
        return written.read_text("utf-8")
    for name in ("chat_template", "processor_config", "tokenizer_config"):
        template = configs[name].get("chat_template")
        if isinstance(template, str):
            return template
    raise ManifestError(
        f"profile from {source}: no chat template in chat_template.json, .jinja or tokenizer_config.json"
    )


def _context(configs: dict[str, dict[str, Any]], *, source: str) -> int:
    text = configs["config"].get("text_config", {})
    for value in (text.get("max_position_embeddings"), configs["tokenizer_config"].get("model_max_length")):
        if isinstance(value, int) and value < 10**9:  # transformers writes 1e30 for "unknown"
            return value
    raise ManifestError(f"profile from {source}: no max_position_embeddings and no model_max_length; add `context:`")


def _tokens(configs: dict[str, dict[str, Any]], *, source: str) -> dict[str, Any]:
    """Name the control tokens; those no file names have the names that Idefics3 gave them."""
    stated = {**configs["special_tokens_map"], **configs["tokenizer_config"]}

    def name(*keys: str, default: str) -> str:
        for key in keys:
            value = stated.get(key)
            value = value.get("content") if isinstance(value, dict) else value
            if isinstance(value, str):
                return value
        return default

    end = name("end_of_utterance_token", default="<end_of_utterance>")
    return {
        "begin": name("bos_token", default="<|im_start|>"),
        "end_of_turn": end,
        "pad": name("pad_token", "eos_token", default=end),
        "image": name("image_token", default="<image>"),
        "image_edge": name("fake_image_token", default="<fake_token_around_image>"),
        "whole_image": name("global_image_token", default="<global-img>"),
        "tile": "<row_{row}_col_{col}>",
    }


def _position_tokens(configs: dict[str, dict[str, Any]], tokens: dict[str, Any]) -> str:
    added = configs["tokenizer_config"].get("added_tokens_decoder", {}).values()
    return (
        "learned" if any(token.get("content") == tokens["tile"].format(row=1, col=1) for token in added) else "string"
    )
