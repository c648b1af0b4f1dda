"""The pictures of benchmark items: what a cell of a row says about them, and their hashes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.errors import MediaError
from curation.hashing import phash256
from curation.images import probe_image
from curation.media import read
from curation.records import Address

MAX_PATH = 1000  # characters; longer text in a cell is base64


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image of a benchmark: `address` (JSON) is a file; bytes out of cells are kept in a file of the stage."""

    address: str
    phash: bytes


def cells_of(value: Any) -> Iterator[Any]:
    """Yield what a cell says about pictures: bytes, or the text of a path or of base64."""
    if isinstance(value, Mapping):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from cells_of(item)
    elif isinstance(value, (bytes, str)) and value:
        yield value


def picture_name(cell: bytes | str, path: str) -> str:
    """Return what tells a picture from others: the path beside the file of rows, or a hash of its bytes."""
    if isinstance(cell, str) and len(cell) <= MAX_PATH:
        return str(Path(path).parent / cell) if "://" not in path else cell
    return hashlib.sha256(cell if isinstance(cell, bytes) else cell.encode()).hexdigest()


def cell_picture(cell: bytes | str, name: str, file: Path) -> Picture | None:
    """Measure a picture: bytes, base64 (with or without `data:`), or a path beside the file of rows."""
    if isinstance(cell, str) and len(cell) <= MAX_PATH:
        return read_picture(name)
    if isinstance(cell, str):
        try:
            cell = base64.b64decode(cell.partition("base64,")[2] or cell, validate=True)
        except (binascii.Error, ValueError):
            return None
    picture = _measured(cell, str(file))
    if picture is not None:
        file.write_bytes(cell)
    return picture


def read_picture(path: str) -> Picture | None:
    """Measure the picture of a file; None when it can't be read."""
    try:
        return _measured(read(Address(path=path)), path)
    except MediaError:
        return None


def _measured(data: bytes, path: str) -> Picture | None:
    try:
        return Picture(address=json.dumps({"path": path}), phash=phash256(probe_image(data).grey))
    except MediaError:
        return None
