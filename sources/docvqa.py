"""DocVQA: questions on scanned pages of the UCSF Industry Documents Library.

Parquet. `lmms-lab/DocVQA` has `question`, `image`, `answers`, `questionId`, `docId`, `ucsf_document_id`,
`ucsf_document_page_no`, `question_types`; `pixparse/docvqa-single-page-questions` has `question_id` and OCR results,
which are not read. Of several answers (spellings of one) the first is taken, flagged `several_answers`.

Many rows share a page: it is stored once. The test split has no answers: every row is `no_answer`.

Licence: Apache-2.0 on the hub; the scans are for research.
"""

from __future__ import annotations

from curation.records import Card
from curation.sources.fields import Fields
from curation.sources.questions import IMAGE_COLUMN, QUESTION_OPTIONS, Questions

CARD = Card(
    name="docvqa",
    title="DocVQA",
    kinds=("document",),
    license="Apache-2.0 on the hub; scans for research (UCSF)",
    hub_id="lmms-lab/DocVQA",
    configs=("DocVQA", "and pixparse/docvqa-single-page-questions"),
    layout="Parquet, DocVQA/<split>-*.parquet",
    columns={
        "question": "string",
        "image": IMAGE_COLUMN,
        "answers": "list<string>, empty in the test split",
        "questionId | question_id": "string or int64, kept as row_id",
        "docId, ucsf_document_id, ucsf_document_page_no": "int64, string, string; kept as columns",
        "ocr_results, other_metadata": "structs in the form of pixparse, not read",
    },
    options=QUESTION_OPTIONS,
    quirks=("the test split has no answers", "validation is a benchmark: keep it out of training"),
    citation="Mathew et al., DocVQA: A Dataset for VQA on Document Images, 2021",
)
_SET = Questions(
    card=CARD,
    fields=Fields(
        image=("image",),
        question=("question",),
        answer=("answers", "answer"),
        id=("questionId", "question_id"),
        extra=("docId", "ucsf_document_id", "ucsf_document_page_no"),
    ),
)
tasks = _SET.tasks
samples = _SET.samples
