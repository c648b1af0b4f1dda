"""Plain text in two published layouts: lessons as FineWeb-Edu (Parquet) and diaries as Dolma (JSON lines, gzip)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from curation.demo import lessons
from curation.demo.lessons import Lesson
from curation.demo.vocabulary import MONTHS, TOWNS, person
from curation.demo.writing import dice, write_jsonl, write_parquet

NUM_PASSAGES = 130
NUM_DIARIES = 70
COPIED = 31  # the passage that also stands among the diaries

LESSONS = (
    Lesson(
        title="How far a train goes",
        openings=(
            "Speed, distance and time belong together: whoever knows two of them can find the third.",
            "A timetable is a small exercise in multiplication, because distance is speed times time.",
        ),
        example=lessons.train,
        closings=("Divide the distance by the speed and the time comes back.", "Units must agree: hours with hours."),
    ),
    Lesson(
        title="From Celsius to Fahrenheit",
        openings=(
            "Two scales of temperature are in daily use, and travellers often have to change from one to the other.",
            "Water freezes at 0 degrees Celsius and boils at 100; in Fahrenheit these points are 32 and 212.",
        ),
        example=lessons.temperature,
        closings=("At 40 degrees below zero both scales show the same number.", "The way back is to subtract first."),
    ),
    Lesson(
        title="Numbers taken apart",
        openings=(
            "Every whole number above one is a product of primes, and in one way only, apart from the order.",
            "To find the prime factors of a number, divide by 2 as often as possible, then by 3, by 5 and so on.",
        ),
        example=lessons.factors,
        closings=("It is enough to try divisors up to the square root.", "There is no largest prime, as Euclid knew."),
    ),
    Lesson(
        title="Interest on interest",
        openings=(
            "Money that earns interest grows faster when the interest is left to earn interest itself.",
            "Compound growth looks slow in the beginning and surprises people later.",
        ),
        example=lessons.interest,
        closings=("Debts grow by the same rule.", "A rate of one percent doubles a sum in about seventy years."),
    ),
    Lesson(
        title="Counting with two figures",
        openings=(
            "Computers write numbers with two figures, 0 and 1; every place is worth twice the one to its right.",
            "In the binary system the places stand for 1, 2, 4, 8, 16, 32, 64 and 128.",
        ),
        example=lessons.binary,
        closings=("An even number always ends in 0.", "To double a number, one writes a 0 behind it."),
    ),
    Lesson(
        title="What a night of rain brings",
        openings=(
            "One millimetre of rain on one square metre is exactly one litre of water.",
            "Weather reports give rain in millimetres, which is easier to picture when it is turned into litres.",
        ),
        example=lessons.rain,
        closings=("A barrel under the gutter saves much tap water.", "In practice a part of it is lost as vapour."),
    ),
    Lesson(
        title="Lightning and thunder",
        openings=(
            "Light reaches us almost at once, but sound travels at about 340 metres a second.",
            "Counting the seconds between flash and thunder tells how far away a storm is.",
        ),
        example=lessons.thunder,
        closings=("When the pauses get shorter, the storm comes nearer.", "Three seconds make about one kilometre."),
    ),
    Lesson(
        title="Mean and median",
        openings=(
            "The mean and the median both say what is usual, yet they can differ a good deal.",
            "A single large value pulls the mean upward, while the median hardly notices it.",
        ),
        example=lessons.averages,
        closings=("Reports on incomes therefore prefer the median.", "Both are kinds of average."),
    ),
    Lesson(
        title="Which day of the week",
        openings=(
            "The days of the week repeat after seven, so that only the remainder of a division by seven matters.",
            "Whoever can divide by seven can say the weekday of any date ahead.",
        ),
        example=lessons.weekdays,
        closings=(
            "A common year moves every date by one weekday, a leap year by two.",
            "Calendars repeat after 400 years.",
        ),
    ),
    Lesson(
        title="Reading a map",
        openings=(
            "The scale of a map says how many times longer a way is in the country than on the paper.",
            "A ruler and the scale are all one needs to measure a way on a map.",
        ),
        example=lessons.map_scale,
        closings=(
            "Winding roads are longer than the straight line.",
            "The larger the second number, the smaller the map.",
        ),
    ),
    Lesson(
        title="The gears of a bicycle",
        openings=(
            "A gear changes few turns of the pedals into many turns of the wheel, or the other way round.",
            "The ratio of a gear is the number of teeth in front divided by the number behind.",
        ),
        example=lessons.gears,
        closings=("Low ratios help uphill.", "With a high ratio each turn takes more force."),
    ),
    Lesson(
        title="Cooking for more guests",
        openings=(
            "A recipe is a list of proportions, and proportions stay the same for any number of guests.",
            "To cook for more people than a recipe was written for, find the factor first.",
        ),
        example=lessons.recipe,
        closings=("Time in the oven does not grow by the same factor.", "Salt is best added by taste."),
    ),
)
WEATHER = ("clear and cold", "grey with a little rain", "warm and still", "windy", "foggy until noon", "bright and dry")
WORK: tuple[Callable[[Random], str], ...] = (
    lambda dice: f"I dug over the bed by the wall and took {dice.randint(3, 40)} stones out of it.",
    lambda dice: f"Sowed {dice.randint(2, 9)} rows of carrots and marked them with sticks.",
    lambda dice: f"Watered everything twice; the barrel holds {dice.randrange(40, 200, 10)} litres and is enough.",
    lambda dice: f"A neighbour brought {dice.randint(3, 24)} young lettuces, which now stand under the old window.",
    lambda dice: f"Cut back the hedge on a length of {dice.randint(2, 15)} metres and swept the path.",
    lambda dice: f"Counted {dice.randint(4, 60)} snails on the cabbage and carried them to the meadow.",
)


def write_texts(folder: Path, *, seed: int) -> None:
    """Write `web/…parquet` and `diaries/diaries-0000.json.gz`."""
    passages = [passage(dice(seed, "web", number)) for number in range(NUM_PASSAGES)]
    write_web(folder / "web" / "000_00000.parquet", passages, seed=seed)
    documents = [diary(dice(seed, "diary", number)) for number in range(NUM_DIARIES)]
    documents.insert(40, passages[COPIED])
    rows = [
        {"id": f"diary-{number:04d}", "text": text, "source": "demo-diaries", "metadata": {"length": len(text)}}
        for number, text in enumerate(documents)
    ]
    write_jsonl(folder / "diaries" / "diaries-0000.json.gz", rows)


def write_web(path: Path, passages: list[str], *, seed: int) -> None:
    """Write passages with FineWeb-Edu's columns; the scores are drawn, not judged."""
    import pyarrow as pa

    strings = ("text", "id", "dump", "url", "file_path", "language")
    schema = pa.schema(
        [
            *((name, pa.string()) for name in strings),
            ("language_score", pa.float64()),
            ("token_count", pa.int64()),
            ("score", pa.float64()),
            ("int_score", pa.int64()),
        ]
    )
    rows = []
    for number, text in enumerate(passages):
        roll = dice(seed, "web columns", number)
        score = round(roll.uniform(2.5, 4.9), 4)
        rows.append(
            {
                "text": text,
                "id": f"<urn:uuid:{roll.getrandbits(32):08x}-0000-4000-8000-{roll.getrandbits(48):012x}>",
                "dump": "demo",
                "url": f"https://www.example.org/lessons/{number:04d}",
                "file_path": f"demo/segments/{number // 50:03d}.warc.gz",
                "language": "en",
                "language_score": round(roll.uniform(0.9, 0.99), 4),
                "token_count": len(text.split()),
                "score": score,
                "int_score": round(score),
            }
        )
    write_parquet(path, rows, schema=schema)


def passage(dice: Random) -> str:
    """Write a short explanatory text with one to five worked examples."""
    lesson = dice.choice(LESSONS)
    examples = [lesson.example(dice) for _ in range(dice.randint(1, 5))]
    links = ("For example: ", "Here is a case. ", "An example shows it. ", "Let us try it with numbers. ")
    nexts = ("Another case: ", "The same again with other numbers. ", "And once more. ", "")
    paragraphs = [dice.choice(lesson.openings)]
    for number, example in enumerate(examples):
        paragraphs.append(dice.choice(nexts if number else links) + example)
    paragraphs.append(dice.choice(lesson.closings))
    return "\n\n".join([lesson.title, *paragraphs])


def diary(dice: Random) -> str:
    """Write some days of a gardener's diary; the height of a bean is measured every day and only grows."""
    month, first, height = dice.choice(MONTHS), dice.randint(1, 15), dice.randint(2, 30)
    start, days = height, dice.randint(4, 14)
    entries = [f"Diary of {person(dice)}, garden in {dice.choice(TOWNS)}"]
    for day in range(first, first + days):
        work = " ".join(task(dice) for task in dice.sample(WORK, dice.randint(1, 3)))
        growth = dice.randint(0, 5) if day > first else 0
        height += growth
        note = f"{growth} more than yesterday" if growth else "no change" if day > first else "the first measure"
        entries.append(
            f"{day} {month}. The day was {dice.choice(WEATHER)}. {work} The bean is {height} cm high, {note}."
        )
    entries.append(f"In {days} days the bean has grown by {height - start} cm.")
    return "\n\n".join(entries)
