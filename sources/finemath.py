"""FineMath: web pages on mathematics; SmolLM2's own set of mathematics.

Parquet, `<config>/train-*.parquet`, configs `finemath-3plus`, `finemath-4plus`, `infiwebmath-3plus` and
`infiwebmath-4plus`; the last two have fewer columns. `metadata` is JSON as text and is not read unless asked for.

Licence: ODC-By 1.0.
"""

from __future__ import annotations

from curation.records import Card
from curation.sources.documents import DOCUMENT_OPTIONS, Documents

CARD = Card(
    name="finemath",
    title="FineMath",
    kinds=("math", "text"),
    license="ODC-By 1.0",
    hub_id="HuggingFaceTB/finemath",
    configs=("finemath-3plus", "finemath-4plus", "infiwebmath-3plus", "infiwebmath-4plus"),
    layout="Parquet, <config>/train-*.parquet",
    columns={
        "text": "string",
        "url, language": "string, kept as columns",
        "token_count, char_count": "int32 here, int64 in other sets; kept as columns",
        "int_score": "int64, kept as a column",
        "score, language_score": "float64, kept as columns",
        "crawl, snapshot_type, warc_filename, metadata": "string; option `columns`",
    },
    options=DOCUMENT_OPTIONS,
    quirks=(
        "finemath-4plus lies within finemath-3plus: name one of them",
        "uncertain: which columns the infiwebmath configs have; those that are absent are null",
    ),
    citation="Ben Allal et al., SmolLM2: When Smol Goes Big, 2025",
)
_SET = Documents(
    card=CARD, columns=("url", "language", "language_score", "token_count", "char_count", "score", "int_score")
)
READS_MEDIA = False
tasks = _SET.tasks
samples = _SET.samples
