"""Scenes of coloured shapes in the LLaVA layout: one JSON list of conversations beside a folder of JPEG files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, pi, sin
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image, ImageDraw

from curation.demo.sheet import jpeg
from curation.demo.vocabulary import COLOURS, NUMBER_WORDS, counted, listed, plural
from curation.demo.writing import dice, write_json

NUM_ROWS = 240
WIDTH, HEIGHT = 480, 360
COLUMNS, ROWS = 4, 3
SHAPES = ("circle", "square", "triangle", "star", "cross")
GROUNDS = {"white": (250, 250, 250), "grey": (208, 210, 212), "beige": (240, 230, 208), "pale blue": (206, 226, 242)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A coloured shape; `x`, `y` is its centre and `radius` its half size, in pixels."""

    shape: str
    colour: str
    x: float
    y: float
    radius: float

    @property
    def name(self) -> str:
        """Colour and shape."""
        return f"{self.colour} {self.shape}"


def write_scenes(folder: Path, *, seed: int) -> None:
    """Write `llava_scenes.json` and `images/`, with the defects that the corpus's README names."""
    rows = []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number in range(NUM_ROWS):
        roll = dice(seed, "scenes", number)
        things, ground = chosen_things(roll), roll.choice(list(GROUNDS))
        name = f"scene_{number:04d}.jpg"
        content = jpeg(drawn(things, ground=GROUNDS[ground]))
        if number == 101:
            content = content[: len(content) * 2 // 5]
        if number != 57:
            (folder / "images" / name).write_bytes(content)
        turns = conversation(things, ground=ground, dice=roll)
        rows.append({"id": f"scene-{number:04d}", "image": name, "conversations": turns})
    rows.append({**rows[12], "id": "scene-0012-again"})
    write_json(folder / "llava_scenes.json", rows)


def chosen_things(dice: Random, *, most: int = 7) -> tuple[Thing, ...]:
    """Choose two or more shapes, each in a cell of its own, in a few colours."""
    colours = dice.sample(list(COLOURS), 3)
    things = []
    for cell in dice.sample(range(COLUMNS * ROWS), dice.randint(2, most)):
        column, row = cell % COLUMNS, cell // COLUMNS
        things.append(
            Thing(
                shape=dice.choice(SHAPES),
                colour=dice.choice(colours),
                x=(column + 0.5) * WIDTH / COLUMNS + dice.uniform(-12, 12),
                y=(row + 0.5) * HEIGHT / ROWS + dice.uniform(-12, 12),
                radius=dice.uniform(26, 42),
            )
        )
    return tuple(things)


def drawn(things: tuple[Thing, ...], *, ground: tuple[int, int, int]) -> Image.Image:
    """Draw the shapes on an even ground."""
    image = Image.new("RGB", (WIDTH, HEIGHT), ground)
    draw = ImageDraw.Draw(image)
    for thing in things:
        draw_thing(draw, thing)
    return image


def draw_thing(draw: ImageDraw.ImageDraw, thing: Thing) -> None:
    """Draw one shape."""
    x, y, r, fill = thing.x, thing.y, thing.radius, COLOURS[thing.colour]
    if thing.shape == "circle":
        draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)
    elif thing.shape == "square":
        draw.rectangle((x - r * 0.85, y - r * 0.85, x + r * 0.85, y + r * 0.85), fill=fill)
    elif thing.shape == "triangle":
        draw.polygon([(x, y - r), (x + r, y + r * 0.8), (x - r, y + r * 0.8)], fill=fill)
    elif thing.shape == "star":
        radii = [r if point % 2 == 0 else r * 0.42 for point in range(10)]
        draw.polygon([(x + s * sin(k * pi / 5), y - s * cos(k * pi / 5)) for k, s in enumerate(radii)], fill=fill)
    else:
        draw.rectangle((x - r, y - r * 0.3, x + r, y + r * 0.3), fill=fill)
        draw.rectangle((x - r * 0.3, y - r, x + r * 0.3, y + r), fill=fill)


def conversation(things: tuple[Thing, ...], *, ground: str, dice: Random) -> list[Mapping[str, Any]]:
    """Return two to five turns about a scene; the placeholder stands first, or last in one scene of five."""
    pairs = questions(things, ground=ground, dice=dice)
    dice.shuffle(pairs)
    turns: list[Mapping[str, Any]] = []
    for question, answer in pairs[: dice.randint(2, 5)]:
        turns += [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    first = turns[0]["value"]
    marked = f"{first}\n<image>" if dice.random() < 0.2 else f"<image>\n{first}"
    return [{"from": "human", "value": marked}, *turns[1:]]


def questions(things: tuple[Thing, ...], *, ground: str, dice: Random) -> list[tuple[str, str]]:
    """Ask for counts, colours, relations and a description; every answer follows from the things."""
    names = [thing.name for thing in things]
    single = [thing for thing in things if names.count(thing.name) == 1]
    colour, shape = dice.choice(things).colour, dice.choice(SHAPES)
    of_colour = sum(thing.colour == colour for thing in things)
    of_shape = sum(thing.shape == shape for thing in things)
    pairs = [
        ("How many shapes are there in the picture?", f"There are {NUMBER_WORDS[len(things)]} shapes."),
        (f"How many of the shapes are {colour}?", f"{NUMBER_WORDS[of_colour].capitalize()}."),
        (f"How many {plural(shape)} do you see?", f"I see {counted(of_shape, shape)}."),
        ("What colour is the background?", f"The background is {ground}."),
        ("Describe the picture.", described(things, ground=ground)),
    ]
    if len(single) >= 2:
        one, other = dice.sample(single, 2)
        side = "left" if one.x < other.x else "right"
        level = "above" if one.y < other.y else "below"
        if abs(one.x - other.x) > 40:
            pairs.append(
                (
                    f"Is the {one.name} to the left or to the right of the {other.name}?",
                    f"The {one.name} is to the {side} of the {other.name}.",
                )
            )
        if abs(one.y - other.y) > 40:
            answer = "Yes" if level == "above" else "No"
            pairs.append(
                (
                    f"Is the {one.name} higher up than the {other.name}?",
                    f"{answer}, the {one.name} is {level} the {other.name}.",
                )
            )
    return pairs


def described(things: tuple[Thing, ...], *, ground: str) -> str:
    """Say what is on the picture, the kinds in order from left to right.

    >>> dot = Thing(shape="circle", colour="red", x=9, y=9, radius=5)
    >>> described((dot,), ground="white")
    'On a white background there is one red circle.'
    """
    names = [thing.name for thing in sorted(things, key=lambda thing: thing.x)]
    parts = [counted(names.count(name), name) for name in dict.fromkeys(names)]
    is_one = names.count(names[0]) == 1
    return f"On a {ground} background there {'is' if is_one else 'are'} {listed(parts)}."
