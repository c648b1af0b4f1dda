"""Read YAML into nodes, safely: no tags, no repeated keys, bounded depth and size, `${VAR}` from the environment.

The tree is composed here from the parser's events, because libyaml's own composer overflows the stack on deep input
and drops the first of two equal keys without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.reader import Reader
from yaml.resolver import BaseResolver, Resolver

from curation.credentials import FromEnvironment, remember
from curation.manifests.nodes import Node, Origin, WrongError, describe, wrong

MAX_DEPTH = 40
MAX_ALIASED = 10_000
MAX_BYTES = 16 << 20
_CORE = "tag:yaml.org,2002:"
_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_SCALARS = {"str", "int", "float", "bool", "null"}


class ScalarResolver(BaseResolver):
    """YAML's own numbers, booleans and nulls, and `1e6` as a number; dates stay text."""


for _letter, _rules in Resolver.yaml_implicit_resolvers.items():
    for _tag, _regexp in _rules:
        if _tag.removeprefix(_CORE) in _SCALARS | {"merge"}:
            ScalarResolver.add_implicit_resolver(_tag, _regexp, [_letter])
ScalarResolver.add_implicit_resolver(
    _CORE + "float", re.compile(r"^[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read_yaml(text: str, origin: Origin, environment: Mapping[str, str]) -> Node | None:
    """Compose the nodes of one YAML document; None when it is empty. Raises WrongError with the line."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Composer(yaml.parse(text, Loader=loader), origin, environment).document()
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        line = None if origin.line is None or mark is None else mark.line + 1
        said = " ".join(part for part in (err.context, err.problem) if part)
        raise wrong(_place(origin, line), f"this isn't YAML: {said}{_variable_hint(text, mark)}") from err
    except yaml.YAMLError as err:
        found = Reader.NON_PRINTABLE.search(text)
        line = text.count("\n", 0, found.start()) + 1 if found and origin.line is not None else None
        raise wrong(_place(origin, line), "this isn't YAML: it holds a control character; remove it") from err


def _variable_hint(text: str, mark: yaml.Mark | None) -> str:
    """Say what to do with a `${NAME}` without quotes in a flow mapping, whose braces YAML takes for its own."""
    lines = text.split("\n")[mark.line : mark.line + 1] if mark else []
    return '; inside {…} and […] write "${NAME}" in quotes' if any("${" in line for line in lines) else ""


def _place(origin: Origin, line: int | None) -> Node:
    return Node(value=None, origin=Origin(name=origin.name, line=line, folder=origin.folder))


class _Composer:
    def __init__(self, events: Iterator[Any], origin: Origin, environment: Mapping[str, str]) -> None:
        self._events = events
        self._origin = origin
        self._environment = environment
        self._anchors: dict[str, Node] = {}
        self._num_aliased = 0
        self._resolver = ScalarResolver()
        self._constructor = SafeConstructor()

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.NodeEvent):
                if root is not None:
                    raise self._wrong(event, "a second document begins; a manifest is one document")
                root = self._node(event, 0)
        return root

    def _node(self, event: Any, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._wrong(event, f"more than {MAX_DEPTH} levels deep; write it flatter")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        tag = (event.tag or "!").removeprefix(_CORE)
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, tag)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._check_tag(event, tag, {"seq"})
            node = self._at(event, [self._node(item, depth + 1) for item in self._until(yaml.SequenceEndEvent)])
        else:
            self._check_tag(event, tag, {"map"})
            node = self._at(event, self._mapping(depth))
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _until(self, end: type) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, end):
                return
            yield event

    def _mapping(self, depth: int) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for event in self._until(yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._wrong(event, "a key is no plain text; quote it")
            key, value = event.value, self._node(next(self._events), depth + 1)
            if key == "<<" and event.implicit[0]:
                for source in reversed(value.value if isinstance(value.value, list) else [value]):
                    if not isinstance(source.value, dict):
                        raise self._wrong(event, "'<<' takes a mapping or a list of mappings")
                    merged |= source.value
                continue
            key = self._text(event, key)
            if key in own:
                raise self._wrong(
                    event, f"{describe(key)} stands twice, first on line {own[key].origin.line}; keep one"
                )
            own[key] = value.at(self._at(event, None).origin)
        return merged | own

    def _alias(self, event: Any) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise self._wrong(event, f"no anchor '&{event.anchor}' stands before '*{event.anchor}'")
        self._num_aliased += _count(node)
        if self._num_aliased > MAX_ALIASED:
            raise self._wrong(event, f"aliases expand to more than {MAX_ALIASED} values; write less of them")
        return node

    def _scalar(self, event: Any, tag: str) -> Node:
        self._check_tag(event, tag, _SCALARS)
        text = self._text(event, self._expand(event))
        raw = str(event.value) if _names_variable(event.value) else None
        if tag == "!":
            implicit = event.implicit if event.tag is None else (False, True)
            tag = str(self._resolver.resolve(yaml.ScalarNode, text, implicit)).removeprefix(_CORE)  # type: ignore[no-untyped-call]
        if tag in ("str", "merge"):
            return self._at(event, text if raw is None else FromEnvironment(raw, value=text))
        try:
            value = getattr(self._constructor, f"construct_yaml_{tag}")(yaml.ScalarNode(_CORE + tag, text))
        except (ValueError, KeyError, IndexError, OverflowError) as err:
            raise self._wrong(event, f"{describe(text)} can't be read as {tag}") from err
        if isinstance(value, float) and not abs(value) < float("inf"):
            raise self._wrong(event, f"{describe(text)} is no finite number; leave it out for the default")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise self._wrong(event, "a number beyond 64 bits; write a smaller one")
        return self._at(event, value)

    def _expand(self, event: Any) -> str:
        def put(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            if not match[2] or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", match[1]):
                raise self._wrong(
                    event, f"{describe(match[0])} names no variable; write ${{NAME}}, or $${{ for the text"
                )
            if match[1] not in self._environment:
                raise self._wrong(
                    event, f"the environment has no variable {match[1]!r}; set it, or write $${{ for the text"
                )
            remember(match[1], self._environment[match[1]])
            return self._environment[match[1]]

        return _VARIABLE.sub(put, event.value) if "${" in event.value else str(event.value)

    def _text(self, event: Any, text: str) -> str:
        if any("\ud800" <= letter <= "\udfff" for letter in text) or "\x00" in text:
            raise self._wrong(event, "text that isn't Unicode (a lone surrogate or a NUL); remove it")
        return text

    def _check_tag(self, event: Any, tag: str, allowed: set[str]) -> None:
        if tag != "!" and tag not in allowed:
            raise self._wrong(event, f"the tag {describe(event.tag)} isn't read; remove it")

    def _at(self, event: Any, value: Any) -> Node:
        line = None if self._origin.line is None else event.start_mark.line + 1
        origin = Origin(name=self._origin.name, line=line, folder=self._origin.folder)
        return Node(value=value, origin=origin)

    def _wrong(self, event: Any, message: str) -> WrongError:
        return wrong(self._at(event, None), message)


def _names_variable(text: str) -> bool:
    return any(match[0] != "$${" for match in _VARIABLE.finditer(text))


def _count(node: Node) -> int:
    children = node.value.values() if isinstance(node.value, dict) else node.value
    return 1 + sum(map(_count, children)) if isinstance(node.value, dict | list) else 1
