"""Shapes of the manifest's own notations: sources, filters, the weight tree, `take`, durations, prompts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from curation.errors import nearest
from curation.manifests.nodes import Node, Problem, WrongError, wrong
from curation.manifests.places import check_source_name, resolve_options
from curation.manifests.scalars import NumberShape, TextShape
from curation.manifests.shapes import JsonSchema, RecordShape, Shape, gather, must_be
from curation.manifests.sizes import COUNT_PATTERN, parse_count
from curation.records import KINDS

T = TypeVar("T")
FILTER_PATHS: dict[str, tuple[str, ...]] = {"contamination": ("against", "images")}
NATURAL = "natural"
_GROUP = "a group is written {weight: 2, of: {…}}"


@dataclass(frozen=True, slots=True)
class SourcesShape(Generic[T]):
    """The sources by name; at least one."""

    source: RecordShape[T]

    def read(self, node: Node, path: str) -> Mapping[str, T]:
        if not isinstance(node.value, dict) or not node.value:
            raise must_be(node, path, "a mapping of a name to an adapter and a uri, for one source or more")
        reads = ((lambda n=name, c=child: self._read(n, c, f"{path}.{n}")) for name, child in node.value.items())
        return dict(zip(node.value, gather(reads), strict=True))

    def _read(self, name: str, child: Node, path: str) -> T:
        problem = check_source_name(name, child)
        if problem:
            raise problem
        return self.source.read(child, path)

    def schema(self) -> JsonSchema:
        name = {"pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]*$"}
        return {"type": "object", "minProperties": 1, "propertyNames": name, "additionalProperties": True}


@dataclass(frozen=True, slots=True)
class TakeShape:
    """How many rows: a whole number above zero, or a fraction between 0 and 1."""

    def read(self, node: Node, path: str) -> int | float:
        value = node.value
        if isinstance(value, float) and 0 < value < 1:
            return value
        try:
            count = 0 if isinstance(value, float) and value < 2 else parse_count(value)
        except (ValueError, TypeError):
            count = 0
        if count == 0:
            raise must_be(node, path, "a number of rows above 0, or a fraction 0 < f < 1")
        return count

    def schema(self) -> JsonSchema:
        rows: list[JsonSchema] = [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": COUNT_PATTERN}]
        return {"anyOf": [*rows, {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}]}


@dataclass(frozen=True, slots=True)
class FiltersShape(Generic[T]):
    """The list of filters: names, or mappings of one name to its options."""

    make: Callable[[str, Mapping[str, Any]], T]

    def read(self, node: Node, path: str) -> tuple[T, ...]:
        if not isinstance(node.value, list):
            raise must_be(node, path, "a list; begin each filter with '- '")
        reads = ((lambda n=number, c=child: self._read(c, f"{path}[{n}]")) for number, child in enumerate(node.value))
        return tuple(self.make(name, options) for name, options in gather(reads))

    def _read(self, node: Node, path: str) -> tuple[str, Mapping[str, Any]]:
        if isinstance(node.value, str) and node.value:
            if node.value == "where":
                raise wrong(node, f"{path}: 'where' has no SQL; write where: \"text_chars > 0\"")
            return node.value, {}
        if not isinstance(node.value, dict) or len(node.value) != 1 or "" in node.value:
            raise must_be(node, path, "the name of a filter, or a mapping of one name to its options")
        ((name, options),) = node.value.items()
        if options.value is None and name:
            return self._read(Node(value=name, origin=node.origin), path)
        if isinstance(options.value, str) and name == "where":
            options = Node(value={"sql": options}, origin=options.origin)
        if not isinstance(options.value, dict):
            raise must_be(options, f"{path}.{name}", "a mapping of options" + (" or SQL" if name == "where" else ""))
        return name, resolve_options(options.value, FILTER_PATHS.get(name, ()))

    def schema(self) -> JsonSchema:
        options = {"type": ["object", "string", "null"]}
        entry = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": options}
        return {"type": "array", "items": {"anyOf": [{"type": "string", "minLength": 1}, entry]}}


@dataclass(frozen=True, slots=True)
class WeightsShape:
    """The weight tree: `name: number`, `name: natural` or `name: {weight: …, of: {…}}`; returns it as plain data."""

    def read(self, node: Node, path: str) -> Mapping[str, Any]:
        if not isinstance(node.value, dict) or not node.value:
            raise must_be(node, path, "a mapping of sources and groups to weights")
        reads = ((lambda n=name, c=child: self._branch(c, f"{path}.{n}")) for name, child in node.value.items())
        tree = dict(zip(node.value, gather(reads), strict=True))
        weights = [branch["weight"] if isinstance(branch, dict) else branch for branch in tree.values()]
        if NATURAL in weights and any(weight not in (NATURAL, 0) for weight in weights):
            raise wrong(
                node, f"{path} mixes numbers and 'natural'; give all of {', '.join(tree)} the same kind of weight"
            )
        if not any(weights):
            raise wrong(node, f"{path} has no weight above 0; raise one of {', '.join(tree)}")
        return tree

    def _branch(self, node: Node, path: str) -> Any:
        if not isinstance(node.value, dict):
            return _weight(node, path)
        for key, child in node.value.items():
            if key not in ("weight", "of"):
                raise wrong(child, f"{path} has no key {key!r}{nearest(key, ('weight', 'of')) or f'; {_GROUP}'}")
        for key in ("weight", "of"):
            if key not in node.value:
                raise wrong(node, f"{path} has no '{key}'; {_GROUP}")
        weight, of = node.value["weight"], node.value["of"]
        read = gather([lambda: _weight(weight, f"{path}.weight"), lambda: self.read(of, f"{path}.of")])
        return {"weight": read[0], "of": read[1]}

    def schema(self) -> JsonSchema:
        return {"$ref": "#/$defs/weights"}


def _weight(node: Node, path: str) -> Any:
    is_number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
    if node.value != NATURAL and not (is_number and node.value >= 0):
        hint = nearest(node.value, [NATURAL]) if isinstance(node.value, str) else ""
        raise must_be(node, path, f"0 or more, 'natural', or a group {{weight: 2, of: {{…}}}}{hint}")
    return node.value


@dataclass(frozen=True, slots=True)
class BucketsShape:
    """Weights of ranges of seconds: `"0-30": 1, "30-60": 2, "60-": 1`; ranges rise and do not overlap."""

    def read(self, node: Node, path: str) -> Mapping[str, float]:
        if not isinstance(node.value, dict) or not node.value:
            raise must_be(node, path, 'a mapping of ranges of seconds to weights, such as {"0-30": 1, "30-": 2}')
        weights: dict[str, float] = {}
        before = 0.0
        for name, child in node.value.items():
            found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)-(\d{1,9}(?:\.\d{1,9})?)?", name, re.ASCII)
            start, end = (float(found[1]), float(found[2] or "inf")) if found else (0.0, 0.0)
            if start >= end:
                raise wrong(child, f"{path} has the range {name!r}; write from-to in seconds, such as '30-60' or '60-'")
            if start < before:
                raise wrong(
                    child, f"{path} has the range {name!r}, which overlaps the one before; begin it at {before:g}"
                )
            weights[name], before = NumberShape(least=0).read(child, f"{path}.{name}"), end
        if not any(weights.values()):
            raise wrong(node, f"{path} has no weight above 0; raise one of {', '.join(weights)}")
        return weights

    def schema(self) -> JsonSchema:
        ranges = {r"^[0-9.]+-[0-9.]*$": {"type": "number", "minimum": 0}}
        return {"type": "object", "minProperties": 1, "patternProperties": ranges, "additionalProperties": False}


@dataclass(frozen=True, slots=True)
class ClipFromShape:
    """Where a clip begins: a word, or a second."""

    words: tuple[str, ...] = ("start", "middle", "seeded", "tiles")

    def read(self, node: Node, path: str) -> str | float:
        if node.value in self.words and isinstance(node.value, str):
            return node.value
        is_number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
        if not is_number or node.value < 0:
            hint = nearest(node.value, self.words) if isinstance(node.value, str) else ""
            raise must_be(node, path, f"start, middle, seeded, tiles or a second from 0{hint}")
        return float(node.value)

    def schema(self) -> JsonSchema:
        return {"anyOf": [{"enum": list(self.words)}, {"type": "number", "minimum": 0}]}


@dataclass(frozen=True, slots=True)
class SystemShape:
    """System prompts by kind: text or false (none); `default` is for the others; `false` alone is none at all."""

    def read(self, node: Node, path: str) -> Mapping[str, str | Literal[False]]:
        if node.value is False:
            return {}
        if not isinstance(node.value, dict):
            raise must_be(node, path, 'false, or a mapping of kinds to text: {default: "…", video: false}')
        known = ("default", *KINDS)
        unknown = [
            Problem(
                child.origin, f"{path} has no kind {key!r}{nearest(key, known) or '; kinds are ' + ', '.join(known)}"
            )
            for key, child in node.value.items()
            if key not in known
        ]
        if unknown:
            raise WrongError(unknown)
        reads = ((lambda k=kind, c=child: self._read(c, f"{path}.{k}")) for kind, child in node.value.items())
        return dict(zip(node.value, gather(reads), strict=True))

    def _read(self, node: Node, path: str) -> str | Literal[False]:
        return False if node.value is False else TextShape("text, or false for none").read(node, path)

    def schema(self) -> JsonSchema:
        prompt = {"anyOf": [{"type": "string", "minLength": 1}, {"const": False}]}
        kinds = dict.fromkeys(("default", *KINDS), prompt)
        return {"anyOf": [{"const": False}, {"type": "object", "properties": kinds, "additionalProperties": False}]}


@dataclass(frozen=True, slots=True)
class WordOrMappingShape:
    """One of a few words, or a mapping of strings of one's own."""

    word: Shape[str]

    def read(self, node: Node, path: str) -> str | Mapping[str, str]:
        if not isinstance(node.value, dict):
            return self.word.read(node, path)
        text = TextShape("text", can_be_empty=True)
        reads = ((lambda k=key, c=child: text.read(c, f"{path}.{k}")) for key, child in node.value.items())
        return dict(zip(node.value, gather(reads), strict=True))

    def schema(self) -> JsonSchema:
        return {"anyOf": [self.word.schema(), {"type": "object", "additionalProperties": {"type": "string"}}]}


def describe_entry(node: Node) -> str | None:
    """Return the name in an entry of `filters`, or None when it has none."""
    if isinstance(node.value, dict) and len(node.value) == 1:
        return str(next(iter(node.value)))
    return node.value if isinstance(node.value, str) and node.value else None
