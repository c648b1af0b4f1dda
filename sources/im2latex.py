"""Pairs of a formula's image and its LaTeX: IM2LaTeX-100K and the sets that look like it.

Parquet (`image` and one of `formula`, `latex_formula`, `latex`, `label`, `text`), or JSON lines with the image's path
below `media`. The pair is taken as it stands: spaces between tokens, where a set has them, are kept.

Licence: each set's own (IM2LaTeX-100K: CC BY 4.0).
"""

from __future__ import annotations

from curation.records import Card
from curation.sources.fields import Fields
from curation.sources.questions import IMAGE_COLUMN, Questions, asked_options

FORMULA_QUESTION = "Write this formula in LaTeX."
CARD = Card(
    name="im2latex",
    title="Formulas and their LaTeX",
    kinds=("math",),
    license="each set's own (IM2LaTeX-100K: CC BY 4.0)",
    hub_id="yuntian-deng/im2latex-100k",
    layout="Parquet, or JSON lines and a folder of images",
    columns={
        "image | filename": f"{IMAGE_COLUMN}, or a path",
        "formula | latex_formula | latex | label | text": "string, LaTeX",
    },
    options=asked_options(FORMULA_QUESTION),
    quirks=("the originals are whole pages with the formula near the top, transparent around it",),
    citation="Deng et al., Image-to-Markup Generation with Coarse-to-Fine Attention, 2017",
)
_SET = Questions(
    card=CARD,
    fields=Fields(
        image=("image", "filename"),
        answer=("formula", "latex_formula", "latex", "label", "text"),
        asked=FORMULA_QUESTION,
    ),
)
tasks = _SET.tasks
samples = _SET.samples
