"""Bar and line charts in The Cauldron's layout (config `chartqa`), with questions that the chart answers.

Published as `HuggingFaceM4/the_cauldron`: Parquet, one row per image, short answers with a capital and a full stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw

from curation.demo.sheet import font, png
from curation.demo.vocabulary import COLOURS, MONTHS, TOWNS
from curation.demo.writing import ImageRow, dice, write_image_rows

NUM_ROWS = 140
WIDTH, HEIGHT = 640, 480
LEFT, RIGHT, TOP, BOTTOM = 70, 610, 80, 410  # the plot's frame in pixels
SUFFIXES = ("\nAnswer briefly.", "\nGive a short answer.", "\nProvide a succinct answer.", "")
SUBJECTS = ("Cups of tea sold", "Days of rain", "Letters delivered", "Goals scored", "Books lent", "Eggs collected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a chart shows: whole numbers by label, in order. All values differ."""

    title: str
    labels: tuple[str, ...]
    values: tuple[int, ...]
    is_line: bool


def write_charts(folder: Path, *, seed: int) -> None:
    """Write one Parquet file named as the published ones."""
    rows = [chart_row(dice(seed, "charts", number)) for number in range(NUM_ROWS)]
    write_image_rows(folder / "train-00000-of-00001-4dd7c2b9a6f1e083.parquet", rows)


def chart_row(dice: Random) -> ImageRow:
    """Draw one chart and ask about it."""
    chart = chosen_chart(dice)
    image = drawn(chart, colour=dice.choice(list(COLOURS.values())[:6]))
    asked = questions(chart, dice)
    dice.shuffle(asked)
    suffixed = [(question + dice.choice(SUFFIXES), answer) for question, answer in asked[: dice.randint(2, 5)]]
    return ImageRow(images=(png(image),), questions=tuple(suffixed), source="chartqa")


def chosen_chart(dice: Random) -> Chart:
    """Choose what to show: a line over years or bars over towns or months."""
    is_line, count, subject = dice.random() < 0.4, dice.randint(4, 7), dice.choice(SUBJECTS)
    most = dice.choice((20, 60, 100, 400))
    values = tuple(dice.sample(range(most // 10, most), count))
    if is_line:
        first = dice.randint(1990, 2015)
        return Chart(
            title=f"{subject} a year",
            labels=tuple(str(first + year) for year in range(count)),
            values=values,
            is_line=True,
        )
    if dice.random() < 0.5:
        labels = tuple(dice.sample(TOWNS, min(count, 6)))
        return Chart(title=f"{subject} by town", labels=labels, values=values[: len(labels)], is_line=False)
    start = dice.randint(0, 12 - count)
    labels = tuple(month[:3] for month in MONTHS[start : start + count])
    return Chart(title=f"{subject} by month", labels=labels, values=values, is_line=False)


def drawn(chart: Chart, *, colour: tuple[int, int, int]) -> Image.Image:
    """Draw the chart with grid lines, axis labels and the value at every point."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    draw.text((WIDTH // 2, 34), chart.title, font=font(26), fill=(20, 20, 20), anchor="mm")
    step = next(step for step in (5, 10, 20, 50, 100) if max(chart.values) / step <= 6)
    top_value = (max(chart.values) // step + 1) * step
    scale = (BOTTOM - TOP) / top_value
    for value in range(0, top_value + 1, step):
        y = BOTTOM - value * scale
        draw.line((LEFT, y, RIGHT, y), fill=(215, 215, 215))
        draw.text((LEFT - 10, y), str(value), font=font(16), fill=(60, 60, 60), anchor="rm")
    slot = (RIGHT - LEFT) / len(chart.labels)
    tops = [(LEFT + slot * (number + 0.5), BOTTOM - value * scale) for number, value in enumerate(chart.values)]
    if chart.is_line:
        draw.line(tops, fill=colour, width=4, joint="curve")
    for (x, y), label, value in zip(tops, chart.labels, chart.values, strict=True):
        if chart.is_line:
            draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=colour)
        else:
            draw.rectangle((x - slot * 0.32, y, x + slot * 0.32, BOTTOM), fill=colour)
        box = draw.textbbox((x, y - 10), str(value), font=font(16), anchor="mb")
        draw.rectangle(box, fill=(255, 255, 255))
        draw.text((x, y - 10), str(value), font=font(16), fill=(20, 20, 20), anchor="mb")
        draw.text((x, BOTTOM + 22), label, font=font(16), fill=(20, 20, 20), anchor="mm")
    draw.line((LEFT, BOTTOM, RIGHT, BOTTOM), fill=(40, 40, 40), width=2)
    return image


def questions(chart: Chart, dice: Random) -> list[tuple[str, str]]:
    """Ask for values, extremes, differences, counts and the sum."""
    values = dict(zip(chart.labels, chart.values, strict=True))
    one, other = dice.sample(chart.labels, 2)
    limit = sorted(chart.values)[len(chart.values) // 2]
    above = sum(value > limit for value in chart.values)
    what = "year" if chart.is_line else chart.title.rsplit(maxsplit=1)[-1]
    rise = "Yes" if chart.values[-1] > chart.values[0] else "No"
    return [
        (f"What is the value for {one}?", f"{values[one]}."),
        (f"Which {what} has the highest value?", f"{max(values, key=values.__getitem__)}."),
        (f"Which {what} has the lowest value?", f"{min(values, key=values.__getitem__)}."),
        (f"What is the difference between {one} and {other}?", f"{abs(values[one] - values[other])}."),
        (f"How many values are above {limit}?", f"{above}."),
        ("What is the sum of all values?", f"{sum(chart.values)}."),
        ("Is the last value greater than the first?", f"{rise}."),
        ("What is the title of the chart?", f"{chart.title}."),
    ]
