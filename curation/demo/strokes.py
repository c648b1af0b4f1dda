"""A pen alphabet: every character as the strokes a hand would make, on a grid where a capital is 10 units high.

A point is (x, y) with y growing downward; the base line is y = 10. Round forms are arcs of short lines.
"""

from __future__ import annotations

from math import cos, pi, sin

Point = tuple[float, float]
Stroke = tuple[Point, ...]


def arc(x: float, y: float, *, width: float, height: float, start: float, end: float) -> Stroke:
    """Return an arc about (x, y) from one angle to another, in quarter turns clockwise from the right."""
    steps = max(4, round(abs(end - start) * 5))
    angles = [(start + (end - start) * step / steps) * pi / 2 for step in range(steps + 1)]
    return tuple((x + width * cos(angle), y + height * sin(angle)) for angle in angles)


# character: (advance, strokes)
GLYPHS: dict[str, tuple[float, tuple[Stroke, ...]]] = {
    "0": (7, (arc(3, 5, width=3, height=5, start=-1, end=-5),)),
    "1": (5, (((1, 2), (3, 0), (3, 10)),)),
    "2": (7, ((*arc(3, 2.8, width=2.8, height=2.8, start=-2, end=0.5), (0, 10), (6, 10)),)),
    "3": (
        *(7,),
        (
            (
                *arc(2.8, 2.5, width=2.6, height=2.5, start=-1.8, end=1),
                *arc(2.8, 7.5, width=3, height=2.5, start=-1, end=1.8),
            ),
        ),
    ),
    "4": (7, (((4, 0), (0, 6.5), (6, 6.5)), ((4.4, 3.5), (4.4, 10)))),
    "5": (7, (((0.8, 0), (0.5, 4.6), *arc(2.8, 7, width=3, height=3, start=-1.3, end=1.7)), ((0.8, 0), (5.6, 0)))),
    "6": (7, (((5, 0.3), (2, 3), (0.3, 6.5), *arc(3, 7.2, width=2.7, height=2.8, start=2, end=-2)),)),
    "7": (7, (((0, 0), (6, 0), (2, 10)),)),
    "8": (
        *(7,),
        (
            (
                *arc(3, 2.5, width=2.4, height=2.5, start=1, end=5),
                *arc(3, 7.5, width=3, height=2.5, start=-1, end=3),
            ),
        ),
    ),
    "9": (7, ((*arc(3, 2.8, width=2.7, height=2.8, start=0, end=-4), (5.4, 6), (4, 10)),)),
    "a": (7, (arc(3, 7, width=2.8, height=3, start=-0.3, end=-4), ((5.8, 4), (5.8, 9.3), (6.6, 10)))),
    "b": (7, (((0.3, 0), (0.3, 10)), arc(3, 7, width=2.8, height=3, start=-2, end=2))),
    "c": (6, (arc(3, 7, width=2.8, height=3, start=-0.6, end=-3.4),)),
    "d": (7, (arc(3, 7, width=2.8, height=3, start=-0.3, end=-4), ((5.8, 0), (5.8, 10)))),
    "k": (7, (((0.3, 0), (0.3, 10)), ((5, 4), (0.5, 7.2), (5.4, 10)))),
    "m": (
        *(10,),
        (
            ((0.3, 4), (0.3, 10)),
            (*arc(2.4, 6, width=2.1, height=2, start=-2, end=0), (4.5, 10)),
            (*arc(6.6, 6, width=2.1, height=2, start=-2, end=0), (8.7, 10)),
        ),
    ),
    "n": (7, (((0.3, 4), (0.3, 10)), (*arc(3, 6.6, width=2.6, height=2.6, start=-2, end=0), (5.6, 10)))),
    "t": (5, (((2, 1), (2, 8.6), (3, 10), (4.2, 9.4)), ((0, 4), (4, 4)))),
    "u": (7, (((0.3, 4), *arc(3, 7.4, width=2.7, height=2.6, start=2, end=0), (5.7, 4), (5.7, 10)),)),
    "x": (7, (((0.3, 4), (5.6, 10)), ((5.6, 4), (0.3, 10)))),
    "y": (7, (((0.3, 4), (3, 9)), ((5.8, 4), (2, 13)))),
    "z": (7, (((0.3, 4), (5.6, 4), (0.3, 10), (5.6, 10)),)),
    "+": (8, (((3.5, 3), (3.5, 9)), ((0.5, 6), (6.5, 6)))),
    "-": (8, (((0.5, 6), (6.5, 6)),)),
    "=": (8, (((0.5, 4.6), (6.5, 4.6)), ((0.5, 7.4), (6.5, 7.4)))),
    "<": (8, (((6.2, 2.6), (0.6, 6), (6.2, 9.4)),)),
    ">": (8, (((0.6, 2.6), (6.2, 6), (0.6, 9.4)),)),
    "(": (4, (((3, -0.6), (1.2, 2), (0.7, 5), (1.2, 8.4), (3, 11)),)),
    ")": (4, (((0.5, -0.6), (2.3, 2), (2.8, 5), (2.3, 8.4), (0.5, 11)),)),
    r"\pi ": (8, (((0, 4.8), (1, 4), (7, 4)), ((2.2, 4), (1.4, 10)), ((5, 4), (5, 9.2), (6.2, 10)))),
    r"\alpha ": (8, (((6.6, 4), (4.4, 8.6), *arc(3, 7, width=2.6, height=3, start=0.9, end=3.4), (6.8, 10)),)),
    r"\sum": (10, (((8, 0.6), (8, -1), (0.5, -1), (4.8, 5), (0.5, 11.4), (8.4, 11.4), (8.4, 9.8)),)),
    r"\int": (7, (((5.6, -1.6), (4.4, -2.6), (3.4, -1.4), (2.6, 12), (1.6, 13.2), (0.3, 12.2)),)),
}
