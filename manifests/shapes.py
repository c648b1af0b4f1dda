"""What a value may be: each shape reads a node, says what is wrong with it, and describes itself as JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Generic, Protocol, TypeVar

from curation.errors import nearest
from curation.manifests.nodes import Node, Problem, WrongError, describe, wrong
from curation.manifests.sizes import BYTE_PATTERN, COUNT_PATTERN, parse_bytes, parse_count

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
class TextShape:
    """Text, by default not empty."""

    wanted: str = "text"
    can_be_empty: bool = False

    def read(self, node: Node, path: str) -> str:
        if not isinstance(node.value, str) or not (node.value or self.can_be_empty):
            quoted = "; put it in quotes" if isinstance(node.value, bool | int | float) else ""
            raise must_be(node, path, self.wanted + quoted)
        return node.value

    def schema(self) -> JsonSchema:
        return {"type": "string"} if self.can_be_empty else {"type": "string", "minLength": 1}


@dataclass(frozen=True, slots=True)
class FlagShape:
    """True or false."""

    def read(self, node: Node, path: str) -> bool:
        if not isinstance(node.value, bool):
            raise must_be(node, path, "true or false")
        return node.value

    def schema(self) -> JsonSchema:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class WordShape:
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, node: Node, path: str) -> str:
        if node.value not in self.words:
            hint = nearest(node.value, self.words) if isinstance(node.value, str) else ""
            raise must_be(node, path, f"one of {', '.join(self.words)}{hint}")
        return str(node.value)

    def schema(self) -> JsonSchema:
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberShape:
    """A finite number within bounds: `above` excludes its bound, `least` and `most` include theirs."""

    above: float | None = None
    least: float | None = None
    most: float | None = None

    def read(self, node: Node, path: str) -> float:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise must_be(node, path, f"a number{self._bounds(' ')}")
        if not _is_within(self, node.value):
            raise must_be(node, path, self._bounds(""))
        return float(node.value)

    def _bounds(self, before: str) -> str:
        return _bounds(self.above, self.least, self.most, before)

    def schema(self) -> JsonSchema:
        return {"type": "number", **_limits(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerShape:
    """A whole number within bounds."""

    above: float | None = None
    least: float | None = None
    most: float | None = None

    def read(self, node: Node, path: str) -> int:
        value = node.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise must_be(node, path, f"a whole number{_bounds(self.above, self.least, self.most, ' ')}")
        if not _is_within(self, value):
            raise must_be(node, path, _bounds(self.above, self.least, self.most, ""))
        return value

    def schema(self) -> JsonSchema:
        return {"type": "integer", **_limits(self)}


def _is_within(shape: NumberShape | IntegerShape, value: float) -> bool:
    return not (
        (shape.above is not None and value <= shape.above)
        or (shape.least is not None and value < shape.least)
        or (shape.most is not None and value > shape.most)
    )


def _bounds(above: float | None, least: float | None, most: float | None, before: str) -> str:
    if least is not None and most is not None:
        return f"{before}between {least:g} and {most:g}"
    if above is not None:
        return f"{before}above {above:g}" + (f" and at most {most:g}" if most is not None else "")
    return f"{before}{least:g} or more" if least is not None else ""


def _limits(shape: NumberShape | IntegerShape) -> JsonSchema:
    named = {"exclusiveMinimum": shape.above, "minimum": shape.least, "maximum": shape.most}
    return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class VersionShape:
    """The version of the notation: 1."""

    def read(self, node: Node, path: str) -> int:
        if isinstance(node.value, int) and not isinstance(node.value, bool) and node.value > 1:
            raise must_be(node, path, "1, the version that this curation reads; a newer curation may read it")
        if node.value != 1 or not isinstance(node.value, int) or isinstance(node.value, bool):
            raise must_be(node, path, "1")
        return 1

    def schema(self) -> JsonSchema:
        return {"const": 1}


@dataclass(frozen=True, slots=True)
class SizeShape:
    """A size above zero: a count (`50M`) or a number of bytes (`256MB`)."""

    is_bytes: bool = False

    def read(self, node: Node, path: str) -> int:
        wanted = "a size such as 256MB or 2GiB, above 0" if self.is_bytes else "a count such as 50000 or 50M, above 0"
        try:
            size = (parse_bytes if self.is_bytes else parse_count)(node.value)
        except (ValueError, TypeError):
            raise must_be(node, path, wanted) from None
        if size == 0:
            raise must_be(node, path, "above 0")
        return size

    def schema(self) -> JsonSchema:
        pattern = BYTE_PATTERN if self.is_bytes else COUNT_PATTERN
        return {"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "string", "pattern": pattern}]}


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
