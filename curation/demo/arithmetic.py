"""Word problems in GSM8K's layout: JSON lines of question and answer, steps with `<<48/2=24>>` and a last `#### 24`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from curation.demo.vocabulary import FIRST_NAMES, GOODS, MONTHS
from curation.demo.writing import dice, write_jsonl

NUM_ROWS = 220
NO_ANSWER = 88  # the row whose answer is empty
Problem = tuple[str, list[str], int]  # question, steps, result


def write_problems(folder: Path, *, seed: int) -> None:
    """Write `train.jsonl`."""
    rows = []
    for number in range(NUM_ROWS):
        question, answer = problem(dice(seed, "cot", number))
        rows.append({"question": question, "answer": "" if number == NO_ANSWER else answer})
    write_jsonl(folder / "train.jsonl", rows)


def problem(dice: Random) -> tuple[str, str]:
    """Return a question and its worked answer."""
    question, steps, result = dice.choice(PROBLEMS)(dice)
    return question, "\n".join([*steps, f"#### {result}"])


def worked(expression: str, result: int) -> str:
    """Write a calculation with GSM8K's calculator mark.

    >>> worked("48/2", 24)
    '48/2 = <<48/2=24>>24'
    """
    return f"{expression} = <<{expression}={result}>>{result}"


def shopping(dice: Random) -> Problem:
    """Buy two kinds of goods and pay with a note."""
    name, (one, other) = dice.choice(FIRST_NAMES), dice.sample(list(GOODS), 2)
    few, many = dice.randint(2, 6), dice.randint(2, 9)
    first, second = few * GOODS[one], many * GOODS[other]
    note = next(note for note in (50, 100, 200, 500, 1000, 2000) if note > first + second)
    return (
        f"{name} buys {few} {one} at ${GOODS[one]} each and {many} {other} at ${GOODS[other]} each, and pays with "
        f"${note}. How many dollars does {name} get back?",
        [
            f"The {one} cost {worked(f'{few}*{GOODS[one]}', first)} dollars.",
            f"The {other} cost {worked(f'{many}*{GOODS[other]}', second)} dollars.",
            f"Together that is {worked(f'{first}+{second}', first + second)} dollars.",
            f"{name} gets back {worked(f'{note}-{first + second}', note - first - second)} dollars.",
        ],
        note - first - second,
    )


def saving(dice: Random) -> Problem:
    """Save every week towards a price."""
    name, goods, weekly, weeks = (
        dice.choice(FIRST_NAMES),
        dice.choice(list(GOODS)),
        dice.randint(3, 25),
        dice.randint(4, 20),
    )
    start = dice.randint(5, 60)
    price = start + weekly * weeks
    return (
        f"{name} wants to buy {goods} for ${price}. {name} already has ${start} and saves ${weekly} every week. After "
        "how many weeks is there enough money?",
        [
            f"{name} still needs {worked(f'{price}-{start}', price - start)} dollars.",
            f"At {weekly} dollars a week this takes {worked(f'{price - start}/{weekly}', weeks)} weeks.",
        ],
        weeks,
    )


def journey(dice: Random) -> Problem:
    """Drive two stretches at different speeds."""
    name, fast, slow = dice.choice(FIRST_NAMES), dice.randint(60, 110), dice.randint(30, 55)
    long, short = dice.randint(2, 5), dice.randint(1, 3)
    first, second = fast * long, slow * short
    hours = "1 hour" if short == 1 else f"{short} hours"
    return (
        f"{name} drives for {long} hours at {fast} km an hour on the motorway and then for {hours} at {slow} km an "
        "hour on small roads. How many kilometres is the whole journey?",
        [
            f"On the motorway {name} drives {worked(f'{long}*{fast}', first)} km.",
            f"On small roads it is {worked(f'{short}*{slow}', second)} km.",
            f"The whole journey is {worked(f'{first}+{second}', first + second)} km.",
        ],
        first + second,
    )


def sharing(dice: Random) -> Problem:
    """Share after giving some away."""
    name, people, each, given = dice.choice(FIRST_NAMES), dice.randint(3, 9), dice.randint(4, 15), dice.randint(3, 20)
    fruit = dice.choice(("apples", "plums", "pears", "cherries", "walnuts"))
    total = people * each + given
    return (
        f"{name} picks {total} {fruit}, gives {given} of them to a neighbour and shares the rest equally among "
        f"{people} friends. How many {fruit} does every friend get?",
        [
            f"After the gift {worked(f'{total}-{given}', total - given)} {fruit} are left.",
            f"Every friend gets {worked(f'{total - given}/{people}', each)} {fruit}.",
        ],
        each,
    )


def discount(dice: Random) -> Problem:
    """Take a percentage off a price."""
    name, percent, hundreds = dice.choice(FIRST_NAMES), dice.choice((5, 10, 15, 20, 25, 30, 40)), dice.randint(1, 9)
    price, count = hundreds * 100, dice.randint(2, 5)
    off = price * percent // 100
    return (
        f"A bicycle costs ${price}. In {dice.choice(MONTHS)} the shop takes {percent}% off. {name} buys {count} of "
        "them for the family. How many dollars is that in all?",
        [
            f"The discount is {worked(f'{price}*{percent}/100', off)} dollars.",
            f"One bicycle then costs {worked(f'{price}-{off}', price - off)} dollars.",
            f"{count} bicycles cost {worked(f'{count}*{price - off}', count * (price - off))} dollars.",
        ],
        count * (price - off),
    )


def reading(dice: Random) -> Problem:
    """Read a book at a changing pace."""
    name, first, days, pace = dice.choice(FIRST_NAMES), dice.randint(15, 60), dice.randint(3, 9), dice.randint(10, 40)
    left = dice.randint(20, 150)
    pages = first + days * pace + left
    return (
        f"{name} has a book of {pages} pages. On the first day {name} reads {first} pages and on each of the next "
        f"{days} days {pace} pages. How many pages are left?",
        [
            f"In the {days} days {name} reads {worked(f'{days}*{pace}', days * pace)} pages.",
            f"With the first day that makes {worked(f'{first}+{days * pace}', first + days * pace)} pages.",
            f"There are {worked(f'{pages}-{first + days * pace}', left)} pages left.",
        ],
        left,
    )


def garden(dice: Random) -> Problem:
    """Fence a garden and pay by the metre."""
    name, length, width, price = dice.choice(FIRST_NAMES), dice.randint(8, 40), dice.randint(5, 25), dice.randint(3, 14)
    gate = dice.randint(1, 3)
    around = 2 * (length + width)
    return (
        f"{name}'s garden is {length} m long and {width} m wide. A fence goes all around it, except for a gate of "
        f"{gate} m. One metre of fence costs ${price}. How many dollars does the fence cost?",
        [
            f"Around the garden it is {worked(f'2*({length}+{width})', around)} m.",
            f"Without the gate {worked(f'{around}-{gate}', around - gate)} m need a fence.",
            f"The fence costs {worked(f'{around - gate}*{price}', (around - gate) * price)} dollars.",
        ],
        (around - gate) * price,
    )


PROBLEMS: tuple[Callable[[Random], Problem], ...] = (
    *(discount, garden, journey, reading),
    *(saving, sharing, shopping),
)
