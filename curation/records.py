"""The rows that pass between modules: samples, their turns and media, drops, tasks and cards.

What is made once for every row or part of one is a frozen msgspec struct: making one takes 70 to 90 ns, a frozen
dataclass 300 to 950, and a chat row has nine. Change one with `msgspec.structs.replace`. The others are dataclasses.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from msgspec import Struct

Kind = Literal["text", "document", "image", "multi_image", "math", "cot", "video"]
Role = Literal["system", "user", "assistant"]
KINDS: tuple[Kind, ...] = ("text", "document", "image", "multi_image", "math", "cot", "video")


class Address(Struct, frozen=True, kw_only=True):
    """Where the bytes of a medium can be read again: a file or URL, or a range of bytes in one.

    `path` is a local path or an fsspec URL. A member of a plain tar or a stored zip is a byte range of its archive.
    """

    path: str
    offset: int | None = None
    length: int | None = None

    def __str__(self) -> str:
        return self.path if self.offset is None else f"{self.path}#bytes={self.offset}+{self.length}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFolder:
    """A video given as images: the frames in order, shown at `fps` frames a second."""

    frames: tuple[Address, ...]
    fps: float
    path: str = ""


class Text(Struct, frozen=True, kw_only=True):
    """A piece of text of a turn."""

    text: str


class Image(Struct, frozen=True, kw_only=True):
    """An image of a turn. `name` is the path or name that the dataset gives it."""

    content: bytes | Address
    name: str = ""


class Video(Struct, frozen=True, kw_only=True):
    """A video of a turn, or the part of it from `start_seconds` to `end_seconds` (None: the whole)."""

    content: bytes | Address | FrameFolder
    name: str = ""
    start_seconds: float | None = None
    end_seconds: float | None = None


Part = Text | Image | Video


class Turn(Struct, frozen=True, kw_only=True):
    """One message of a conversation."""

    role: Role
    parts: tuple[Part, ...]


class Flag(Struct, frozen=True, kw_only=True):
    """Something odd about a kept row: becomes a ledger row with action `flag`."""

    reason: str
    measured: float | None = None
    detail: Mapping[str, Any] = {}


class Sample(Struct, frozen=True, kw_only=True):
    """One training conversation as its source tells it.

    `row_key` is unique within the source and does not depend on how the work is split: the file relative to the
    source's root and the row's number in it (`train/a.jsonl:17`). `columns` holds the dataset's own extra values
    (scalars) that filters may want, e.g. FineVision's ratings. `kind` None: decided by the card and the media.
    """

    row_key: str
    turns: tuple[Turn, ...]
    row_id: str | None = None
    kind: Kind | None = None
    columns: Mapping[str, Any] = {}
    flags: tuple[Flag, ...] = ()


class Drop(Struct, frozen=True, kw_only=True):
    """A row that can't become a sample, with its reason: becomes a ledger row of stage `pull`."""

    row_key: str
    reason: str
    measured: float | None = None
    threshold: float | None = None
    detail: Mapping[str, Any] = {}


WHOLE_FILES = sys.maxsize


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a source is and how it is to be read: the manifest's words for one source, resolved.

    `uri` and `media` are absolute paths or fsspec URLs. `cache` is a local folder where archives that can't be read
    at random (tar.gz) may be kept decompressed, and where large files are cut. Files are cut where they are larger than
    `task_bytes`; `WHOLE_FILES`: never.
    """

    uri: tuple[str, ...]
    media: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    cache: str = ""
    task_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A part of a source that one worker reads: rows of one file.

    `key` is the file's path relative to the source's root, the first half of its row keys. A task covers a byte range
    (`offset`, `length`; JSONL), row groups (Parquet), or the whole file. `first_row` is the number of its first row.
    `num_rows` is None where rows can't be counted without reading them. `num_bytes` is for balancing.
    """

    path: str
    key: str
    num_bytes: int
    first_row: int = 0
    num_rows: int | None = None
    offset: int = 0
    length: int | None = None
    row_groups: tuple[int, ...] = ()
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a source adapter tells about its dataset: shown by `curation sources NAME`."""

    name: str
    title: str
    kinds: tuple[Kind, ...]
    license: str
    hub_id: str = ""
    configs: tuple[str, ...] = ()
    layout: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    quirks: tuple[str, ...] = ()
    citation: str = ""


def kind_of(sample: Sample, card: Card, override: Kind | None = None) -> Kind:
    """Say which kind a sample is: the manifest's word, its own, the card's when it is unambiguous, or by its media."""
    if override or sample.kind:
        return override or sample.kind  # type: ignore[return-value]
    media = [part for turn in sample.turns for part in turn.parts if not isinstance(part, Text)]
    if any(isinstance(part, Video) for part in media):
        return "video"
    if len(media) > 1 and "multi_image" in card.kinds:
        return "multi_image"
    fitting = [kind for kind in card.kinds if (kind in ("text", "cot", "math")) or media]
    fitting = [kind for kind in fitting if kind not in ("video", "multi_image") and not (kind == "text" and media)]
    if fitting:
        return fitting[0]
    if not media:
        return "text"
    return "image" if len(media) == 1 else "multi_image"
