"""DCLM-baseline: filtered web pages of Common Crawl.

JSON lines packed with zstandard (`global-shard_NN_of_10/local-shard_N_of_10/*.jsonl.zst`; the folders' names are
uncertain), or the Parquet twin. The classifier's probability and the language's are kept as columns under their own
long names; the WARC headers under `metadata` are not read unless asked for (`columns: metadata.WARC-Date`): optional
headers come and go between files.

Licence: CC BY 4.0.
"""

from __future__ import annotations

from curation.records import Card
from curation.sources.documents import DOCUMENT_OPTIONS, Documents

_SCORE = "fasttext_openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train_prob"
CARD = Card(
    name="dclm",
    title="DCLM-baseline",
    kinds=("text",),
    license="CC BY 4.0",
    hub_id="mlfoundations/dclm-baseline-1.0",
    layout="JSON lines, .jsonl.zst in folders of shards; or Parquet (mlfoundations/dclm-baseline-1.0-parquet)",
    columns={
        "text": "string",
        "url": "string, kept as a column",
        _SCORE: "float64, kept as a column: the quality classifier's probability",
        "language_id_whole_page_fasttext.en": "float64, kept as language_id_whole_page_fasttext_en",
        "previous_word_count, bff_contained_ngram_count_before_dedupe": "int64; option `columns`",
        "metadata": "struct of WARC headers, some absent; option `columns`",
        "warcinfo": "string; option `columns`",
    },
    options=DOCUMENT_OPTIONS,
    quirks=("a packed file is one task: it can't be split", "keys hold hyphens", "rows have no id but metadata's"),
    citation="Li et al., DataComp-LM: In search of the next generation of training sets, 2024",
)
_SET = Documents(card=CARD, columns=("url", _SCORE, "language_id_whole_page_fasttext.en"))
tasks = _SET.tasks
samples = _SET.samples
