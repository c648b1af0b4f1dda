"""What an ablation varies: a file of named variants over a base manifest, or a grid of values."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from curation.errors import ManifestError, nearest
from curation.manifest_names import load_manifest
from curation.manifests import Manifest
from curation.manifests.nodes import Node, Origin, WrongError, describe, refuse, wrong
from curation.manifests.reading import read_yaml

UNITS = ("tokens", "samples", "image_tokens", "loss_tokens")
KEYS = ("base", "variants", "vary", "match")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One variant: the base manifest with some keys set. `folder` is its name as a folder."""

    name: str
    settings: Mapping[str, Any]

    @property
    def overrides(self) -> tuple[str, ...]:
        """The settings as after `--set`."""
        return tuple(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in self.settings.items())

    @property
    def folder(self) -> str:
        """The name as one part of a path."""
        return re.sub(r"[^\w.=+-]+", "_", self.name).strip("._") or "variant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablations:
    """The variants of a base manifest. `match` is the unit in which all get the size of the smallest, or None."""

    base: Path
    variants: tuple[Variant, ...]
    match: str | None = None


def is_ablations_file(path: str | Path) -> bool:
    """Whether a YAML file holds ablations (it has `base`, and `variants` or `vary`) and not a manifest."""
    node = _read(str(path))
    return isinstance(node.value, dict) and "base" in node.value and bool({"variants", "vary"} & node.value.keys())


def read_ablations(path: str | Path, *, base: str | Path | None = None) -> Ablations:
    """Read a file of ablations; `base` stands in for the manifest that it names.

    Raises ManifestError with file, line, the value and the fix.
    """
    try:
        return _ablations(_read(str(path)), base)
    except WrongError as err:
        raise refuse(err.problems) from None


def grid(manifest: str | Path, vary: Sequence[str], *, match: str | None = None) -> Ablations:
    """Make a variant of every combination of values; each of `vary` is `key=v1,v2,…`, the values YAML."""
    axes: dict[str, list[Any]] = {}
    for text in vary:
        key, separator, values = text.partition("=")
        key = key.strip()
        if not key or not separator or not values.strip():
            raise ManifestError(f"--vary {text}: write it key=v1,v2, such as --vary video.fps=1,2")
        origin = Origin(name=f"--vary {key}", folder=str(Path.cwd()))
        try:
            node = read_yaml(f"[{values}]", origin, os.environ)
        except WrongError as err:
            raise refuse(err.problems) from None
        axes[key] = node.plain() if node is not None else []
    return Ablations(base=Path(manifest), variants=tuple(_combinations(axes)), match=match)


def load_variants(ablations: Ablations) -> list[Manifest]:
    """Load the base manifest with each variant's settings; no data is read.

    Raises ManifestError, which names the variant; every variant is read before the first is built.
    """
    manifests = [load_variant(ablations, variant) for variant in ablations.variants]
    folders: dict[str, str] = {}
    for variant in ablations.variants:
        other = folders.setdefault(variant.folder.casefold(), variant.name)
        if other != variant.name:
            raise ManifestError(f"variants '{other}' and '{variant.name}' would share a folder; rename one of them")
    return manifests


def load_variant(ablations: Ablations, variant: Variant, overrides: Sequence[str] = ()) -> Manifest:
    """Load one variant, with more settings laid over it."""
    try:
        return load_manifest(ablations.base, overrides=[*variant.overrides, *overrides])
    except ManifestError as err:
        lines = [f"variant '{variant.name}': {line.removeprefix('--set ')}" for line in str(err).splitlines()]
        raise ManifestError("\n".join(lines)) from err


def _read(shown: str) -> Node:
    origin = Origin(name=f"ablations {shown}", line=1, folder=str(Path(shown).absolute().parent))
    try:
        node = read_yaml(Path(shown).read_text("utf-8"), origin, os.environ)
    except (OSError, UnicodeDecodeError) as err:
        said = err.strerror if isinstance(err, OSError) else "it isn't UTF-8"
        raise ManifestError(f"ablations {shown}: it can't be read ({said}); correct the path") from err
    except WrongError as err:
        raise refuse(err.problems) from None
    return node or Node(value=None, origin=origin)


def _ablations(node: Node, base: str | Path | None) -> Ablations:
    if not isinstance(node.value, dict):
        raise wrong(node, f"it is {describe(node.value)}; ablations are a mapping with base and variants")
    for key, child in node.value.items():
        if key not in KEYS:
            raise wrong(child, f"no key named {key!r}{nearest(key, KEYS) or '; the keys are ' + ', '.join(KEYS)}")
    named = node.find("base")
    if base is None and (named is None or not isinstance(named.value, str) or not named.value):
        raise wrong(named or node, "base is not given; it must be the path of a manifest")
    variants = [_variant(name, child) for name, child in node.entries("variants")]
    axes = {key: _values(key, child) for key, child in node.entries("vary")}
    variants += _combinations(axes) if axes else []
    if not variants:
        raise wrong(node, "no variants; write variants: {name: {key: value}} or vary: {key: [v1, v2]}")
    return Ablations(
        base=Path(base) if base is not None else _beside(node),
        variants=tuple(variants),
        match=_match(node.find("match")),
    )


def _beside(node: Node) -> Path:
    named = node.value["base"]
    return Path(os.path.normpath(Path(named.origin.folder) / Path(named.value).expanduser()))


def _variant(name: str, node: Node) -> Variant:
    if node.value is not None and not isinstance(node.value, dict):
        raise wrong(node, f"variants.{name} is {describe(node.value)}; it must be a mapping such as {{video.fps: 2}}")
    return Variant(name=name, settings=node.plain() or {})


def _values(key: str, node: Node) -> list[Any]:
    if not isinstance(node.value, list) or not node.value:
        raise wrong(node, f"vary.{key} is {describe(node.value)}; it must be a list of values")
    values: list[Any] = node.plain()
    return values


def _match(node: Node | None) -> str | None:
    if node is None or node.value is None:
        return None
    if node.value not in UNITS:
        raise wrong(node, f"match is {describe(node.value)}; it must be one of {', '.join(UNITS)}")
    return str(node.value)


def _combinations(axes: Mapping[str, Sequence[Any]]) -> Iterator[Variant]:
    for values in product(*axes.values()):
        settings = dict(zip(axes, values, strict=True))
        yield Variant(name=", ".join(f"{key}={_word(value)}" for key, value in settings.items()), settings=settings)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
