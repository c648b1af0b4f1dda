"""Profiles: what a model's processor does to images and conversations, as data.

The shipped ones are the YAML files in `profiles/`. A manifest may also change one (`{base: smolvlm2-256m, tile: 384}`)
or read the config files of an Idefics3-like model from a folder or the hub (`{from: path}`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib import resources
from typing import Any, Literal

from curation.errors import ManifestError, nearest
from curation.fingerprint import fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenNames:
    """The control tokens of a profile. `tile` is a pattern of {row} and {col}, counted from 1 up to `max_grid`."""

    begin: str
    end_of_turn: str
    pad: str
    image: str
    image_edge: str
    whole_image: str
    tile: str
    max_grid: int = 6

    def tiles(self) -> tuple[str, ...]:
        """Return the names of the position tokens, row by row."""
        sides = range(1, self.max_grid + 1)
        return tuple(self.tile.format(row=row, col=col) for row in sides for col in sides)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One model's geometry, context and chat template.

    `tile` and `longest_edge` are pixels; `image_seq_len` tokens stand for one tile; `context` is in tokens;
    `frame_size` is the longest side, in pixels, at which video frames are stored. `position_tokens` says whether the
    vocabulary has single tokens for tile positions (`learned`) or spells them (`string`). `folder` is where the
    config files were read from, if they were.
    """

    name: str
    hub_id: str
    generation: int
    tile: int
    longest_edge: int
    image_seq_len: int
    context: int
    frame_size: int
    chat_template: str
    tokens: TokenNames
    position_tokens: Literal["learned", "string"] = "learned"
    split_images: bool = True
    folder: str = ""

    def control_tokens(self) -> tuple[str, ...]:
        """Return the names of the tokens that a tokenizer must have for this profile."""
        names = self.tokens
        plain = (names.begin, names.pad, names.end_of_turn, names.image_edge, names.image)
        if self.position_tokens == "string":
            return plain
        return (*plain, names.whole_image, *names.tiles())

    @property
    def tokenizer(self) -> str:
        """Where the tokenizer is when the manifest names none: the folder of the config files, or the hub."""
        return self.folder or self.hub_id

    @property
    def digest(self) -> str:
        """The sha256 of everything that changes tokens or pixels; not of where it was read from."""
        return fingerprint({key: value for key, value in asdict(self).items() if key not in ("hub_id", "folder")})


def profile_names() -> tuple[str, ...]:
    """Return the names of the shipped profiles."""
    files = resources.files("curation.mixtures.profiles").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


def load_profile(spec: str | Mapping[str, Any]) -> Profile:
    """Load a profile by name, by changes to another, or from a model's config files.

    Raises `ManifestError` for an unknown name or key, a missing or impossible value, and a folder without the files.
    """
    if isinstance(spec, str):
        return _profile(_shipped(spec), name=spec)
    if "from" in spec:
        from curation.mixtures.profile_folder import read_folder

        changes = {key: value for key, value in spec.items() if key != "from"}
        return _profile(_merge(read_folder(str(spec["from"])), changes), name=str(spec["from"]).rstrip("/"))
    base = str(spec.get("base", ""))
    raw = _merge(_shipped(base), {key: value for key, value in spec.items() if key != "base"}) if base else dict(spec)
    if not base and "chat_template" not in spec:
        raise ManifestError(f"profile: {json.dumps(dict(spec))} names no `base` and no `from`; add base: smolvlm2-256m")
    return _profile(raw, name=str(spec.get("name") or f"{base}+" if base else "inline"))


@cache
def _shipped(name: str) -> dict[str, Any]:
    import yaml

    if name not in profile_names():
        raise ManifestError(f"profile: no profile named '{name}'{nearest(name, profile_names())}")
    text = resources.files("curation.mixtures.profiles").joinpath(f"{name}.yaml").read_text("utf-8")
    raw: dict[str, Any] = yaml.safe_load(text)
    base = raw.pop("base", None)
    return _merge(_shipped(base), raw) if base else raw


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**base, **changes}
    if isinstance(changes.get("tokens"), Mapping):
        merged["tokens"] = {**base.get("tokens", {}), **changes["tokens"]}
    if {"tile", "patch_size", "pixel_shuffle"} & changes.keys() and "image_seq_len" not in changes:
        merged.pop("image_seq_len", None)
    if "tile" in changes and "frame_size" not in changes:
        merged.pop("frame_size", None)
    return merged


_KEYS = tuple(field.name for field in fields(Profile) if field.name not in ("name",))


def _profile(raw: Mapping[str, Any], *, name: str) -> Profile:
    values = {key: value for key, value in raw.items() if key not in ("name", "patch_size", "pixel_shuffle")}
    known = (*_KEYS, "patch_size", "pixel_shuffle", "base", "from", "name")
    for key in values:
        if key not in _KEYS:
            raise ManifestError(f"profile {name}: no key named '{key}'{nearest(key, known)}")
    values.setdefault("hub_id", "")
    values.setdefault("generation", 2)
    values.setdefault("frame_size", values.get("tile"))
    if values.get("image_seq_len") is None:
        values["image_seq_len"] = _tokens_per_tile(raw, name=name)
    missing = [key for key in ("tile", "longest_edge", "context", "chat_template", "tokens") if not values.get(key)]
    if missing:
        raise ManifestError(f"profile {name}: {', '.join(missing)} not given; set them, or start from a `base`")
    values["tokens"] = _token_names(values["tokens"], name=name)
    for key in ("tile", "longest_edge", "image_seq_len", "context", "frame_size", "generation"):
        if not isinstance(values[key], int) or isinstance(values[key], bool) or values[key] < 1:
            raise ManifestError(f"profile {name}: {key} is {values[key]!r}; it must be a whole number above 0")
    if values.get("position_tokens", "learned") not in ("learned", "string"):
        raise ManifestError(f"profile {name}: position_tokens is {values['position_tokens']!r}; use learned or string")
    if not isinstance(values["chat_template"], str):
        raise ManifestError(f"profile {name}: chat_template must be a Jinja template, not {values['chat_template']!r}")
    return Profile(name=name, **values)


def _tokens_per_tile(raw: Mapping[str, Any], *, name: str) -> int:
    """Pixel shuffle by r makes one token of r x r patches."""
    sides = [raw.get(key) for key in ("tile", "patch_size", "pixel_shuffle")]
    if not all(isinstance(side, int) and side > 0 for side in sides):
        raise ManifestError(
            f"profile {name}: give image_seq_len, or tile, patch_size and pixel_shuffle above 0: {sides}"
        )
    tile, patch, shuffle = (int(side) for side in sides if side is not None)
    patches = tile // patch
    if patches % shuffle or not patches:
        fix = "choose a pixel_shuffle that divides the patches of a side"
        raise ManifestError(f"profile {name}: {patches} patches a side (tile {tile}) by pixel_shuffle {shuffle}; {fix}")
    return (patches // shuffle) ** 2


def _token_names(raw: Any, *, name: str) -> TokenNames:
    known = tuple(field.name for field in fields(TokenNames))
    for key in raw:
        if key not in known:
            raise ManifestError(f"profile {name}: no token named '{key}'{nearest(key, known)}")
    missing = [key for key in known if key not in raw and key != "max_grid"]
    if missing:
        raise ManifestError(f"profile {name}: tokens.{missing[0]} is not given")
    return TokenNames(**raw)
