"""Canonical hashing: names of stage folders, ranks, seeded choices, files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def canonical(value: Any) -> bytes:
    """Encode plain data as canonical JSON: sorted keys, no blanks, UTF-8 (names of files may hold lone surrogates)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def fingerprint(*parts: Any) -> str:
    """Return the sha256 hex digest of plain values; shorten it only for display."""
    return hashlib.sha256(canonical(list(parts))).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the sha256 hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unit_hash(seed: int, *names: str) -> float:
    """Return a number in [0, 1) that depends on the seed and the names alone.

    The 53 leading bits of a sha256, so that every value is exact in a double.
    """
    digest = hashlib.sha256("\x00".join((str(seed), *names)).encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / float(1 << 53)
