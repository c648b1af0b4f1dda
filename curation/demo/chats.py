"""Instruction chats as OpenAI messages: JSON lines with short, checkable requests and true replies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from curation.demo.vocabulary import FIRMS, FIRST_NAMES, GOODS, TOWNS, date, listed
from curation.demo.writing import dice, write_jsonl

NUM_ROWS = 140
SYSTEM = ("You answer in one or two plain sentences.", "You are a patient teacher.", "You help in a small office.")


def write_chats(folder: Path, *, seed: int) -> None:
    """Write `sft.jsonl`, rows of `{"id", "messages": [{"role", "content"}]}`."""
    write_jsonl(folder / "sft.jsonl", [chat(number, dice(seed, "chat", number)) for number in range(NUM_ROWS)])


def chat(number: int, dice: Random) -> dict[str, object]:
    """Return a chat of one to four requests; one in four begins with a system message."""
    messages = [{"role": "system", "content": dice.choice(SYSTEM)}] if dice.random() < 0.25 else []
    for request in dice.sample(REQUESTS, dice.randint(1, 4)):
        question, answer = request(dice)
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"id": f"chat-{number:04d}", "messages": messages}


def sort_words(dice: Random) -> tuple[str, str]:
    """Sort names."""
    words = dice.sample(FIRST_NAMES if dice.random() < 0.5 else TOWNS, dice.randint(4, 7))
    question = dice.choice(("Please put these names in alphabetical order: {}.", "Sort these names from A to Z: {}."))
    return question.format(", ".join(words)), f"In alphabetical order: {', '.join(sorted(words))}."


def convert(dice: Random) -> tuple[str, str]:
    """Convert metric units."""
    large, small, factor = dice.choice(
        (
            ("kilometres", "metres", 1000),
            ("kilograms", "grams", 1000),
            ("hours", "minutes", 60),
            ("metres", "centimetres", 100),
        )
    )
    number = dice.randint(2, 75)
    return (
        f"How many {small} are {number} {large}?",
        f"{number} {large} are {number * factor} {small}, because there are {factor} {small} in one of the {large}.",
    )


def vowels(dice: Random) -> tuple[str, str]:
    """Count the vowels of a word."""
    word = dice.choice((*TOWNS, *FIRMS))
    found = [letter for letter in word if letter.lower() in "aeiou"]
    return (
        f'How many of the letters a, e, i, o and u are in "{word}"?',
        f"There {'is' if len(found) == 1 else 'are'} {len(found)}: {listed(found)}.",
    )


def polite(dice: Random) -> tuple[str, str]:
    """Write a short business message."""
    goods, day, firm = dice.choice(list(GOODS)), date(dice), dice.choice(FIRMS)
    number = dice.randint(5, 90)
    return (
        f"Write a short message to {firm} that asks whether {number} {goods} can be delivered by {day}.",
        f"Dear team at {firm},\n\ncould you please tell us whether you can deliver {number} {goods} by {day}? We would "
        "be grateful for a short reply.\n\nKind regards",
    )


def extract(dice: Random) -> tuple[str, str]:
    """Pull facts out of a sentence as JSON."""
    name, town, number, goods = (
        dice.choice(FIRST_NAMES),
        dice.choice(TOWNS),
        dice.randint(2, 60),
        dice.choice(list(GOODS)),
    )
    return (
        f'Give name, town, number and goods as JSON: "{name} from {town} has ordered {number} {goods}."',
        f'{{"name": "{name}", "town": "{town}", "number": {number}, "goods": "{goods}"}}',
    )


def largest(dice: Random) -> tuple[str, str]:
    """Find the extremes of some numbers."""
    numbers = dice.sample(range(1, 1000), dice.randint(4, 9))
    return (
        f"Which is the largest and which the smallest of these numbers? {', '.join(map(str, numbers))}",
        f"The largest is {max(numbers)} and the smallest is {min(numbers)}; they differ by "
        f"{max(numbers) - min(numbers)}.",
    )


def reverse(dice: Random) -> tuple[str, str]:
    """Write a word backwards."""
    word = dice.choice((*TOWNS, *FIRST_NAMES)).lower()
    return f'Write the word "{word}" backwards.', f'Backwards, "{word}" is "{word[::-1]}".'


REQUESTS: tuple[Callable[[Random], tuple[str, str]], ...] = (
    *(convert, extract, largest, polite),
    *(reverse, sort_words, vowels),
)
