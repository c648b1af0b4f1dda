"""TextVQA: questions on text in photographs of OpenImages.

Parquet of `lmms-lab/textvqa` (`question`, `image`, `answers`: ten by ten people, `question_id`, `image_id`), or
LLaVA's JSON lines (`image`, `text`, `question_id`) with the images in a folder below `media`. The answer is the one
that most people gave, of equals the first; their share is kept as the column `answer_agreement`.

LLaVA's file is a test without answers: every row is `no_answer`; it serves against contamination.

Licence: CC BY 4.0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from curation.records import Card
from curation.sources.fields import Fields
from curation.sources.questions import IMAGE_COLUMN, QUESTION_OPTIONS, Questions

CARD = Card(
    name="textvqa",
    title="TextVQA",
    kinds=("image",),
    license="CC BY 4.0",
    hub_id="lmms-lab/textvqa",
    layout="Parquet, data/{train,validation,test}-*.parquet; or JSON lines and a folder of images",
    columns={
        "question | text": "string",
        "image": f"{IMAGE_COLUMN}; a file name in JSON lines",
        "answers": "list<string> of ten, empty in the test split",
        "question_id": "int64 or string; of LLaVA's file the image's id, which repeats",
        "image_id": "string, kept as a column",
        "answer_agreement": "made here: the share of the answers that are the one taken",
    },
    options=QUESTION_OPTIONS,
    quirks=("LLaVA's question holds `Reference OCR token:`", "validation is a benchmark: keep it out of training"),
    citation="Singh et al., Towards VQA Models That Can Read, 2019",
)


def _prepare(row: Mapping[str, Any]) -> Mapping[str, Any]:
    answers = row.get("answers")
    if not isinstance(answers, list):
        return {}
    given = Counter(answer for answer in answers if isinstance(answer, str) and answer.strip())
    if not given:
        return {"answers": None}
    answer, count = given.most_common(1)[0]
    return {"answers": answer, "answer_agreement": count / given.total()}


_SET = Questions(
    card=CARD,
    fields=Fields(
        image=("image",),
        question=("question", "text"),
        answer=("answers", "answer"),
        id=("question_id",),
        extra=("image_id", "answer_agreement"),
    ),
    prepare=_prepare,
)
tasks = _SET.tasks
samples = _SET.samples
