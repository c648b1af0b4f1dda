"""ChartQA: questions on charts, half of them by people, half by a model.

Parquet of `HuggingFaceM4/ChartQA` (`image`, `query`, `label` as a list of one, `human_or_machine` 0 or 1), of
`lmms-lab/ChartQA` (`question`, `answer`, `type`), or the authors' JSON (`imgname`, `query`, `label`) with the images
in a folder below `media`. Texts of the original hold U+FFFD: flagged `replacement_character`.

Licence: GPL-3.0.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from curation.records import Card, Drop, Flag, Sample, Task, Text
from curation.sources.fields import Fields
from curation.sources.questions import IMAGE_COLUMN, QUESTION_OPTIONS, Questions

CARD = Card(
    name="chartqa",
    title="ChartQA",
    kinds=("image",),
    license="GPL-3.0",
    hub_id="HuggingFaceM4/ChartQA",
    layout="Parquet, data/{train,val,test}-*.parquet; or <split>/<split>_human.json and <split>/png/",
    columns={
        "image | imgname": f"{IMAGE_COLUMN}; a file name in the original",
        "query | question": "string",
        "label | answer": "list<string> of one, or string",
        "human_or_machine": "int64, 0 human, 1 machine; kept as a column",
        "type": "string, in the form of lmms-lab; kept as a column",
    },
    options=QUESTION_OPTIONS,
    quirks=("the split is called val", "some texts hold U+FFFD", "test is a benchmark: keep it out of training"),
    citation="Masry et al., ChartQA: A Benchmark for Question Answering about Charts, 2022",
)
_SET = Questions(
    card=CARD,
    fields=Fields(
        image=("image", "imgname"),
        question=("query", "question"),
        answer=("label", "answer"),
        extra=("human_or_machine", "type"),
    ),
)
tasks = _SET.tasks


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task in the order of its rows."""
    for row in _SET.samples(task):
        yield _with_flag(row) if isinstance(row, Sample) else row


def _with_flag(sample: Sample) -> Sample:
    parts = [part for turn in sample.turns for part in turn.parts]
    broken = sum(part.text.count("\ufffd") for part in parts if isinstance(part, Text))
    if not broken:
        return sample
    return structs.replace(sample, flags=(*sample.flags, Flag(reason="replacement_character", measured=broken)))
