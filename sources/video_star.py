"""Video-STaR (VSTaR-1M): questions on Kinetics-700, STAR and FineDiving videos, answered by a model, checked by labels.

One JSON list for each origin; the videos must come from their own datasets. Rows of the authors' data code have
`output` (the answer that was checked), `cls_correct`, `rationale` and `qa_type` besides the conversation; which of
them are on the hub is uncertain, and each is read where it is there. The public converter shares conversations between
rows by mistake: where `output` is not the last answer the row is dropped (`answer_mismatch`), and a sentence that a
question repeats is flagged (`repeated_text`).

Licence: Apache-2.0 for the code; that of the data is not stated. The videos' own terms hold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from curation.records import Card, Flag
from curation.sources.conversation import read_messages
from curation.sources.defects import RowDefect
from curation.sources.row_values import row_id_of
from curation.sources.video_talks import VIDEO_OPTIONS, VideoTalks

CARD = Card(
    name="video_star",
    title="Video-STaR (VSTaR-1M)",
    kinds=("video",),
    license="not stated for the data (code: Apache-2.0); the videos' own terms hold",
    hub_id="orrzohar/Video-STaR",
    configs=("finediving", "kinetics700", "starb"),
    layout="JSON lists; the videos as their own datasets give them",
    columns={
        "video_path | video": "string: the video's path",
        "conversations": "list<struct<from: string, value: string>>, <video> first",
        "output": "string: the answer that was checked",
        "question_id": "string: kept as row_id",
        "cls_correct": "bool: the answer contains the label; kept as a column",
        "rationale": "bool: the answer explains a given label; kept as a column",
        "qa_type": "string: qa or cot; kept as a column",
        "duration": "double: seconds; kept as a column",
    },
    options=VIDEO_OPTIONS,
    quirks=(
        "answers are a model's; keep only rows with cls_correct by a `where` filter",
        "rows of one video may share a conversation: `answer_mismatch`, `repeated_text`",
        "file names and fields on the hub are uncertain",
        "the videos are not part of the dataset",
    ),
    citation="Zohar et al., Video-STaR: Self-Training Enables Video Instruction Tuning with Any Supervision, 2024",
)
_SENTENCE = re.compile(r"(?<=[.!?:])\s+")
_LEAST_CHARS = 12


def _prepare(row: Mapping[str, Any], _: str, flags: list[Flag]) -> Mapping[str, Any]:
    messages = read_messages(row.get("conversations"))
    output = row.get("output")
    last = messages[-1][1]
    if isinstance(output, str) and isinstance(last, str) and output.strip() != last.strip():
        raise RowDefect("answer_mismatch", f"output is {output[:100]!r}, the last answer {last[:100]!r}")
    for role, text in messages:
        repeated = repeated_sentence(text) if role == "user" and isinstance(text, str) else None
        if repeated:
            flags.append(Flag(reason="repeated_text", measured=repeated[1], detail={"detail": repeated[0]}))
    return {"id": row_id_of(row, "question_id", "id")}


def repeated_sentence(text: str) -> tuple[str, int] | None:
    """Return the sentence of at least 12 characters that a text has most often, and how often, if more than once."""
    sentences = Counter(part for part in _SENTENCE.split(text) if len(part) >= _LEAST_CHARS)
    most = sentences.most_common(1)
    return most[0] if most and most[0][1] > 1 else None


_SET = VideoTalks(
    card=CARD,
    video_keys=("video", "video_path"),
    prepare=_prepare,
    columns=("qa_type", "rationale", "cls_correct", "duration"),
    reads=("output", "question_id"),
)
tasks = _SET.tasks
samples = _SET.samples
