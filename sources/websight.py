"""WebSight: pictures of made-up web pages and the HTML that draws them.

Parquet, v0.1 in `data/` (plain CSS), v0.2 in `v0.2/` (Tailwind, with pictures), columns `image`, `text` (the HTML)
and in v0.2 `llm_generated_idea`. Answers run to thousands of tokens.

Licence: CC BY 4.0.
"""

from __future__ import annotations

from curation.records import Card
from curation.sources.fields import Fields
from curation.sources.questions import IMAGE_COLUMN, Questions, asked_options

_QUESTION = "Write the HTML code of this web page."
CARD = Card(
    name="websight",
    title="WebSight",
    kinds=("image",),
    license="CC BY 4.0",
    hub_id="HuggingFaceM4/WebSight",
    configs=("v0.1", "v0.2"),
    layout="Parquet, data/train-*.parquet (v0.1), v0.2/train-*.parquet",
    columns={
        "image": IMAGE_COLUMN,
        "text": "string, HTML",
        "llm_generated_idea": "string, in v0.2 (uncertain); option `columns`",
    },
    options=asked_options(_QUESTION),
    quirks=("v0.2 has placeholders for pictures", "the row asks nothing: the question is the card's"),
    citation="Laurençon et al., Unlocking the conversion of Web Screenshots into HTML Code, 2024",
)
_SET = Questions(
    card=CARD,
    fields=Fields(image=("image",), answer=("text",), asked=_QUESTION),
)
tasks = _SET.tasks
samples = _SET.samples
