"""Shapes of single values: text, words, numbers, sizes."""

from __future__ import annotations

from dataclasses import dataclass

from curation.errors import nearest
from curation.manifests.nodes import Node
from curation.manifests.shapes import JsonSchema, must_be
from curation.manifests.sizes import BYTE_PATTERN, COUNT_PATTERN, parse_bytes, parse_count


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
            raise must_be(node, path, f"a number {_bounds(self)}".rstrip())
        if not _is_within(self, node.value):
            raise must_be(node, path, _bounds(self))
        return float(node.value)

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
            raise must_be(node, path, f"a whole number {_bounds(self)}".rstrip())
        if not _is_within(self, value):
            raise must_be(node, path, _bounds(self))
        return value

    def schema(self) -> JsonSchema:
        return {"type": "integer", **_limits(self)}


def _is_within(shape: NumberShape | IntegerShape, value: float) -> bool:
    return not (
        (shape.above is not None and value <= shape.above)
        or (shape.least is not None and value < shape.least)
        or (shape.most is not None and value > shape.most)
    )


def _bounds(shape: NumberShape | IntegerShape) -> str:
    """Say the bounds in words; nothing when there are none."""
    if shape.least is not None and shape.most is not None:
        return f"between {shape.least:g} and {shape.most:g}"
    if shape.above is not None:
        return f"above {shape.above:g}" + (f" and at most {shape.most:g}" if shape.most is not None else "")
    return f"{shape.least:g} or more" if shape.least is not None else ""


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
