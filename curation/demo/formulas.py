"""Handwritten formulas: a small grammar of LaTeX whose every tree can be laid out as pen strokes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from curation.demo.strokes import GLYPHS, Stroke


@dataclass(frozen=True, slots=True, kw_only=True)
class Ink:
    """A laid-out formula: strokes in a box of `width` that reaches from `top` to `bottom`; the axis is y = 6."""

    latex: str
    strokes: tuple[Stroke, ...]
    width: float
    top: float = 0.0
    bottom: float = 10.0

    def moved(self, x: float, y: float, *, scale: float = 1.0) -> tuple[Stroke, ...]:
        """Return the strokes scaled about the origin and then moved."""
        return tuple(tuple((px * scale + x, py * scale + y) for px, py in stroke) for stroke in self.strokes)


def symbol(character: str) -> Ink:
    """Return one character."""
    width, strokes = GLYPHS[character]
    ys = [y for stroke in strokes for _, y in stroke]
    return Ink(latex=character, strokes=strokes, width=width + 1, top=min(ys), bottom=max(ys))


def row(*parts: Ink | str) -> Ink:
    """Put inks and runs of characters side by side."""
    inks = [ink for part in parts for ink in ([part] if isinstance(part, Ink) else map(symbol, part))]
    strokes: list[Stroke] = []
    x = 0.0
    for ink in inks:
        strokes += ink.moved(x, 0)
        x += ink.width
    return Ink(
        latex="".join(ink.latex for ink in inks),
        strokes=tuple(strokes),
        width=x,
        top=min(ink.top for ink in inks),
        bottom=max(ink.bottom for ink in inks),
    )


def fraction(above: Ink, below: Ink) -> Ink:
    """Put one ink above another with a bar on the axis."""
    width = max(above.width, below.width) + 2
    over = above.moved((width - above.width) / 2, 4.2 - above.bottom)
    under = below.moved((width - below.width) / 2, 7.8 - below.top)
    return Ink(
        latex=rf"\frac{{{above.latex}}}{{{below.latex}}}",
        strokes=(*over, ((0.0, 6.0), (width - 1, 6.0)), *under),
        width=width + 1,
        top=4.2 - above.bottom + above.top,
        bottom=7.8 - below.top + below.bottom,
    )


def raised(base: Ink, exponent: Ink) -> Ink:
    """Put a small exponent at the upper right."""
    y = base.top + 1 - exponent.bottom * 0.6
    return Ink(
        latex=f"{base.latex}^{{{exponent.latex}}}",
        strokes=(*base.strokes, *exponent.moved(base.width, y, scale=0.6)),
        width=base.width + exponent.width * 0.6 + 0.5,
        top=min(base.top, y + exponent.top * 0.6),
        bottom=base.bottom,
    )


def lowered(base: Ink, index: Ink) -> Ink:
    """Put a small index at the lower right."""
    y = base.bottom - 2.5
    return Ink(
        latex=f"{base.latex}_{{{index.latex}}}",
        strokes=(*base.strokes, *index.moved(base.width - 0.5, y, scale=0.6)),
        width=base.width + index.width * 0.6,
        top=base.top,
        bottom=max(base.bottom, y + index.bottom * 0.6),
    )


def root(inside: Ink) -> Ink:
    """Draw a root sign over an ink."""
    top, bottom = inside.top - 1.5, inside.bottom
    width = inside.width + 5
    sign = ((0.0, bottom - 4), (1.0, bottom - 4.6), (2.4, bottom), (4.2, top), (width - 1, top))
    return Ink(
        latex=rf"\sqrt{{{inside.latex}}}",
        strokes=(sign, *inside.moved(4.5, 0)),
        width=width,
        top=top,
        bottom=bottom,
    )


def limits(sign: str, below: Ink, above: Ink) -> Ink:
    """Draw a large operator with its limits below and above."""
    operator = symbol(sign)
    width = max(operator.width, below.width * 0.55, above.width * 0.55) + 1
    low = operator.bottom + 1 - below.top * 0.55
    high = operator.top - 1 - above.bottom * 0.55
    return Ink(
        latex=f"{sign}_{{{below.latex}}}^{{{above.latex}}}",
        strokes=(
            *operator.moved((width - operator.width) / 2, 0),
            *below.moved((width - below.width * 0.55) / 2, low, scale=0.55),
            *above.moved((width - above.width * 0.55) / 2, high, scale=0.55),
        ),
        width=width,
        top=high + above.top * 0.55,
        bottom=low + below.bottom * 0.55,
    )


def formula(dice: Random) -> Ink:
    """Return a random equation or expression of the kinds a pupil writes."""
    x, y = (symbol(letter) for letter in dice.sample("abckmnxyzu", 2))
    numbers = [str(dice.randint(2, 99)) for _ in range(4)]
    square, cube = symbol("2"), symbol("3")
    term = dice.choice((x, raised(x, square), raised(x, cube), lowered(x, symbol(dice.choice("123n")))))
    index = dice.choice("kmn")
    start = row(index, "=", dice.choice("01"))
    shapes: tuple[tuple[Ink | str, ...], ...] = (
        (numbers[0], term, "+", numbers[1], y, "=", numbers[2]),
        (fraction(row(term, "+", numbers[0]), row(y, "-", numbers[1])), "=", numbers[2]),
        (root(row(term, "+", raised(y, square))), "<", numbers[0]),
        (y, "=", fraction(row(numbers[0]), row(numbers[1])), term, "-", numbers[2]),
        (limits(r"\sum", start, row(numbers[0])), raised(symbol(index), dice.choice((square, cube)))),
        (limits(r"\int", row("0"), row(numbers[0])), symbol(dice.choice((r"\pi ", r"\alpha "))), term, "d", x),
        (raised(row("(", x, "+", y, ")"), square), "=", raised(x, square), "+2", x, y, "+", raised(y, square)),
        (symbol(r"\pi "), raised(x, square), "-", root(row(numbers[0])), ">", fraction(row("1"), row(y))),
        (x, "=", fraction(row("-", y, "+", root(row(numbers[0]))), row(numbers[1]))),
    )
    return row(*dice.choice(shapes))


def bounds(strokes: Iterable[Stroke]) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of all points."""
    xs, ys = zip(*(point for stroke in strokes for point in stroke), strict=True)
    return min(xs), min(ys), max(xs), max(ys)
