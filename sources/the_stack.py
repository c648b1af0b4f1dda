"""The Stack: source code of public repositories.

Parquet, `data/<language>/train-*.parquet`. SmolLM2's long stage took files of 8,000 tokens and more: `min_chars:
32000` comes near it, `where: "text_tokens >= 8192"` is exact. The licences found in a file's repository are kept as
the column `max_stars_repo_licenses`, joined with commas.

Gated: accept its terms on the hub and set HF_TOKEN. Licence: each file's own.
"""

from __future__ import annotations

from curation.records import Card
from curation.sources.documents import DOCUMENT_OPTIONS, Documents

_COLUMNS = ("lang", "ext", "size", "max_stars_repo_name", "max_stars_repo_path", "max_stars_repo_licenses")
CARD = Card(
    name="the_stack",
    title="The Stack",
    kinds=("text",),
    license="each file's own, kept as the column max_stars_repo_licenses; terms of use of the hub",
    hub_id="bigcode/the-stack-dedup",
    configs=("one folder for each language, e.g. data/python",),
    layout="Parquet, data/<language>/train-*.parquet",
    columns={
        "content": "string, the file",
        "hexsha": "string, kept as row_id",
        "lang, ext, max_stars_repo_name, max_stars_repo_path": "string, kept as columns",
        "max_stars_repo_licenses": "list<string>, kept as one string with commas",
        "size, max_line_length": "int64, kept as columns",
        "avg_line_length, alphanum_fraction": "float64, kept as columns",
        "max_stars_count, max_issues_count, max_forks_count": "int64 or null; option `columns`",
    },
    options=DOCUMENT_OPTIONS,
    quirks=("gated: needs HF_TOKEN and accepted terms", "counts are null for most files"),
    citation="Kocetkov et al., The Stack: 3 TB of permissively licensed source code, 2022",
)
_SET = Documents(
    card=CARD,
    field="content",
    ids=("hexsha",),
    columns=(*_COLUMNS, "max_line_length", "avg_line_length", "alphanum_fraction"),
)
tasks = _SET.tasks
samples = _SET.samples
