"""Worked examples for the demo's passages: each draws its numbers and gives a true sentence or two about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from statistics import median

from curation.demo.vocabulary import FIRST_NAMES, TOWNS, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A subject: sentences to open and to close with, and a source of worked examples."""

    title: str
    openings: tuple[str, ...]
    example: Callable[[Random], str]
    closings: tuple[str, ...]


def train(dice: Random) -> str:
    """Speed, distance and time."""
    start, end = dice.sample(TOWNS, 2)
    speed, hours = dice.randrange(60, 200, 10), dice.randint(2, 5)
    return (
        f"A train from {start} to {end} runs at {speed} kilometres an hour. After {hours} hours it has covered {speed} "
        f"times {hours}, which is {speed * hours} kilometres. Were it half as fast, it would need {2 * hours} hours "
        "for the same way."
    )


def temperature(dice: Random) -> str:
    """Celsius and Fahrenheit; multiples of five give whole degrees."""
    celsius = dice.randrange(-20, 105, 5)
    return (
        f"Take {celsius} degrees Celsius. Multiply by nine and divide by five, which gives {celsius * 9 // 5}, and add "
        f"32: the thermometer in Fahrenheit shows {celsius * 9 // 5 + 32} degrees."
    )


def factors(dice: Random) -> str:
    """Prime factors of a number."""
    number = rest = dice.randint(24, 900)
    found = []
    for prime in range(2, number + 1):
        while rest % prime == 0:
            found.append(str(prime))
            rest //= prime
    if len(found) == 1:
        return f"The number {number} has no divisors but 1 and itself; it is a prime."
    return f"The number {number} is the product of {listed(found)}. No other primes multiply to {number}."


def interest(dice: Random) -> str:
    """Compound interest over a few years."""
    name, amount, rate, years = (
        dice.choice(FIRST_NAMES),
        dice.randrange(200, 5000, 100),
        dice.randint(2, 8),
        dice.randint(2, 4),
    )
    steps, value = [], float(amount)
    for year in range(1, years + 1):
        value *= 1 + rate / 100
        steps.append(f"{value:.2f} after year {year}")
    return (
        f"{name} puts {amount} euros into an account that pays {rate} percent a year and leaves the interest where it "
        f"is. The balance is {listed(steps)}. Simple interest would have given only "
        f"{amount * (1 + rate * years / 100):.2f}."
    )


def binary(dice: Random) -> str:
    """A number in powers of two."""
    number = dice.randint(9, 250)
    powers = [1 << bit for bit in range(7, -1, -1) if number >> bit & 1]
    return (
        f"The number {number} is the sum of {listed([str(power) for power in powers])}"
        f", so that in binary it is written {number:b}, with {len(powers)} ones."
        if len(powers) > 1
        else f"The number {number} is a power of two, so that in binary it is written {number:b}, with a single one."
    )


def rain(dice: Random) -> str:
    """Millimetres of rain on a roof."""
    length, width, depth = dice.randint(6, 20), dice.randint(5, 14), dice.randint(2, 30)
    litres = length * width * depth
    return (
        f"A flat roof in {dice.choice(TOWNS)} is {length} metres long and {width} metres wide, an area of "
        f"{length * width} square metres. In a night with {depth} millimetres of rain {litres} litres fall on it, "
        f"enough to fill {litres // 10} buckets of ten litres."
    )


def thunder(dice: Random) -> str:
    """The distance of lightning, at 340 metres a second."""
    seconds = dice.randint(2, 25)
    return (
        f"If {seconds} seconds pass between the flash and the thunder, the lightning struck {340 * seconds} metres "
        f"away, or about {340 * seconds / 1000:.1f} kilometres."
    )


def averages(dice: Random) -> str:
    """Mean and median of a list."""
    values = sorted(dice.sample(range(10, 100), 5))
    values[-1] += dice.randrange(0, 300, 50)
    return (
        f"Consider the values {listed([str(value) for value in values])}. Their sum is {sum(values)}, so the mean is "
        f"{sum(values) / 5:.1f}. The one in the middle, the median, is {median(values)}."
    )


def weekdays(dice: Random) -> str:
    """Counting days by sevens."""
    start = date(2000, 1, 1) + timedelta(days=dice.randrange(9000))
    days = dice.randint(10, 99)
    end = start + timedelta(days=days)
    return (
        f"From {start.day} {start:%B} {start.year}, a {start:%A}, count {days} days onward. {days} days are "
        f"{days // 7} full weeks and {days % 7} days, and so one arrives at a {end:%A}, {end.day} {end:%B} {end.year}."
    )


def map_scale(dice: Random) -> str:
    """Distances on a map."""
    scale, centimetres = dice.choice((10000, 25000, 50000, 100000)), dice.randint(3, 24)
    start, end = dice.sample(TOWNS, 2)
    return (
        f"On a map of scale 1 to {scale}, {start} and {end} lie {centimetres} centimetres apart. In the country that "
        f"is {centimetres * scale} centimetres, or {centimetres * scale / 100000:g} kilometres."
    )


def gears(dice: Random) -> str:
    """Gear ratios of a bicycle."""
    front, rear, turns = dice.randrange(36, 54, 2), dice.choice((12, 14, 16, 18, 20, 24)), dice.randrange(20, 100, 10)
    return (
        f"A chainring of {front} teeth drives a sprocket of {rear}. One turn of the pedals turns the wheel "
        f"{front / rear:.2f} times, and {turns} turns of the pedals make {turns * front / rear:.1f} turns of the wheel."
    )


def recipe(dice: Random) -> str:
    """Scaling a recipe."""
    people, guests = dice.choice((2, 4)), dice.choice((6, 8, 10, 12))
    flour, eggs = dice.randrange(100, 400, 50) * people // 2, people
    return (
        f"A recipe for {people} people asks for {flour} grams of flour and {eggs} eggs. For {guests} guests everything "
        f"is multiplied by {guests / people:g}: {flour * guests // people} grams of flour and "
        f"{eggs * guests // people} eggs."
    )
