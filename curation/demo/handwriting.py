"""Formulas as MathWriting publishes them (InkML) and as images in The Cauldron's layout.

MathWriting: `train/<16 hex digits>.inkml`, one ink a file, coordinates in pixels with y downward, times in
milliseconds. The Parquet file holds other formulas, drawn, with a prompt, as `andito/mathwriting-google` draws them.
"""

from __future__ import annotations

from itertools import pairwise
from math import cos, sin
from pathlib import Path
from random import Random
from xml.sax.saxutils import escape

from PIL import Image, ImageDraw

from curation.demo.formulas import Ink, bounds, formula
from curation.demo.sheet import png
from curation.demo.strokes import Stroke
from curation.demo.writing import ImageRow, dice, write_image_rows

NUM_IMAGES = 180
NUM_INKS = 60
PROMPTS = (
    "Write this formula in LaTeX.",
    "Transcribe the handwritten formula as LaTeX.",
    "Which LaTeX code gives this formula?",
)


def write_formulas(folder: Path, *, seed: int) -> None:
    """Write a Parquet file of drawn formulas with their LaTeX."""
    rows = []
    for number in range(NUM_IMAGES):
        roll = dice(seed, "math", number)
        ink = formula(roll)
        image = drawn(written(ink, roll), width=roll.choice((3, 4, 5)))
        questions = ((roll.choice(PROMPTS), ink.latex.strip()),)
        rows.append(ImageRow(images=(png(image),), questions=questions, source="mathwriting"))
    write_image_rows(folder / "train-00000-of-00001-91c0d8a2be4f7735.parquet", rows)


def write_inks(folder: Path, *, seed: int) -> None:
    """Write InkML files under `train/`."""
    (folder / "train").mkdir(parents=True, exist_ok=True)
    for number in range(NUM_INKS):
        roll = dice(seed, "ink", number)
        ink = formula(roll)
        name = f"{roll.getrandbits(64):016x}"
        content = inkml(ink, written(ink, roll), name=name)
        (folder / "train" / f"{name}.inkml").write_text(content, encoding="utf-8")


def written(ink: Ink, dice: Random) -> tuple[Stroke, ...]:
    """Write a formula as a hand would: at some size, slanted, uneven; the points are close together."""
    size, slant, wave = dice.uniform(5.5, 8.5), dice.uniform(-0.12, 0.2), dice.uniform(0.1, 0.3)
    phase = dice.uniform(0, 6)

    def place(x: float, y: float, *, shift: tuple[float, float]) -> tuple[float, float]:
        x, y = x + shift[0] + wave * sin(y + phase), y + shift[1] + wave * cos(x * 0.7 + phase)
        return (x - slant * y) * size, y * size

    strokes = []
    for stroke in ink.strokes:
        shift = (dice.uniform(-0.25, 0.25), dice.uniform(-0.25, 0.25))
        strokes.append(tuple(place(x, y, shift=shift) for x, y in close(stroke)))
    left, top, _, _ = bounds(strokes)
    return tuple(tuple((x - left, y - top) for x, y in stroke) for stroke in strokes)


def close(stroke: Stroke) -> Stroke:
    """Insert points so that neighbours are at most about one unit apart."""
    points = [stroke[0]]
    for (x0, y0), (x1, y1) in pairwise(stroke):
        steps = max(1, round(max(abs(x1 - x0), abs(y1 - y0))))
        points += [(x0 + (x1 - x0) * k / steps, y0 + (y1 - y0) * k / steps) for k in range(1, steps + 1)]
    return tuple(points)


def drawn(strokes: tuple[Stroke, ...], *, width: int) -> Image.Image:
    """Draw strokes in dark ink with a margin of 20 pixels; drawn twice as large for smooth edges."""
    _, _, right, bottom = bounds(strokes)
    size = (round(right) + 40, round(bottom) + 40)
    large = Image.new("L", (size[0] * 2, size[1] * 2), 255)
    draw = ImageDraw.Draw(large)
    for stroke in strokes:
        points = [((x + 20) * 2, (y + 20) * 2) for x, y in stroke]
        draw.line(points, fill=30, width=width * 2, joint="curve")
    return large.resize(size, Image.Resampling.BOX)


def inkml(ink: Ink, strokes: tuple[Stroke, ...], *, name: str) -> str:
    """Return the InkML of one formula; the pen makes a point every 12 ms and rests 150 ms between strokes."""
    annotations = {
        "label": ink.latex.strip(),
        "normalizedLabel": ink.latex.strip(),
        "splitTagOriginal": "train",
        "sampleId": name,
        "inkCreationMethod": "human",
        "labelCreationMethod": "synthetic",
    }
    lines = ['<ink xmlns="http://www.w3.org/2003/InkML">']
    lines += [f'<annotation type="{key}">{escape(value)}</annotation>' for key, value in annotations.items()]
    lines.append(
        '<traceFormat><channel name="X" type="decimal"/><channel name="Y" type="decimal"/>'
        '<channel name="T" type="decimal" units="ms"/></traceFormat>'
    )
    time = 0.0
    for number, stroke in enumerate(strokes):
        points = []
        for x, y in stroke:
            points.append(f"{x:.2f} {y:.2f} {time:.1f}")
            time += 12
        lines.append(f'<trace id="{number}">{",".join(points)}</trace>')
        time += 150
    return "\n".join([*lines, "</ink>", ""])
