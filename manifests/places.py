"""Shapes of places: paths relative to the manifest that writes them, URLs, globs and hub ids."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.credentials import AsWritten, FromEnvironment, expanded, literal_secret
from curation.manifests.nodes import Node, WrongError, wrong
from curation.manifests.shapes import JsonSchema, must_be

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def resolve_place(text: str, folder: str) -> str:
    """Make a path absolute from the folder of the manifest that writes it; URLs (`://`) stay as they are.

    A URL keeps its `${VAR}` until it is opened, so that nothing that is written holds what they stand for.
    """
    if isinstance(text, FromEnvironment):
        if "://" in text.raw:
            return AsWritten(text.raw)
        resolved = resolve_place(str(text), folder)
        raws = (text.raw, os.path.normpath(Path(folder, text.raw)))
        return next((FromEnvironment(raw, value=resolved) for raw in raws if expanded(raw) == resolved), resolved)
    if "://" in text:
        return text
    return os.path.normpath(Path(folder, expand_home(text)))


def expand_home(text: str) -> Path:
    """Put the home folder for a leading `~`; a `~name` that nobody has stays as it is."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def resolve_model(text: str, folder: str) -> str:
    """Resolve a folder or file like `resolve_place`, but keep `bytes` and hub ids (`org/name` where nothing is)."""
    is_name = text == "bytes" or _HUB_ID.fullmatch(text) is not None
    if is_name and not text.endswith(".json") and not Path(folder, text).exists():
        return text
    return text if text == "bytes" else resolve_place(text, folder)


def resolve_options(options: Mapping[str, Node], paths: tuple[str, ...]) -> dict[str, Any]:
    """Return plain options; those named in `paths` hold a path or a list of paths and are made absolute."""
    return {name: _resolve_deep(node) if name in paths else node.plain() for name, node in options.items()}


def _resolve_deep(node: Node) -> Any:
    if isinstance(node.value, list):
        return [_resolve_deep(item) for item in node.value]
    return resolve_place(node.value, node.origin.folder) if isinstance(node.value, str) and node.value else node.plain()


@dataclass(frozen=True, slots=True)
class PlaceShape:
    """A path, a glob or an fsspec URL; becomes absolute."""

    wanted: str = "a path or a URL"

    def read(self, node: Node, path: str) -> str:
        if not isinstance(node.value, str) or not node.value.strip():
            raise must_be(node, path, self.wanted)
        written = getattr(node.value, "raw", node.value)
        if secret := literal_secret(written) or literal_secret(node.value if "://" not in written else ""):
            raise wrong(
                node,
                f"{path} holds {secret} in so many words; put it into a variable of the environment and write "
                "${NAME} in its place in the URL, or leave it to what the store reads from the environment",
            )
        return resolve_place(node.value, node.origin.folder)

    def schema(self) -> JsonSchema:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True, slots=True)
class TokenizerShape:
    """`bytes`, a hub id, a folder or a tokenizer.json."""

    def read(self, node: Node, path: str) -> str:
        if not isinstance(node.value, str) or not node.value.strip():
            raise must_be(node, path, "a folder, a tokenizer.json, a hub id or 'bytes'")
        return resolve_model(node.value, node.origin.folder)

    def schema(self) -> JsonSchema:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True, slots=True)
class ProfileShape:
    """The name of a profile, or a mapping that begins with the profile it changes (`base:`) or reads (`from:`)."""

    def read(self, node: Node, path: str) -> str | Mapping[str, Any]:
        if isinstance(node.value, str) and node.value:
            return node.value
        if not isinstance(node.value, dict) or not node.value:
            raise must_be(node, path, "the name of a profile or a mapping with 'base' or 'from'")
        for key in ("base", "from"):
            child = node.value.get(key)
            if child is not None and not (isinstance(child.value, str) and child.value):
                raise must_be(child, f"{path}.{key}", "text")
        return {key: _profile_value(key, child) for key, child in node.value.items() if child.value is not None}

    def schema(self) -> JsonSchema:
        described: JsonSchema = {
            "base": {"type": "string", "description": "The profile that this one changes."},
            "from": {"type": "string", "description": "A model folder or hub id whose processor settings are read."},
        }
        return {"anyOf": [{"type": "string", "minLength": 1}, {"type": "object", "properties": described}]}


def _profile_value(key: str, node: Node) -> Any:
    return resolve_model(node.value, node.origin.folder) if key == "from" else node.plain()


def check_source_name(name: str, node: Node) -> WrongError | None:
    """Refuse names that would not survive in `sample_id` and in weight paths, where `/` divides."""
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name, re.ASCII):
        return None
    said = name if len(name) <= 60 else name[:57] + "..."
    return wrong(node, f"{said!r} can't name a source; use letters, digits, '_', '-' and '.'")
