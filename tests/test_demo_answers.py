"""What the demo says about what it draws is true: checked against the pixels, the arithmetic and the strokes."""

from __future__ import annotations

import doctest
import re
from random import Random
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from curation.demo import arithmetic, charts, clips, formulas, lessons, scenes, vocabulary
from curation.demo.writing import dice

seeds = st.integers(min_value=0, max_value=10**6)


@given(seeds)
def test_every_step_of_a_word_problem_is_right_and_leads_to_the_result(seed: int) -> None:
    _, answer = arithmetic.problem(Random(seed))
    steps = re.findall(r"(\S+) = <<([^=]+)=(\d+)>>(\d+)", answer)
    assert steps
    for shown, expression, result, repeated in steps:
        assert shown == expression
        assert eval(expression, {"__builtins__": {}}) == int(result) == int(repeated)
    assert answer.endswith(f"#### {steps[-1][2]}")


@given(seeds)
def test_the_prime_factors_multiply_to_the_number(seed: int) -> None:
    number, *found = map(int, re.findall(r"\d+", lessons.factors(Random(seed)).partition(". No")[0]))
    product = 1
    for factor in found:
        product *= factor
        assert all(factor % smaller for smaller in range(2, factor))
    assert product == number or found == [1]


@given(seeds)
def test_the_powers_of_two_add_up_and_the_binary_number_is_right(seed: int) -> None:
    text = lessons.binary(Random(seed))
    number = int(text.split()[2])
    written = re.search(r"written ([01]+)", text)
    assert written and int(written[1], 2) == number
    if "sum of" in text:
        assert sum(map(int, re.findall(r"\d+", text.partition("so that")[0])[1:])) == number


@given(seeds)
def test_a_formula_lies_in_its_box_and_its_braces_close(seed: int) -> None:
    ink = formulas.formula(Random(seed))
    left, top, right, bottom = formulas.bounds(ink.strokes)
    assert left >= -1
    assert right <= ink.width + 1
    assert ink.top - 1e-6 <= top
    assert bottom <= ink.bottom + 1e-6
    depth = 0
    for character in ink.latex:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0


def test_the_number_of_shapes_told_is_the_number_drawn() -> None:
    for number in range(12):
        roll = dice(17, "scenes", number)
        things, ground = scenes.chosen_things(roll), roll.choice(list(scenes.GROUNDS))
        told = dict(scenes.questions(things, ground=ground, dice=roll))["How many shapes are there in the picture?"]
        islands = count_islands(scenes.drawn(things, ground=scenes.GROUNDS[ground]))
        assert told == f"There are {vocabulary.NUMBER_WORDS[islands]} shapes."


def count_islands(image: Image.Image) -> int:
    """Count the connected regions that differ from the colour of the corner."""
    pixels = np.asarray(image)
    left = {(int(x), int(y)) for y, x in np.argwhere((pixels != pixels[0, 0]).any(axis=2))}
    islands = 0
    while left:
        islands += 1
        edge = [left.pop()]
        while edge:
            x, y = edge.pop()
            near = {(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)} & left
            left -= near
            edge += near
    return islands


def test_the_bars_of_a_chart_are_as_high_as_their_values() -> None:
    colour = (10, 200, 30)
    checked = 0
    for number in range(12):
        chart = charts.chosen_chart(dice(17, "charts", number))
        if chart.is_line:
            continue
        image = charts.drawn(chart, colour=colour)
        slot = (charts.RIGHT - charts.LEFT) / len(chart.labels)
        heights = []
        for place in range(len(chart.labels)):
            x = round(charts.LEFT + slot * (place + 0.5))
            heights.append(sum(image.getpixel((x, y)) == colour for y in range(charts.HEIGHT)))
        units = [height / value for height, value in zip(heights, chart.values, strict=True)]
        largest = units[chart.values.index(max(chart.values))]
        assert all(abs(unit - largest) * value <= 2 for unit, value in zip(units, chart.values, strict=True))
        checked += 1
    assert checked > 3


def test_a_caption_names_the_second_at_which_the_colour_changes() -> None:
    for seed in range(6):
        clip = clips.changing(Random(seed))
        told = re.search(r"It is (\w+) at first; after (\d+) seconds it turns (\w+)", clip.caption)
        assert told
        before, moment, after = told[1], int(told[2]), told[3]
        middle = (clips.WIDTH // 2, clips.HEIGHT // 2)
        assert clip.draw(moment - 0.1).getpixel(middle) == vocabulary.COLOURS[before]
        assert clip.draw(moment).getpixel(middle) == vocabulary.COLOURS[after]


@pytest.mark.parametrize("module", [vocabulary, scenes, clips, arithmetic])
def test_examples_in_docstrings_hold(module: ModuleType) -> None:
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed
