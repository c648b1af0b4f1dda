"""FineWeb-Edu: web pages that a classifier holds to be educational.

Parquet, `data/<crawl>/*.parquet` and `sample/{10BT,100BT,350BT}/*.parquet`. The columns `score` and `int_score` (0 to
5) are kept, so that `where: "int_score >= 4"` works. `date` is in some files only and is not read unless asked for.

Licence: ODC-By 1.0.
"""

from __future__ import annotations

from curation.records import Card
from curation.sources.documents import DOCUMENT_OPTIONS, Documents

_COLUMNS = ("url", "dump", "language", "language_score", "token_count", "score", "int_score")
CARD = Card(
    name="fineweb_edu",
    title="FineWeb-Edu",
    kinds=("text",),
    license="ODC-By 1.0",
    hub_id="HuggingFaceFW/fineweb-edu",
    configs=("default", "sample-10BT", "sample-100BT", "sample-350BT", "and one for each crawl, CC-MAIN-…"),
    layout="Parquet, data/<crawl>/*.parquet, sample/<size>/*.parquet",
    columns={
        "text": "string",
        "id": "string, kept as row_id",
        "url, dump, language": "string, kept as columns",
        "token_count, int_score": "int64, kept as columns (tokens of GPT-2's tokenizer)",
        "language_score, score": "float64, kept as columns",
        "date, file_path": "string, in some files only; option `columns`",
    },
    options=DOCUMENT_OPTIONS,
    quirks=("the set of columns differs between crawls", "one crawl is 50 GB and more: use `take`"),
    citation="Penedo et al., The FineWeb Datasets, 2024",
)
_SET = Documents(card=CARD, columns=_COLUMNS)
tasks = _SET.tasks
samples = _SET.samples
