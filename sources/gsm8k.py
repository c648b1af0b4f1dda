"""GSM8K: grade-school word problems with worked solutions.

JSON lines (the authors' repository) or Parquet (the hub; configs `main` and `socratic`) with `question` and `answer`.
The answer ends with the line `#### 72` and holds calculator marks `<<48/2=24>>`: the option `trace` keeps them, or
writes solution and result apart and without marks.

Licence: MIT.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.records import Card
from curation.sources.talks import TALK_OPTIONS, Talks, pair
from curation.sources.traces import TRACE_OPTIONS, Mode

CARD = Card(
    name="gsm8k",
    title="GSM8K",
    kinds=("cot", "math"),
    license="MIT",
    hub_id="openai/gsm8k",
    configs=("main", "socratic"),
    layout="train.jsonl, test.jsonl; or Parquet, <config>/train-*.parquet",
    columns={"question": "string", "answer": "string that ends with `#### <number>`"},
    options={**TALK_OPTIONS, **TRACE_OPTIONS},
    quirks=("test.jsonl is a benchmark: use it against contamination, not for training",),
    citation="Cobbe et al., Training Verifiers to Solve Math Word Problems, 2021",
)


def _prepare(row: Mapping[str, Any], _mode: Mode) -> Mapping[str, Any]:
    return pair(row.get("question"), row.get("answer"))


_SET = Talks(card=CARD, has_traces=True, reads=("question", "answer"), prepare=_prepare)
READS_MEDIA = False
tasks = _SET.tasks
samples = _SET.samples
