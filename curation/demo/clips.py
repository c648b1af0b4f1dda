"""What the demo's videos show: shapes that move, change, appear and take turns, with true words about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw

from curation.demo.scenes import GROUNDS, Thing, draw_thing
from curation.demo.sheet import font
from curation.demo.vocabulary import COLOURS, NUMBER_WORDS, a, counted

WIDTH, HEIGHT = 320, 240
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A video as a function of time: `draw(t)` is the picture at `t` seconds; `rate` is in frames a second."""

    seconds: int
    rate: int
    draw: Callable[[float], Image.Image]
    caption: str
    questions: Pairs
    choices: Pairs


def chosen_clip(number: int, dice: Random) -> Clip:
    """Return a clip; the kinds take turns, so that a small corpus has all of them."""
    kinds = (crossing, changing, appearing, traffic_light, counting_down, passing)
    return kinds[number % len(kinds)](dice)


def choice(question: str, options: list[str], right: str) -> tuple[str, str]:
    """Return a multiple-choice question worded as LLaVA-Video-178K does.

    >>> choice("Which way?", ["Up", "Down"], "Down")[1]
    'B. Down'
    """
    lettered = [f"{letter}. {option}" for letter, option in zip("ABCD", options, strict=False)]
    closing = "Please provide your answer by stating the letter followed by the full option."
    return "\n".join([question, *lettered, closing]), lettered[options.index(right)]


def picture(ground: str, things: list[Thing]) -> Image.Image:
    """Draw one frame."""
    image = Image.new("RGB", (WIDTH, HEIGHT), GROUNDS[ground])
    draw = ImageDraw.Draw(image)
    for thing in things:
        draw_thing(draw, thing)
    return image


def crossing(dice: Random) -> Clip:
    """Move one shape across the picture in one of four directions."""
    seconds, colour, shape = dice.randint(6, 18), dice.choice(list(COLOURS)), dice.choice(("circle", "square", "star"))
    ways = {"left to right": (1, 0), "right to left": (-1, 0), "top to bottom": (0, 1), "bottom to top": (0, -1)}
    way = dice.choice(list(ways))
    (dx, dy), ground = ways[way], dice.choice(list(GROUNDS))

    def draw(t: float) -> Image.Image:
        part = t / seconds - 0.5
        x, y = WIDTH / 2 + dx * part * 260, HEIGHT / 2 + dy * part * 180
        return picture(ground, [Thing(shape=shape, colour=colour, x=x, y=y, radius=26)])

    options = list(ways)
    dice.shuffle(options)
    return Clip(
        seconds=seconds,
        rate=dice.choice((10, 15)),
        draw=draw,
        caption=f"{a(f'{colour} {shape}').capitalize()} moves across a {ground} background from {way}. "
        f"It moves at an even speed and needs the whole video, about {seconds} seconds, for its way.",
        questions=(
            (f"In which direction does the {shape} move?", f"It moves from {way}."),
            ("What colour is the moving shape?", f"The moving shape is {colour}."),
        ),
        choices=(choice(f"How does the {shape} move?", [f"From {way}" for way in options], f"From {way}"),),
    )


def changing(dice: Random) -> Clip:
    """Change the colour of a resting shape at some second."""
    seconds, shape = dice.randint(12, 24), dice.choice(("circle", "square", "triangle", "star"))
    before, after, *others = dice.sample(list(COLOURS), 4)
    moment, ground = dice.randint(3, seconds - 3), dice.choice(list(GROUNDS))

    def draw(t: float) -> Image.Image:
        colour = before if t < moment else after
        return picture(ground, [Thing(shape=shape, colour=colour, x=WIDTH / 2, y=HEIGHT / 2, radius=60)])

    options = dice.sample([before, after, *others], 4)
    return Clip(
        seconds=seconds,
        rate=10,
        draw=draw,
        caption=f"A large {shape} rests in the middle of the picture. It is {before} at first; after {moment} seconds "
        f"it turns {after} and stays so until the end.",
        questions=(
            (f"What colour is the {shape} at the beginning?", f"At the beginning it is {before}."),
            (f"After how many seconds does the {shape} change its colour?", f"After {moment} seconds."),
        ),
        choices=(choice(f"Which colour does the {shape} have at the end?", options, after),),
    )


def appearing(dice: Random) -> Clip:
    """Let equal shapes appear one after another."""
    number, every, shape = dice.randint(4, 6), dice.randint(2, 3), dice.choice(("circle", "star", "cross"))
    colour, ground = dice.choice(list(COLOURS)), dice.choice(list(GROUNDS))
    places = dice.sample([(x, y) for x in (50, 123, 197, 270) for y in (50, 120, 190)], number)
    things = [Thing(shape=shape, colour=colour, x=x, y=y, radius=24) for x, y in places]
    options = [str(count) for count in range(number - 1, number + 3)]
    return Clip(
        seconds=(number + 1) * every,
        rate=dice.choice((8, 12)),
        draw=lambda t: picture(ground, things[: int(t // every)]),
        caption=f"The picture is empty at first. Every {NUMBER_WORDS[every]} seconds {a(colour)} {shape} appears, "
        f"until {counted(number, f'{colour} {shape}')} can be seen.",
        questions=(
            ("How many shapes are there at the end?", f"There are {NUMBER_WORDS[number]} shapes at the end."),
            ("What is to be seen in the first second?", f"Nothing but the {ground} background."),
        ),
        choices=(choice("How many shapes can be counted at the end?", options, str(number)),),
    )


def traffic_light(dice: Random) -> Clip:
    """Switch a traffic light through its colours."""
    lamps = ("red", "green", "yellow")
    lengths = [dice.randint(4, 8) for _ in lamps]
    until = [sum(lengths[: place + 1]) for place in range(3)]

    def draw(t: float) -> Image.Image:
        image = Image.new("RGB", (WIDTH, HEIGHT), GROUNDS["pale blue"])
        canvas = ImageDraw.Draw(image)
        canvas.rectangle((120, 15, 200, 225), fill=(50, 50, 54))
        lit = lamps[next(place for place in range(3) if t < until[place])]
        for place, lamp in enumerate(("red", "yellow", "green")):
            y = 55 + place * 65
            canvas.ellipse((132, y - 28, 188, y + 28), fill=COLOURS[lamp] if lamp == lit else (88, 88, 92))
        return image

    red, green, yellow = lengths
    return Clip(
        seconds=sum(lengths),
        rate=10,
        draw=draw,
        caption=f"A traffic light shows red for {red} seconds, then green for {green} seconds, and at last yellow for "
        f"{yellow} seconds.",
        questions=(
            ("Which light comes after red?", "Green comes after red."),
            ("How long is the light green?", f"It is green for {green} seconds."),
        ),
        choices=(choice("Which light is on at the end of the video?", ["Red", "Yellow", "Green"], "Yellow"),),
    )


def counting_down(dice: Random) -> Clip:
    """Show a number that falls by one every second."""
    start, ground, colour = dice.randint(12, 24), dice.choice(list(GROUNDS)), dice.choice(("blue", "black", "purple"))

    def draw(t: float) -> Image.Image:
        image = Image.new("RGB", (WIDTH, HEIGHT), GROUNDS[ground])
        text = str(start - int(t))
        ImageDraw.Draw(image).text((160, 120), text, font=font(130), fill=COLOURS[colour], anchor="mm")
        return image

    options = [str(start + step) for step in (-2, -1, 0, 2)]
    return Clip(
        seconds=start + 1,
        rate=dice.choice((8, 12)),
        draw=draw,
        caption=f"Large {colour} figures on a {ground} background count down from {start} to 0, one number a second.",
        questions=(
            ("What is the last number shown?", "The last number is 0."),
            ("Which number is shown after four seconds?", f"After four seconds it shows {start - 4}."),
        ),
        choices=(choice("With which number does the countdown begin?", options, str(start)),),
    )


def passing(dice: Random) -> Clip:
    """Let two shapes pass each other, one above the other."""
    seconds, ground = dice.randint(12, 24), dice.choice(list(GROUNDS))
    upper, lower, *others = dice.sample(list(COLOURS), 4)

    def draw(t: float) -> Image.Image:
        x = 40 + (WIDTH - 80) * t / seconds
        return picture(
            ground,
            [
                Thing(shape="circle", colour=upper, x=x, y=75, radius=28),
                Thing(shape="square", colour=lower, x=WIDTH - x, y=165, radius=30),
            ],
        )

    options = dice.sample([upper, lower, *others], 4)
    return Clip(
        seconds=seconds,
        rate=dice.choice((10, 15)),
        draw=draw,
        caption=f"{a(upper).capitalize()} circle moves from left to right along the top while "
        f"{a(lower)} square moves from right to left below it. They pass each other half-way, "
        f"after about {seconds / 2:g} seconds.",
        questions=(
            ("Which shape moves to the right?", f"The {upper} circle moves to the right."),
            ("Where is the square in relation to the circle?", "The square stays below the circle's path."),
        ),
        choices=(choice("Which colour is the shape that moves to the left?", options, lower),),
    )
