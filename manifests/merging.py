"""Lay one manifest over another, and `--set` values over both: pure functions of nodes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from curation.manifests.nodes import Node, Origin, describe, wrong


def merge(base: Node, over: Node) -> Node:
    """Lay a node over a base: mappings merge key by key, an empty value removes its key, all else replaces.

    One value laid over a group of weights `{weight: …, of: {…}}` is the group's weight.
    """
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return _weighed(base, over)
    merged = dict(base.value)
    for key, value in over.value.items():
        if key not in merged:
            merged[key] = value
        elif value.value is None:
            del merged[key]
        else:
            merged[key] = merge(merged[key], value)
    return replace(over, value=merged)


def put(root: Node, key_path: str, value: Node) -> Node:
    """Return the tree with the value at `key.path` in it; an empty value removes what is there.

    In a list a part of the path is the number of an item (from 0) or the name of an entry: `filters.cap.max` is the
    option `max` of the filter `cap`. A group of weights takes a value as its weight. Keys with dots in them are found
    as they are written.
    """
    return _put(root, key_path.split("."), value)


def _put(node: Node, parts: list[str], value: Node) -> Node:
    if not parts:
        return _weighed(node, value)
    if isinstance(node.value, list):
        number = _item(node, parts[0], value.origin)
        items = list(node.value)
        if len(parts) > 1 or not parts[0].isdecimal():
            items[number] = _put_entry(items[number], parts, value)
        else:
            items[number] = value
        return replace(node, value=[item for item in items if item.value is not None])
    if node.value is not None and not isinstance(node.value, dict):
        raise wrong(value, f"there is {describe(node.value)} above '{parts[0]}', which has no keys; set that instead")
    entries: dict[str, Node] = dict(node.value or {})
    key, rest = _longest_key(entries, parts)
    if value.value is None and not rest and key in entries:
        del entries[key]
    else:
        entries[key] = _put(entries.get(key, replace(value, value=None)), rest, value)
    return replace(node if node.value is not None else value, value=entries)


def _weighed(group: Node, value: Node) -> Node:
    """Return a group of weights with a value as its weight; where there is no group, or no single value, the value."""
    is_group = isinstance(group.value, dict) and "of" in group.value
    if not is_group or value.value is None or isinstance(value.value, dict | list):
        return value
    return replace(group, value={**group.value, "weight": value})


def _put_entry(item: Node, parts: list[str], value: Node) -> Node:
    """Put a value into an entry of a list that is a name or a mapping of one name to its options."""
    if parts[0].isdecimal():
        parts = parts[1:]
    if isinstance(item.value, str):
        item = replace(item, value={item.value: replace(item, value={})})
        if parts[0] not in item.value:
            parts = [next(iter(item.value)), *parts]
    changed = _put(item, parts, value)
    return changed if changed.value else replace(changed, value=None)


def _item(node: Node, part: str, origin: Origin) -> int:
    names = [_entry_name(item.value) for item in node.value]
    if part.isdecimal() and part.isascii() and len(part) < 10 and int(part) < len(names):
        return int(part)
    found = [number for number, name in enumerate(names) if name == part]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{number} ({name})" if name else str(number) for number, name in enumerate(names)) or "none"
    problem = "stands there more than once; take its number" if found else f"is not in the list, which has {known}"
    raise wrong(Node(value=None, origin=origin), f"{describe(part)} {problem}")


def _entry_name(value: Any) -> str | None:
    if isinstance(value, dict) and len(value) == 1:
        return str(next(iter(value)))
    return value if isinstance(value, str) and re.fullmatch(r"[\w.:-]+", value) else None


def _longest_key(entries: dict[str, Node], parts: list[str]) -> tuple[str, list[str]]:
    for length in range(len(parts), 1, -1):
        if ".".join(parts[:length]) in entries:
            return ".".join(parts[:length]), parts[length:]
    return parts[0], parts[1:]
