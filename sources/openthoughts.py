"""OpenThoughts-114k: reasoning by DeepSeek-R1 on mathematics, code, science and puzzles.

Parquet. The default config has `system` and `conversations` ({from: user|assistant, value}) with the tokens
begin_of_thought, end_of_thought, begin_of_solution and end_of_solution in `<|…|>`. The config `metadata` has
`problem`, `deepseek_reasoning` and `deepseek_solution` instead: its rows are written with the same tokens. See
`curation.sources.traces` for the option `trace`.

Licence: Apache-2.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.records import Card
from curation.sources.defects import RowDefect
from curation.sources.talks import TALK_COLUMNS, TALK_OPTIONS, Talks, pair
from curation.sources.traces import TRACE_OPTIONS, Mode

CARD = Card(
    name="openthoughts",
    title="OpenThoughts-114k",
    kinds=("cot",),
    license="Apache-2.0",
    hub_id="open-thoughts/OpenThoughts-114k",
    configs=("default", "metadata"),
    layout="Parquet, data/train-*.parquet, metadata/train-*.parquet",
    columns={
        "system": "string: a prompt of about 300 words on how to think",
        **TALK_COLUMNS,
        "problem, deepseek_reasoning, deepseek_solution": "string, in the config metadata (uncertain)",
        "domain, source": "string or absent, kept as columns",
    },
    options={**TALK_OPTIONS, **TRACE_OPTIONS},
    quirks=(
        "roles are user and assistant under `from`",
        "traces run to 16,000 tokens and more: see `over_length`",
    ),
    citation="Guha et al., OpenThoughts: Data Recipes for Reasoning Models, 2025",
)
_PARTS = ("problem", "deepseek_reasoning", "deepseek_solution")


def _prepare(row: Mapping[str, Any], _mode: Mode) -> Mapping[str, Any]:
    if row.get("conversations") is not None or row.get("messages") is not None or "problem" not in row:
        return {}
    problem, reasoning, solution = (row.get(name) for name in _PARTS)
    if not isinstance(reasoning, str) or not isinstance(solution, str):
        raise RowDefect("no_answer", "deepseek_reasoning or deepseek_solution is no string")
    thought = f"<|begin_of_thought|>\n\n{reasoning}\n\n<|end_of_thought|>"
    return pair(problem, f"{thought}\n\n<|begin_of_solution|>\n\n{solution}\n\n<|end_of_solution|>")


_SET = Talks(card=CARD, columns=("domain", "source"), has_traces=True, reads=_PARTS, prepare=_prepare)
READS_MEDIA = False
tasks = _SET.tasks
samples = _SET.samples
