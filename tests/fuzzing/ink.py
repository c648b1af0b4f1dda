"""Damage a recording of handwriting, read it and draw it."""

from __future__ import annotations

from random import Random

from curation.sources.defects import RowDefect
from curation.sources.ink import draw_strokes, read_inkml
from tests.fuzzing.files import damaged_bytes
from tests.fuzzing.values import NUMBERS, UNUSUAL

RECORDING = b"""<?xml version="1.0" encoding="UTF-8"?>
<ink xmlns="http://www.w3.org/2003/InkML">
<traceFormat><channel name="X" type="decimal"/><channel name="Y" type="decimal"/><channel name="T"/></traceFormat>
<annotation type="label">x^{2}</annotation><annotation type="sampleId">4f1a</annotation>
<traceGroup><trace id="0" type="penDown">10.5 20 0, 11 21 5, 30 -2e1 9</trace></traceGroup>
<trace>1 1 0, 2 2 1</trace><trace type="hover">0 0 0</trace></ink>"""


def any_ink(random: Random) -> str:
    """Read and draw a damaged recording; return how it ended. Raises what is neither an image nor a RowDefect."""
    data = damaged_bytes(RECORDING, random)
    if random.random() < 0.5:
        number = random.choice((*NUMBERS, *UNUSUAL))
        data = data.replace(random.choice((b"10.5", b"20", b"-2e1", b" 1 0")), str(number).encode())
    try:
        ink = read_inkml(data)
        size, margin = random.choice(((512, 16), (0, 0), (64, 8)))
        assert draw_strokes(ink.strokes, size=size, stroke=3.0, margin=margin).startswith(b"\x89PNG"), "a PNG"
    except RowDefect as err:
        return err.reason
    return f"{len(ink.strokes)} strokes"
