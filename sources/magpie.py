"""Magpie-like instruction sets: text conversations, or an instruction and its response.

Rows have `conversations` ({from, value}; also `messages`), or `instruction` and `response` (or `output`, with an
`input` that follows the instruction on a new line, as Alpaca has it). LLaVA-OneVision's three magpie_pro configs, a
fifth of SmolVLM2's rows, are the same as JSON with a null `image`.

Licence: each set's own; the Llama 3 community licence binds Magpie-Pro.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.records import Card
from curation.sources.defects import RowDefect
from curation.sources.row_values import first_value
from curation.sources.talks import TALK_COLUMNS, TALK_OPTIONS, Talks, pair
from curation.sources.traces import Mode

CARD = Card(
    name="magpie",
    title="Magpie and other instruction sets of text",
    kinds=("text",),
    license="each set's own (Magpie-Pro: Llama 3 community licence)",
    hub_id="Magpie-Align/Magpie-Pro-300K-Filtered",
    layout="Parquet, JSON list or JSON lines",
    columns={
        **TALK_COLUMNS,
        "instruction": "string, where there is no conversation",
        "input": "string or null, follows the instruction",
        "response | output": "string",
        "uuid | id": "string, kept as row_id",
        "input_quality, difficulty, task_category": "string or absent, kept as columns",
    },
    options=TALK_OPTIONS,
    quirks=("rows that name an image are dropped: missing_media or placeholder_mismatch",),
    citation="Xu et al., Magpie: Alignment Data Synthesis from Scratch, 2024",
)


def _prepare(row: Mapping[str, Any], _mode: Mode) -> Mapping[str, Any]:
    if first_value(row, ("conversations", "messages", "conversation")) is not None:
        return {}
    instruction, more = row.get("instruction"), row.get("input")
    if not isinstance(more, str | None):
        raise RowDefect("invalid_row", f"the input is {type(more).__name__}, not a string")
    asked = f"{instruction}\n{more}" if isinstance(instruction, str) and more and not more.isspace() else instruction
    return pair(asked, first_value(row, ("response", "output")))


_SET = Talks(
    card=CARD,
    columns=("input_quality", "difficulty", "task_category"),
    reads=("instruction", "input", "response", "output", "uuid"),
    prepare=_prepare,
)
tasks = _SET.tasks
samples = _SET.samples
