"""Values that know where they were written: a file and line, or a `--set` on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from curation.errors import ManifestError

_UNPRINTED = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a value was written. Relative paths in it are relative to `folder`."""

    name: str
    line: int | None = None
    folder: str

    def __str__(self) -> str:
        return self.name if self.line is None else f"{self.name}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value of a manifest: a scalar, a list of nodes or a dict of nodes.

    The origin of a mapping's entry is the line of its key.
    """

    value: Any
    origin: Origin

    def plain(self) -> Any:
        """Return the value as plain Python data."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def entries(self, *keys: str) -> Iterator[tuple[str, Node]]:
        """Yield the entries of the mapping that the keys lead to; nothing when there is none."""
        found = self.find(*keys)
        if found is not None and isinstance(found.value, dict):
            yield from found.value.items()

    def find(self, *keys: str) -> Node | None:
        """Return the node that the keys lead to, or None."""
        node: Node | None = self
        for key in keys:
            node = node.value.get(key) if node is not None and isinstance(node.value, dict) else None
        return node

    def at(self, origin: Origin) -> Node:
        """Return the same value with another origin."""
        return replace(self, origin=origin)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where it was written."""

    origin: Origin
    message: str

    def __str__(self) -> str:
        """Say it on one line, whatever the names in it hold."""
        return _UNPRINTED.sub(" ", f"{self.origin}: {self.message}")


class WrongError(Exception):
    """What is wrong with a node: carried up while the rest of the manifest is still read."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        super().__init__()
        self.problems = tuple(problems)


def wrong(node: Node, message: str) -> WrongError:
    """Make the error of one node."""
    return WrongError([Problem(node.origin, message)])


def refuse(problems: Iterable[Problem]) -> ManifestError:
    """Make one error of all problems, a line each: file by file as they were met, by line, then the command line's."""
    order: dict[str, int] = {}
    unique = list(dict.fromkeys(problems))
    for problem in unique:
        order.setdefault(problem.origin.name, len(order))
    unique.sort(key=lambda one: (one.origin.line is None, order[one.origin.name], one.origin.line or 0))
    return ManifestError("\n".join(str(problem) for problem in unique))


def describe(value: Any) -> str:
    """Say a value in a message: scalars as YAML writes them, collections by their kind."""
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "empty"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    return str(value)
