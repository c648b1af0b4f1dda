"""Samples with their pictures, small enough to stand in a page: thumbnails as data URIs, long texts cut."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from curation.show import Span

if TYPE_CHECKING:
    from curation.builds import Build
    from curation.show import ShownSample

MAX_PICTURES = 12
MAX_FRAMES = 3
MAX_CHARS = 3000
_JPEG_QUALITY = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A thumbnail: `uri` is a data URI, empty when the image can't be read; `caption` says its grid or its second."""

    uri: str
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """A sample with its first pictures; `left_out` counts the others, `cut_chars` the characters cut from its text."""

    shown: ShownSample
    spans: tuple[Span, ...]
    pictures: tuple[Picture, ...]
    left_out: int
    cut_chars: int


def exhibits(build: Build, sample_ids: Sequence[str], *, side: int, max_chars: int = MAX_CHARS) -> list[Exhibit]:
    """Read samples with thumbnails of at most `side` pixels; each shard row is read once.

    Raises `BuildError` when a shard is missing. An image that can't be decoded is an empty picture.
    """
    from functools import partial

    from curation.queries import run_query
    from curation.show import show_samples

    if not sample_ids:
        return []
    read = lru_cache(maxsize=len(sample_ids))(build.read_row)
    with build.connect() as connection:
        ask = partial(run_query, connection)
        shown = show_samples(build, sample_ids, ask=ask, tokenizer=build.tokenizer(), read=read)
    return [exhibit(each, read(*_place(each)) if each.spans else {}, side=side, max_chars=max_chars) for each in shown]


def exhibit(shown: ShownSample, row: dict[str, Any], *, side: int, max_chars: int = MAX_CHARS) -> Exhibit:
    """Make an exhibit of a sample and its row of a shard (`{}`: it is in none)."""
    places = range(len(row.get("images") or []))
    pictures = _pictures(row, places, side=side, most=MAX_PICTURES)
    spans, cut_chars = cut(shown.spans, max_chars)
    left_out = len(places) - len(pictures)
    return Exhibit(shown=shown, spans=spans, pictures=pictures, left_out=left_out, cut_chars=cut_chars)


def medium_pictures(shown: ShownSample, row: dict[str, Any], media_id: str, *, side: int) -> tuple[Picture, ...]:
    """Make the pictures of one medium of a sample: its image, or at most three of its frames."""
    first = 0
    for medium in shown.media:
        count = (medium["frames_used"] or 0) if medium["type"] == "video" else 1
        if medium["media_id"] == media_id:
            return _pictures(row, range(first, first + count), side=side, most=MAX_FRAMES)
        first += count
    return ()


def _pictures(row: dict[str, Any], places: range, *, side: int, most: int) -> tuple[Picture, ...]:
    """Make thumbnails of at most `most` images of a shard's row, evenly spread over the places."""
    return tuple(
        Picture(
            uri=thumbnail(row["images"][places[at]]["bytes"], side=side),
            caption=_caption(row["images"][places[at]]["path"], row["tiles"][places[at]]),
        )
        for at in _spread(len(places), most)
    )


def thumbnail(data: bytes, *, side: int) -> str:
    """Return an image as the data URI of a JPEG of at most `side` pixels each way; "" when it can't be read."""
    from PIL import Image

    from curation.images import open_image
    from curation.mixtures.pixels import upright_rgb

    try:
        image = upright_rgb(open_image(data))
        image.thumbnail((side, side), Image.Resampling.BILINEAR)
        output = io.BytesIO()
        image.save(output, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    except Exception:  # a broken image may raise anything inside a plug-in; the page says that it can't be read
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(output.getvalue()).decode()


def cut(spans: Sequence[Span], max_chars: int) -> tuple[tuple[Span, ...], int]:
    """Keep the first `max_chars` characters of a text; say how many are left out.

    >>> cut([Span(text="abc", is_trained=True, is_control=False)], 2)[1]
    1
    """
    kept: list[Span] = []
    room = max_chars
    for span in spans:
        if room <= 0:
            break
        kept.append(Span(text=span.text[:room], is_trained=span.is_trained, is_control=span.is_control))
        room -= len(span.text)
    total = sum(len(span.text) for span in spans)
    return tuple(kept), max(total - max_chars, 0)


def _place(shown: ShownSample) -> tuple[int, int]:
    return shown.sample["shard"], shown.sample["shard_row"]


def _spread(count: int, most: int) -> list[int]:
    """Choose at most `most` of `count` places, evenly, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return [number * (count - 1) // (most - 1) for number in range(most)]


def _caption(path: str | None, tiles: dict[str, int]) -> str:
    name, mark, seconds = (path or "").rpartition("#t=")
    if mark and name:
        return f"{seconds} s"
    return f"{tiles['rows']}×{tiles['cols']} tiles" if tiles["rows"] else "not split"
