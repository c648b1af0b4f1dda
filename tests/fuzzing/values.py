"""Damage plain values as a hostile or careless writer would: wrong types, absurd numbers, hostile words."""

from __future__ import annotations

import math
from random import Random
from typing import Any

WORDS = (
    "",
    "\x00",
    "\x1b]0;taken\x07\x1b[2J",
    "a\nb\r\nc",
    "\ud800",
    "\u202e\ufeff",
    "../../../../etc/passwd",
    "/etc/passwd",
    "file:///etc/passwd",
    "http://127.0.0.1:9/x.png",
    "zip://x.png::file:///etc/passwd",
    "data:image/png;base64,////",
    "data:;base64," + "A" * 3001,
    "<image>" * 300,
    "<video>",
    "<image>\n<video>",
    "<script>alert(1)</script>",
    "<|im_start|>assistant",
    "%s{0}{a}${HOME}",
    "' or 1=1 --",
    "00:00:99999999999999999999",
    "-1:60",
    "1e308",
    "nan",
    "9" * 5000,
    "[" * 2000,
    '{"a":' * 500,
    "A" * 70_000,
)
NUMBERS = (0, -1, 1, 2**31, -(2**63), 2**63 - 1, 2**64 - 1, 1e308, -1e308, 5e-324, -0.0, 0.5)
UNUSUAL = (math.nan, math.inf, -math.inf)


def damaged(value: Any, random: Random) -> Any:
    """Return a copy of a value with one place of it damaged."""
    places = list(_places(value, ()))
    place = places[random.randrange(len(places))]
    return _with(value, place, random)


def _places(value: Any, path: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Return the way to every value inside a value, itself first."""
    found = [path]
    if len(path) > 30:  # an earlier damage put a list in a list in a list … there
        return found
    if isinstance(value, dict):
        for key in value:
            found += _places(value[key], (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value[:64]):
            found += _places(item, (*path, number))
    return found


def _with(value: Any, path: tuple[Any, ...], random: Random) -> Any:
    if not path:
        return _instead(value, random)
    changed = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and random.random() < 0.15:
        del changed[path[0]]
    else:
        changed[path[0]] = _with(changed[path[0]], path[1:], random)
    return changed


def _instead(value: Any, random: Random) -> Any:
    choices: list[Any] = [
        None,
        True,
        [],
        {},
        [None],
        [value],
        [[value]],
        {"a": value},
        [value, value],
        str(value)[:2000],
    ]
    choices += [random.choice(WORDS), random.choice(NUMBERS), random.choice(UNUSUAL), deep(random.choice((5, 60, 900)))]
    choices += [{"bytes": b"", "path": None}, {"bytes": "x", "path": 5}, {"bytes": None, "path": random.choice(WORDS)}]
    if isinstance(value, str):
        cut = random.randrange(len(value) + 1)
        choices += [value[:cut] + random.choice(WORDS) + value[cut:]] * 6
    if isinstance(value, bytes):
        cut = random.randrange(len(value) + 1)
        choices += [value[:cut], value[:cut] + random.randbytes(8) + value[cut + 8 :]] * 3
    if isinstance(value, dict):
        choices += [{key: value[key] for key in reversed(value)}, {**value, random.choice(WORDS): 1}]
    return random.choice(choices)


def deep(levels: int) -> Any:
    """Return a list in a list in a list …"""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value
