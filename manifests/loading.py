"""Load a manifest: read it and what it extends, lay the overrides over it, check it, and make it values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from curation.errors import ManifestError
from curation.manifests.checks import KnownNames, check_filters, check_names
from curation.manifests.merging import merge, put
from curation.manifests.models import MANIFEST, Manifest
from curation.manifests.nodes import Node, Origin, Problem, WrongError, describe, refuse, wrong
from curation.manifests.places import expand_home
from curation.manifests.reading import MAX_BYTES, read_yaml


def load_manifest(path: str | Path, *, overrides: Sequence[str] = (), known: KnownNames | None = None) -> Manifest:
    """Read and check a manifest; nothing but manifests is read.

    `overrides` are `key.path=value` strings as after `--set`, the values YAML; relative paths in them are relative to
    the current folder. Names of adapters, filters and profiles are checked when `known` says which there are.

    Raises:
        ManifestError: with a line for each problem: file, line, value and fix, the first in the file first.

    """
    shown = os.fspath(path)
    try:
        tree = _read(shown, (), os.environ)
        for override in overrides:
            tree = _set(tree, override, os.environ)
        problems = list(check_names(tree, known))
        try:
            settings = MANIFEST.read(tree, "")
        except WrongError as err:
            raise WrongError([*err.problems, *problems]) from None
        problems = problems or list(check_filters(tree, settings, known))
        if problems:
            raise WrongError(problems)
    except WrongError as err:
        raise refuse(err.problems) from None
    return replace(settings, path=_absolute(shown), name=settings.name or Path(shown).stem or "manifest")


def _absolute(shown: str) -> Path:
    return Path(os.path.normpath(Path(shown).absolute()))


@dataclass(frozen=True, slots=True)
class _Step:
    """A manifest on the way down a chain of `extends`."""

    shown: str
    real: str


def _read(shown: str, chain: tuple[_Step, ...], environment: Mapping[str, str]) -> Node:
    origin = Origin(name=f"manifest {shown}", line=1, folder=str(_absolute(shown).parent))
    tree = read_yaml(_text(shown), origin, environment)
    if tree is None:
        raise wrong(Node(value=None, origin=origin), "the file is empty; begin with 'version: 1'")
    if not isinstance(tree.value, dict):
        raise wrong(tree, f"it is {describe(tree.value)}; a manifest is a mapping that begins with 'version: 1'")
    step = _Step(shown, os.path.realpath(shown))
    bases = [_read_base(item, (*chain, step), environment) for item in _extended(tree)]
    own = replace(tree, value={key: value for key, value in tree.value.items() if key != "extends"})
    result = own if not bases else bases[0]
    for layer in [*bases[1:], own] if bases else []:
        result = merge(result, layer)
    return result


def _extended(tree: Node) -> list[Node]:
    node = tree.value.get("extends")
    if node is None or node.value is None:
        return []
    items = node.value if isinstance(node.value, list) else [node]
    for item in items:
        if not isinstance(item.value, str) or not item.value or "://" in item.value:
            said = describe(item.value)
            raise wrong(item, f"extends is {said}; it must be the path of a manifest, or a list of them")
    return list(items)


def _read_base(item: Node, chain: tuple[_Step, ...], environment: Mapping[str, str]) -> Node:
    shown = os.path.normpath(Path(chain[-1].shown).parent / expand_home(item.value))
    real = os.path.realpath(shown)
    if real in (step.real for step in chain):
        circle = " -> ".join([step.shown for step in chain] + [shown])
        raise wrong(item, f"extends goes in a circle: {circle}; take one of them out")
    if not Path(real).is_file():
        raise wrong(item, f"extends names {describe(item.value)}, but there is no file {shown}; correct the path")
    return _read(shown, chain, environment)


def _text(shown: str) -> str:
    """Read a file's text; problems of the file itself have no line."""
    name = f"manifest {shown}"
    try:
        path = Path(shown)
        if path.is_dir():
            raise ManifestError(f"{name}: it is a folder; name the file in it")
        if path.stat().st_size > MAX_BYTES:
            raise ManifestError(f"{name}: it has {path.stat().st_size} bytes; a manifest has at most {MAX_BYTES}")
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as err:
        raise ManifestError(f"{name}: there is no such file; correct the path") from err
    except UnicodeDecodeError as err:
        raise ManifestError(f"{name}: byte {err.start} isn't UTF-8; save the file as UTF-8") from err
    except (OSError, ValueError) as err:
        said = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
        raise ManifestError(f"{name}: it can't be read ({said}); correct the path or its permissions") from err


def _set(tree: Node, override: str, environment: Mapping[str, str]) -> Node:
    key_path, separator, text = override.partition("=")
    key_path = key_path.strip()
    origin = Origin(name=f"--set {key_path}", folder=str(Path.cwd()))
    if not separator or not key_path or not all(key_path.split(".")):
        origin = Origin(name=f"--set {override}", folder=str(Path.cwd()))
        raise WrongError([Problem(origin, "it must be written key.path=value, e.g. --set video.fps=2")])
    if key_path.partition(".")[0] in ("extends", "version"):
        raise WrongError([Problem(origin, f"'{key_path}' can't be set here; write it in the manifest")])
    return put(tree, key_path, read_yaml(text, origin, environment) or Node(value=None, origin=origin))
