r"""MATH: competition problems with solutions in LaTeX.

One JSON object for each problem (`train/algebra/1.json`), an object of such objects, JSON lines, or the hub's Parquet,
each with `problem`, `solution`, `level` and `type`. The answer stands in `\boxed{}` inside the solution: the option
`trace` keeps it, or unwraps it and writes it after the solution.

Licence: MIT.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.records import Card
from curation.sources.talks import TALK_OPTIONS, Talks, pair
from curation.sources.traces import TRACE_OPTIONS, Mode

CARD = Card(
    name="math",
    title="MATH",
    kinds=("cot", "math"),
    license="MIT",
    hub_id="EleutherAI/hendrycks_math",
    layout="<split>/<subject>/<n>.json, one object each; an object of objects; JSON lines; or Parquet",
    columns={
        "problem": "string, LaTeX",
        "solution": "string, LaTeX with \\boxed{answer}",
        "level, type": "string, kept as columns",
    },
    options={**TALK_OPTIONS, **TRACE_OPTIONS},
    quirks=(
        "figures are [asy] programs in the text",
        "MATH-500 is part of its test split: leave that out of training",
    ),
    citation="Hendrycks et al., Measuring Mathematical Problem Solving With the MATH Dataset, 2021",
)


def _prepare(row: Mapping[str, Any], _mode: Mode) -> Mapping[str, Any]:
    return pair(row.get("problem"), row.get("solution"))


_SET = Talks(card=CARD, columns=("level", "type"), has_traces=True, reads=("problem", "solution"), prepare=_prepare)
READS_MEDIA = False
tasks = _SET.tasks
samples = _SET.samples
