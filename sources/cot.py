"""Chains of thought in any of eight notations: conversations, chats with reasoning parts, or problems and solutions.

For sets that have no adapter of their own. Rows have `conversations` or `messages` (typed parts of the type
`reasoning` are read), or a question under `question`, `problem` or `prompt` and an answer under `answer`, `solution`
or `response`, with the reasoning under `reasoning` where it stands apart. The notation is recognised for each answer,
named in the column `trace`, and kept or normalised by the option `trace`: see `curation.sources.traces`.

Licence: each dataset's own; give it in the manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.records import Card
from curation.sources.row_values import first_value
from curation.sources.talks import SEEN_OPTIONS, TALK_COLUMNS, Talks, pair
from curation.sources.traces import TRACE_OPTIONS, Mode, write_trace

CARD = Card(
    name="cot",
    title="Chains of thought in any notation",
    kinds=("cot",),
    license="each dataset's own",
    layout="JSON lines, JSON list (.gz, .zst) or Parquet; media in a folder, an archive, or in the rows",
    columns={
        **TALK_COLUMNS,
        "question | problem | prompt": "string, where there is no conversation",
        "answer | solution | response": "string, with the trace inside or beside it",
        "reasoning": "string, where the trace stands apart; written as <think>…</think>",
        "image | images": "name, list of names, {bytes, path}, base64, or null",
    },
    options={**SEEN_OPTIONS, **TRACE_OPTIONS},
    quirks=("tool calls and the role `tool` drop the row",),
)
_QUESTIONS = ("question", "problem", "prompt")
_ANSWERS = ("answer", "solution", "response")


def _prepare(row: Mapping[str, Any], mode: Mode) -> Mapping[str, Any]:
    if first_value(row, ("conversations", "messages", "conversation")) is not None:
        return {}
    answer, reasoning = first_value(row, _ANSWERS), row.get("reasoning")
    if isinstance(reasoning, str) and isinstance(answer, str) and reasoning.strip() and answer.strip():
        answer = write_trace(reasoning.strip(), answer.strip(), mode=mode)
    return pair(first_value(row, _QUESTIONS), answer)


_SET = Talks(card=CARD, has_traces=True, reads=(*_QUESTIONS, *_ANSWERS, "reasoning"), prepare=_prepare)
tasks = _SET.tasks
samples = _SET.samples
