"""Check what a manifest names: adapters, filters, profiles and their options, and the sources in the weights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from curation.errors import nearest
from curation.manifests.entries import describe_entry
from curation.manifests.models import Manifest
from curation.manifests.nodes import Node, Problem, describe


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """The names there are. Names with a colon (`package.module:name`) are third-party and never refused.

    `adapter_options` and `filter_options` return the option names of one of them, or None when any may be given;
    `filter_problem` says what is wrong with the options of a filter. They are asked only about names that the manifest
    uses, so that nothing else is imported.
    """

    adapters: Collection[str]
    filters: Collection[str]
    profiles: Collection[str]
    adapter_options: Callable[[str], Collection[str] | None]
    filter_options: Callable[[str], Collection[str] | None]
    filter_problem: Callable[[str, Mapping[str, Any]], str | None]


def check_names(tree: Node, known: KnownNames | None) -> Iterator[Problem]:
    """Yield what is wrong with the names in a tree; nodes of a wrong form are passed over."""
    yield from _weighed_sources(tree)
    if known is None:
        return
    for source, settings in tree.entries("sources"):
        adapter = settings.find("adapter")
        if adapter is not None and isinstance(adapter.value, str) and adapter.value:
            yield from _name(adapter, adapter.value, "adapter", known.adapters)
            if adapter.value in known.adapters:
                yield from _options(settings.find("options"), f"sources.{source}", known.adapter_options(adapter.value))
    yield from _filters(tree, known)
    profile = tree.find("profile")
    base = profile.find("base") if profile is not None and isinstance(profile.value, dict) else profile
    if base is not None and isinstance(base.value, str) and base.value:
        yield from _name(base, base.value, "profile", known.profiles)


def check_filters(tree: Node, settings: Manifest, known: KnownNames | None) -> Iterator[Problem]:
    """Yield what is wrong with the values of filters' options, once names and forms are right."""
    if known is None or not settings.filters:
        return
    for node, made in zip(tree.value["filters"].value, settings.filters, strict=True):
        problem = known.filter_problem(made.name, made.options)
        if problem is not None:
            options = node.entries(made.name)
            named = (child for key, child in options if problem.startswith(f"filters.{made.name}.{key} "))
            yield Problem(next(named, node).origin, problem)


def _filters(tree: Node, known: KnownNames) -> Iterator[Problem]:
    filters = tree.find("filters")
    for entry in filters.value if filters is not None and isinstance(filters.value, list) else []:
        name = describe_entry(entry)
        if name is None:
            continue
        yield from _name(entry, name, "filter", known.filters)
        if name in known.filters:
            yield from _options(entry.find(name), f"filter '{name}'", known.filter_options(name))


def _name(node: Node, name: str, noun: str, known: Collection[str]) -> Iterator[Problem]:
    if name not in known and ":" not in name:
        hint = nearest(name, known) or f"; there are {', '.join(sorted(known)) or 'none'}"
        yield Problem(node.origin, f"no {noun} named {describe(name)}{hint}")


def _options(node: Node | None, owner: str, known: Collection[str] | None) -> Iterator[Problem]:
    if known is None or node is None or not isinstance(node.value, dict):
        return
    for key, child in node.value.items():
        if key not in known:
            hint = nearest(key, known) or f"; it knows {', '.join(known) or 'none'}"
            yield Problem(child.origin, f"{owner} has no option {describe(key)}{hint}")


def _weighed_sources(tree: Node) -> Iterator[Problem]:
    """Check that the weight tree names each source once and nothing else."""
    weights, sources = tree.find("mixture", "weights"), dict(tree.entries("sources"))
    if weights is None or not isinstance(weights.value, dict) or not sources:
        return
    seen: dict[str, Node] = {}
    for name, path, leaf in _leaves(weights, "mixture.weights"):
        if name not in sources:
            hint = nearest(name, sources) or f"; there are {', '.join(sources)}"
            yield Problem(leaf.origin, f"{path} names no source{hint}")
        elif name in seen:
            yield Problem(leaf.origin, f"{path} weighs '{name}' a second time, first on {seen[name].origin}; keep one")
        seen.setdefault(name, leaf)
    left = [name for name in sources if name not in seen]
    if left:
        said = ", ".join(f"'{name}'" for name in left)
        yield Problem(weights.origin, f"mixture.weights leaves out {said}; give it a weight (0 uses none of it)")


def _leaves(node: Node, path: str) -> Iterator[tuple[str, str, Node]]:
    for name, child in node.entries():
        if isinstance(child.value, dict):
            yield from _leaves(child.find("of") or Node(value={}, origin=child.origin), f"{path}.{name}.of")
        else:
            yield name, f"{path}.{name}", child
