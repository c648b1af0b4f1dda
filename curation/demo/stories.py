"""Multi-image rows in M4-Instruct's layout: one JSON list, image names in order, a zip for every top folder.

Three tasks: tell what changed between two pictures, tell a story of three or four pictures, compare two pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from curation.demo.scenes import GROUNDS, HEIGHT, WIDTH, Thing, chosen_things, drawn
from curation.demo.sheet import png
from curation.demo.vocabulary import COLOURS, FIRST_NAMES, NUMBER_WORDS, plural
from curation.demo.writing import dice, write_json, write_zip

NUM_ROWS = 90
Story = tuple[list[Image.Image], str, str, list[str] | None]  # pictures, question, answer, choices


def write_stories(folder: Path, *, seed: int) -> None:
    """Write `m4_instruct_annotations.json` and `<task>.zip` with `<task>/<number>_<picture>.png`.

    `sample_id` restarts in every task, as it does in the published file.
    """
    tasks: dict[str, Callable[[Random], Story]] = {
        "spot_change": spot_change,
        "shape_story": shape_story,
        "compare_count": compare_count,
    }
    rows: list[dict[str, Any]] = []
    for task, draw in tasks.items():
        members = []
        for number in range(NUM_ROWS // len(tasks)):
            pictures, question, answer, choices = draw(dice(seed, task, number))
            names = [f"{task}/{number:03d}_{position}.png" for position in range(len(pictures))]
            members += [(name, png(picture)) for name, picture in zip(names, pictures, strict=True)]
            rows.append(
                {
                    "sample_id": number,
                    "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}],
                    "image": names,
                    "choice_list": choices,
                    "metadata": {
                        "dataset": task,
                        "split": "train",
                        "num_sample": NUM_ROWS // len(tasks),
                        "task_instruction": "Look at the pictures in order and answer.",
                        "question_type": "multi-choice" if choices else "open-ended",
                    },
                }
            )
        write_zip(folder / f"{task}.zip", members)
    write_json(folder / "m4_instruct_annotations.json", rows)


def spot_change(dice: Random) -> Story:
    """Change the colour of one shape, or take it away."""
    things, ground = chosen_things(dice), GROUNDS[dice.choice(list(GROUNDS))]
    names = [thing.name for thing in things]
    place = next((place for place, name in enumerate(names) if names.count(name) == 1), None)
    if place is None:
        return spot_change(dice)
    thing = things[place]
    if dice.random() < 0.5:
        colour = dice.choice([colour for colour in COLOURS if colour != thing.colour])
        after = (*things[:place], replace(thing, colour=colour), *things[place + 1 :])
        answer = f"The {thing.name} has become {colour}."
    else:
        after = things[:place] + things[place + 1 :]
        answer = f"The {thing.name} has gone."
    question = dice.choice(
        (
            "<image>\n<image>\nWhat has changed from the first picture to the second?",
            "Here is a picture: <image>\nand here is another: <image>\nWhat is the difference?",
        )
    )
    return [drawn(things, ground=ground), drawn(after, ground=ground)], question, answer, None


def shape_story(dice: Random) -> Story:
    """Move a hero step by step towards a goal and tell it."""
    steps, name, colour = dice.randint(3, 4), dice.choice(FIRST_NAMES), dice.choice(list(COLOURS))
    goal_colour = dice.choice([other for other in COLOURS if other != colour])
    shape, is_right = dice.choice(("circle", "star", "square")), dice.random() < 0.5
    y, ground = dice.uniform(110, 250), GROUNDS[dice.choice(list(GROUNDS))]
    goal = Thing(shape="triangle", colour=goal_colour, x=WIDTH - 60 if is_right else 60, y=y, radius=45)
    pictures = []
    for step in range(steps):
        way = 50 + (WIDTH - 220) * step / (steps - 1)
        hero = Thing(shape=shape, colour=colour, x=way if is_right else WIDTH - way, y=y, radius=30)
        pictures.append(drawn((goal, hero), ground=ground))
    side = "right" if is_right else "left"
    middle = ("Picture by picture it comes closer.", "It does not stop on the way.")[dice.randrange(2)]
    return (
        pictures,
        "<image>" * steps + f"\nTell the story of {name}, the {colour} {shape}, in these pictures.",
        f"{name} the {colour} {shape} sets out towards the {goal_colour} triangle on the {side}. {middle} "
        f"In the {('third', 'fourth')[steps - 3]} picture {name} stands beside the {goal_colour} triangle.",
        None,
    )


def compare_count(dice: Random) -> Story:
    """Ask which of two pictures has more of a shape."""
    shape, colour = dice.choice(("star", "circle", "cross")), dice.choice(list(COLOURS))
    counts = dice.sample(range(1, 9), 2)
    ground = GROUNDS[dice.choice(list(GROUNDS))]
    pictures = []
    for count in counts:
        cells = dice.sample(range(12), count)
        things = tuple(
            Thing(
                shape=shape,
                colour=colour,
                x=(cell % 4 + 0.5) * WIDTH / 4,
                y=(cell // 4 + 0.5) * HEIGHT / 3,
                radius=34,
            )
            for cell in cells
        )
        pictures.append(drawn(things, ground=ground))
    first, second = (NUMBER_WORDS[count] for count in counts)
    winner = "A" if counts[0] > counts[1] else "B"
    choices = ["A. The first picture", "B. The second picture"]
    question = f"<image>\n<image>\nWhich picture shows more {colour} {plural(shape)}?\n" + "\n".join(choices)
    answer = f"{choices['AB'.index(winner)]}. The first shows {first} and the second shows {second}."
    return pictures, question, answer, choices
