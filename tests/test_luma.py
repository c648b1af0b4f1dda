"""What an image shows apart from its margins, and its ink."""

from __future__ import annotations

import numpy as np
import pytest

from curation.luma import content_box, ink_share


def paper(height: int = 80, width: int = 60, grey: int = 250) -> np.ndarray:
    return np.full((height, width), grey, np.uint8)


def test_the_box_is_what_stands_between_plain_margins() -> None:
    luma = paper()
    luma[10:50, 5:40] = 20
    assert content_box(luma) == (5, 10, 40, 50)


def test_margins_may_be_noisy_and_of_any_grey_but_not_printed_on() -> None:
    choose = np.random.default_rng(1)
    luma = (paper(grey=128) + choose.integers(-10, 11, (80, 60))).astype(np.uint8)
    luma[20:60, 10:50] = 0
    assert content_box(luma) == (10, 20, 50, 60)
    luma[3, 30] = 30
    assert content_box(luma) == (10, 3, 50, 60)


@pytest.mark.parametrize(
    "box", [(0, 0, 60, 80), (0, 30, 60, 31), (30, 0, 31, 80)], ids=["nothing plain", "a line", "a column"]
)
def test_what_has_no_margins_or_little_between_them_has_no_box(box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    luma = paper()
    luma[top:bottom, left:right] = np.random.default_rng(2).choice([0, 255], (bottom - top, right - left))
    assert content_box(luma) is None


def test_an_empty_page_has_no_box_and_no_ink() -> None:
    assert content_box(paper()) is None
    assert ink_share(paper()) == 0.0


def test_ink_is_the_share_that_differs_clearly_from_the_most_frequent_grey() -> None:
    luma = paper()
    luma[:8] = 0
    luma[8:16] = 220  # a shade, no ink
    assert ink_share(luma) == pytest.approx(0.1)
    assert ink_share(np.repeat(np.repeat(luma, 20, 0), 20, 1)) == pytest.approx(0.1, abs=0.01)
