"""AQuA-RAT: algebra questions with five options, a rationale and the letter of the right one.

JSON lines (the authors' repository) or Parquet (the hub) with `question`, `options` (["A)21", …]), `rationale` and
`correct`. The options follow the question, one a line. With `trace: keep` the answer is the rationale as it stands,
with a last line `Answer: E` where it does not name the letter itself; else the rationale without that last line, and
the letter. A rationale that names another letter than `correct` is `answers_disagree`.

Licence: Apache-2.0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from curation.records import Card
from curation.sources.defects import RowDefect
from curation.sources.talks import TALK_OPTIONS, Talks, pair
from curation.sources.traces import TRACE_OPTIONS, Mode, write_trace

CARD = Card(
    name="aqua",
    title="AQuA-RAT",
    kinds=("cot", "math"),
    license="Apache-2.0",
    hub_id="deepmind/aqua_rat",
    configs=("raw", "tokenized"),
    layout="train.json, dev.json, test.json (JSON lines); or Parquet, <config>/train-*.parquet",
    columns={
        "question": "string",
        "options": "list<string>, each with its letter",
        "rationale": "string, written by crowd workers",
        "correct": "string, a letter",
    },
    options={**TALK_OPTIONS, **TRACE_OPTIONS},
    quirks=("rationales are noisy: some begin `Explanation :`, some name the letter, some do not",),
    citation="Ling et al., Program Induction by Rationale Generation, 2017",
)
# The last line of a rationale, where it says nothing but which letter is right.
_NAMED = re.compile(
    r"(?:[A-Za-z ,:.]{0,40}\b(?:answer|ans|option|choice)\b\W*(?:is|:)?\W*(?:option)?\W*)?\b([A-E])\b"
    r"(?: is (?:the )?(?:correct |right )?(?:answer|option|choice))?\W*",
    re.IGNORECASE,
)


def named_letter(line: str) -> str | None:
    """Return the letter that a line names as the answer and says nothing else.

    >>> named_letter("ANSWER : D"), named_letter("The correct option is C."), named_letter("x = 230")
    ('D', 'C', None)
    """
    found = _NAMED.fullmatch(line.strip())
    return found[1].upper() if found and (found[1].isupper() or len(line.strip()) > 2) else None


def _prepare(row: Mapping[str, Any], mode: Mode) -> Mapping[str, Any]:
    question, options, correct = row.get("question"), row.get("options"), row.get("correct")
    rationale = row.get("rationale")
    if not isinstance(question, str) or not isinstance(options, list) or not all(isinstance(o, str) for o in options):
        raise RowDefect("invalid_row", "question is no string, or options no list of strings")
    if not isinstance(correct, str) or not correct.strip():
        raise RowDefect("no_answer", "correct is null or blank")
    if not isinstance(rationale, str) or not rationale.strip():
        raise RowDefect("no_answer", "rationale is null or blank")
    *lines, last = rationale.rstrip().split("\n")
    named = named_letter(last)
    if named is not None and named != correct.strip():
        raise RowDefect("answers_disagree", f"the rationale says {named}, correct is {correct.strip()}")
    asked = "\n".join((question, *options))
    if mode == "keep":
        return pair(asked, rationale if named else f"{rationale.rstrip()}\nAnswer: {correct.strip()}")
    reasoning = "\n".join(lines) if named else rationale
    return pair(asked, write_trace(reasoning.strip(), correct.strip(), mode=mode))


_SET = Talks(
    card=CARD,
    has_traces=True,
    reads=("question", "options", "rationale", "correct"),
    prepare=_prepare,
    notation="prose",
)
READS_MEDIA = False
tasks = _SET.tasks
samples = _SET.samples
