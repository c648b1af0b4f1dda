"""Shapes: what a value may be. Each reads a node, says what is wrong with it, and describes itself as JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Generic, Protocol, TypeVar

from curation.errors import nearest
from curation.manifests.nodes import Node, Problem, WrongError, describe, wrong

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
JsonSchema = dict[str, Any]


class Shape(Protocol[T_co]):
    """One kind of value. `path` is the value's place in messages, such as `video.fps`."""

    def read(self, node: Node, path: str) -> T_co:
        """Return the value, or raise WrongError."""

    def schema(self) -> JsonSchema:
        """Return the JSON Schema of what `read` accepts."""


def must_be(node: Node, path: str, wanted: str) -> WrongError:
    """Say that a value is not what it must be."""
    return wrong(node, f"{path or 'it'} is {describe(node.value)}; it must be {wanted}")


@dataclass(frozen=True, slots=True)
class FreeShape:
    """A mapping whose keys another part of the toolkit knows."""

    def read(self, node: Node, path: str) -> Mapping[str, Any]:
        if not isinstance(node.value, dict):
            raise must_be(node, path, "a mapping")
        return dict(node.plain())

    def schema(self) -> JsonSchema:
        return {"type": "object"}


@dataclass(frozen=True, slots=True)
class ListShape(Generic[T]):
    """A list of at least `least` items; with `can_be_single` one item may stand without the list."""

    item: Shape[T]
    least: int = 0
    can_be_single: bool = False

    def read(self, node: Node, path: str) -> tuple[T, ...]:
        if not isinstance(node.value, list):
            if self.can_be_single:
                return (self.item.read(node, path),)
            raise must_be(node, path, "a list")
        if len(node.value) < self.least:
            raise must_be(node, path, f"a list of {self.least} or more")
        return tuple(gather((lambda n=n, i=i: self.item.read(n, f"{path}[{i}]")) for i, n in enumerate(node.value)))

    def schema(self) -> JsonSchema:
        several: JsonSchema = {"type": "array", "items": self.item.schema()}
        if self.least:
            several["minItems"] = self.least
        return {"anyOf": [self.item.schema(), several]} if self.can_be_single else several


def gather(reads: Any) -> list[Any]:
    """Run all reads and return their values, or raise what is wrong with all of them together."""
    values: list[Any] = []
    problems: list[Problem] = []
    for read in reads:
        try:
            values.append(read())
        except WrongError as err:
            problems += err.problems
    if problems:
        raise WrongError(problems)
    return values


def setting(shape: Shape[Any], description: str, *, key: str | None = None) -> dict[str, Any]:
    """Make the metadata of a settings field: its shape, what it means, and its key where that differs from its name."""
    return {"shape": shape, "description": description, "key": key}


def settings_of(cls: type) -> dict[str, Field[Any]]:
    """Return the fields of a settings dataclass by their keys in the manifest."""
    return {f.metadata["key"] or f.name: f for f in fields(cls) if "shape" in f.metadata}


@dataclass(frozen=True, slots=True)
class RecordShape(Generic[T]):
    """A mapping with known keys, read into a settings dataclass. `hints` says how to mend a missing required key."""

    cls: type[T]
    hints: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[T], str | None] | None = None

    def read(self, node: Node, path: str) -> T:
        known = settings_of(self.cls)
        where = path or "the manifest"
        if node.value is None or not isinstance(node.value, dict):
            raise must_be(node, where, f"a mapping with {_some(known)}")
        problems = [
            Problem(child.origin, f"{where} has no key {key!r}{nearest(key, known) or f'; it knows {_some(known)}'}")
            for key, child in node.value.items()
            if key not in known
        ]
        values: dict[str, Any] = {}
        for key, declared in known.items():
            child = node.value.get(key)
            try:
                if child is not None and child.value is not None:
                    values[declared.name] = declared.metadata["shape"].read(child, f"{path}.{key}".lstrip("."))
                elif _is_required(declared):
                    place = child or node
                    problems.append(Problem(place.origin, f"{where} has no '{key}'; {self.hints.get(key, 'add it')}"))
            except WrongError as err:
                problems += err.problems
        if problems:
            raise WrongError(problems)
        record = self.cls(**values)
        problem = self.check(record) if self.check else None
        if problem:
            raise wrong(node, f"{where}: {problem}")
        return record

    def schema(self) -> JsonSchema:
        properties = {key: _property(declared) for key, declared in settings_of(self.cls).items()}
        required = [key for key, declared in settings_of(self.cls).items() if _is_required(declared)]
        made: JsonSchema = {"type": "object", "properties": properties, "additionalProperties": False}
        return made | ({"required": required} if required else {})


def _some(known: Mapping[str, Any]) -> str:
    return ", ".join(known)


def _is_required(declared: Field[Any]) -> bool:
    return declared.default is MISSING and declared.default_factory is MISSING


def _property(declared: Field[Any]) -> JsonSchema:
    """Describe one key: what it means, its shape (or nothing: an empty value is the default) and its default."""
    made: JsonSchema = {"description": declared.metadata["description"], **declared.metadata["shape"].schema()}
    if _is_required(declared):
        return made
    if "enum" in made:
        made["enum"] = [*made["enum"], None]
    elif "anyOf" in made:
        made["anyOf"] = [*made["anyOf"], {"type": "null"}]
    elif "type" in made:
        made["type"] = [made["type"], "null"]
    if isinstance(declared.default, str | bool | int | float):
        made["default"] = declared.default
    return made
