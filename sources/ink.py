"""Handwriting in InkML: read its strokes and its annotations, draw the strokes to an image. No file is touched here.

The parser refuses any document type: entities, external ones above all, can't be declared (`xml_doctype`). Of the
annotations only those of the ink itself count, not those of its groups.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from curation.sources.defects import RowDefect

Point = tuple[float, float]
_OVERSAMPLING = 4
_MAX_PIXELS = 4096 * 4096
_HIDDEN_TRACES = ("hover", "penUp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ink:
    """The strokes of a recording in its own units, y downward, and its annotations by their type."""

    strokes: tuple[tuple[Point, ...], ...]
    annotations: Mapping[str, str]


def read_inkml(data: bytes) -> Ink:
    """Read an InkML document.

    Raises:
        RowDefect: `xml_doctype`, `invalid_xml`, `invalid_ink` (a point that is no pair of numbers), `no_strokes`.

    """
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text.append
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as err:
        raise RowDefect("invalid_xml", str(err)) from err
    strokes = tuple(_points(trace, reader.channels) for trace in reader.traces)
    strokes = tuple(stroke for stroke in strokes if stroke)
    if not strokes:
        raise RowDefect("no_strokes", measured=0)
    return Ink(strokes=strokes, annotations=reader.annotations)


@dataclass(slots=True)
class _Reader:
    path: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    kind: str = ""
    channels: list[str] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(" ")[2]
        self.path.append(name)
        self.text.clear()
        if name in ("annotation", "trace"):
            self.kind = attributes.get("type", "")
        elif name == "channel":
            self.channels.append(attributes.get("name", ""))

    def end(self, name: str) -> None:
        text = "".join(self.text)
        self.text.clear()
        own = self.path.pop()
        if own == "trace" and self.kind not in _HIDDEN_TRACES:
            self.traces.append(text)
        elif own == "annotation" and self.path[-1:] == ["ink"]:
            self.annotations.setdefault(self.kind, text.strip())


def _refuse(*_: Any) -> None:
    raise RowDefect("xml_doctype", "the document declares a type or an entity")


def _points(trace: str, channels: Sequence[str]) -> tuple[Point, ...]:
    """Read `x y t, x y t` in the order of the channels (default X Y)."""
    across, down = (channels.index("X"), channels.index("Y")) if {"X", "Y"} <= set(channels) else (0, 1)
    points: list[Point] = []
    for place in trace.split(","):
        values = place.split()
        if not values:
            continue
        try:
            point = float(values[across]), float(values[down])
        except (ValueError, IndexError) as err:
            raise RowDefect("invalid_ink", f"the point '{place.strip()[:40]}' is no pair of numbers") from err
        if not (math.isfinite(point[0]) and math.isfinite(point[1])):
            raise RowDefect("invalid_ink", f"the point '{place.strip()[:40]}' is not finite")
        points.append(point)
    return tuple(points)


def draw_strokes(strokes: Sequence[Sequence[Point]], *, size: int, stroke: float, margin: int) -> bytes:
    """Draw strokes black on white, with round ends and smooth edges, and return the PNG.

    `size` is the longer side of the image in pixels, margins included; 0 draws one unit as one pixel. `stroke` is the
    width of the pen and `margin` the white around the ink, both in pixels. A single dot is as large as pen and margins.

    Raises:
        RowDefect: `ink_too_large`: the image would have more than 16.8 million pixels, or its extent is beyond 1e308.

    """
    from PIL import Image, ImageDraw

    left, top = (min(point[axis] for points in strokes for point in points) for axis in (0, 1))
    border = margin + stroke / 2
    scale, across, down = _fit(strokes, size=size, border=border)
    canvas = Image.new("L", (across * _OVERSAMPLING, down * _OVERSAMPLING), 255)
    draw = ImageDraw.Draw(canvas)
    pen, radius = max(1, round(stroke * _OVERSAMPLING)), stroke * _OVERSAMPLING / 2
    for points in strokes:
        drawn = [
            (((x - left) * scale + border) * _OVERSAMPLING, ((y - top) * scale + border) * _OVERSAMPLING)
            for x, y in points
        ]
        if len(drawn) > 1:
            draw.line(drawn, fill=0, width=pen, joint="curve")
        for x, y in (drawn[0], drawn[-1]):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    buffer = io.BytesIO()
    canvas.reduce(_OVERSAMPLING).save(buffer, "PNG")
    return buffer.getvalue()


def _fit(strokes: Sequence[Sequence[Point]], *, size: int, border: float) -> tuple[float, int, int]:
    """Return how many pixels a unit is, and the width and height of the image. Raises RowDefect (`ink_too_large`)."""
    width, height = (_extent([point[axis] for points in strokes for point in points]) for axis in (0, 1))
    longest = max(width, height)
    if not math.isfinite(longest):
        raise RowDefect("ink_too_large", "the strokes lie further apart than a number can say")
    scale = (size - 2 * border) / longest if size and longest > 0 else 1.0
    if not math.isfinite(scale):  # so small that it is a dot
        scale = 1.0
    across, down = (math.ceil(min(extent * scale, 1e9) + 2 * border) for extent in (width, height))
    if across * down > _MAX_PIXELS:
        raise RowDefect("ink_too_large", f"{across} x {down} pixels", measured=across * down, threshold=_MAX_PIXELS)
    if size and longest > 0:
        across, down = min(across, size), min(down, size)
    return scale, across, down


def _extent(values: Sequence[float]) -> float:
    return max(values) - min(values)
