"""The tree of weights: from the numbers in the manifest to each source's exact share of the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from curation.errors import MixtureError, nearest

NATURAL = "natural"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node of the tree. `source` is None for a group.

    `path` is the names from the root (`text/smoltalk`). `share` is the part of the whole, exact; leaves sum to 1.
    `weight` is the node's number among its siblings, None for `natural`.
    """

    path: str
    source: str | None
    share: Fraction
    weight: Fraction | None = None

    @property
    def parent(self) -> str:
        """The path of the group this node stands in; empty at the root."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class _Branch:
    path: str
    weight: Fraction | None
    children: tuple[_Branch, ...]
    size: Fraction


def resolve_weights(tree: Mapping[str, Any] | None, sizes: Mapping[str, float]) -> list[Node]:
    """Return every node of the tree, groups before what they hold, in the order of the manifest.

    `sizes` is each source's amount in the unit of the mixture; it decides between `natural` siblings. Without a tree
    all sources are `natural`. Raises MixtureError for a tree that is malformed, names a source twice, names none of the
    sources or leaves one out.

    >>> tree = {"text": {"weight": 1, "of": {"a": "natural", "b": "natural"}}, "c": 3}
    >>> [(node.path, str(node.share)) for node in resolve_weights(tree, {"a": 30, "b": 10, "c": 5})]
    [('text', '1/4'), ('text/a', '3/16'), ('text/b', '1/16'), ('c', '3/4')]
    """
    if not sizes:
        raise MixtureError("mixture: there are no sources to weigh; name at least one under sources")
    if tree is None:
        tree = dict.fromkeys(sizes, NATURAL)
    branches = _branches(tree, sizes, path="")
    _check_names([branch for branch in _walk(branches) if not branch.children], sizes)
    return list(_shared(branches, Fraction(1), path=""))


def _branches(tree: Any, sizes: Mapping[str, float], *, path: str) -> tuple[_Branch, ...]:
    if not isinstance(tree, Mapping) or not tree:
        raise MixtureError(
            f"{_place(path)}: {tree!r} is not a tree of weights; "
            "give a mapping such as {docs: 3, text: {weight: 1, of: {a: natural, b: natural}}}"
        )
    branches = tuple(
        _branch(value, sizes, path=f"{path}/{name}" if path else str(name)) for name, value in tree.items()
    )
    natural = [_name(branch) for branch in branches if branch.weight is None]
    numbers = [_name(branch) for branch in branches if branch.weight]
    if natural and numbers:
        raise MixtureError(
            f"{_place(path)}: numbers ({', '.join(numbers)}) and natural ({', '.join(natural)}) stand side by side and "
            "can't be compared; give every sibling a number, or put the natural ones into a group with a weight of its "
            f"own: {{weight: 1, of: {{{natural[0]}: natural}}}}"
        )
    return branches


def _branch(value: Any, sizes: Mapping[str, float], *, path: str) -> _Branch:
    if not isinstance(value, Mapping):
        weight = _weight(value, path=path)
        return _Branch(path, weight, (), _size(path, weight, sizes))
    for key in value:
        if key not in ("weight", "of"):
            raise MixtureError(
                f"{_place(path)}: unknown key {key!r}{nearest(str(key), ('weight', 'of'))}; a group is "
                "{weight: NUMBER, of: {…}}"
            )
    weight = _weight(value.get("weight", NATURAL), path=path)
    if "of" not in value:
        return _Branch(path, weight, (), _size(path, weight, sizes))
    children = _branches(value["of"], sizes, path=path)
    return _Branch(path, weight, children, sum((child.size for child in children), Fraction(0)))


def _weight(value: Any, *, path: str) -> Fraction | None:
    if value == NATURAL:
        return None
    is_number = isinstance(value, int | float | Fraction) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0:
        raise MixtureError(f"{_place(path)}: the weight {value!r} is neither a number of 0 or more nor `natural`")
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def _size(path: str, weight: Fraction | None, sizes: Mapping[str, float]) -> Fraction:
    """Return a leaf's size; 0 when its weight leaves it out."""
    return Fraction(0) if weight == 0 else Fraction(float(sizes.get(path.rpartition("/")[2], 0)))


def _shared(branches: tuple[_Branch, ...], share: Fraction, *, path: str) -> Iterator[Node]:
    amounts = [branch.size if branch.weight is None else branch.weight for branch in branches]  # 0 beside natural: out
    total = sum(amounts, Fraction(0))
    if not total and share:
        names = ", ".join(map(_name, branches))
        if any(branch.weight is None for branch in branches):
            raise MixtureError(
                f"{_place(path)}: natural shares of {names} can't be formed: all of them are empty in the unit of the "
                "mixture; look at the drops, choose another unit, or give numbers"
            )
        raise MixtureError(f"{_place(path)}: every weight is 0 ({names}); raise one, or give the group weight 0")
    for branch, amount in zip(branches, amounts, strict=True):
        part = share * amount / total if total else Fraction(0)
        source = None if branch.children else _name(branch)
        yield Node(path=branch.path, source=source, share=part, weight=branch.weight)
        yield from _shared(branch.children, part, path=branch.path) if branch.children else ()


def _check_names(leaves: list[_Branch], sizes: Mapping[str, float]) -> None:
    seen: dict[str, str] = {}
    for leaf in leaves:
        name = _name(leaf)
        if name not in sizes:
            raise MixtureError(
                f"{_place(leaf.path)}: no source named {name!r}{nearest(name, sizes)}; sources: {', '.join(sizes)}"
            )
        if name in seen:
            raise MixtureError(
                f"{_place(leaf.path)}: source {name!r} already stands at {_place(seen[name])}; remove one of the two"
            )
        seen[name] = leaf.path
    missing = [source for source in sizes if source not in seen]
    if missing:
        raise MixtureError(
            f"mixture.weights: {', '.join(map(repr, missing))} {'has' if len(missing) == 1 else 'have'} no weight; "
            f"add {missing[0]}: 1 (or another number), or {missing[0]}: 0 to leave it out"
        )


def _walk(branches: tuple[_Branch, ...]) -> Iterator[_Branch]:
    for branch in branches:
        yield branch
        yield from _walk(branch.children)


def _name(branch: _Branch) -> str:
    return branch.path.rpartition("/")[2]


def _place(path: str) -> str:
    return ".".join(("mixture.weights", *(path.replace("/", ".of.").split("/") if path else ())))
