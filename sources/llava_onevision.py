"""LLaVA-OneVision-Data: 90-odd sets of single images and text in one form of conversation.

The hub's copy is Parquet, one config for each set, `<config>/train-*.parquet` with `id`, `image` (null in the text
sets), `conversations` and `data_source`. The form that trained SmolVLM2 is a JSON list for each config with the image
as a path; both are read. Names of configs hold brackets, commas and plus signs (`ai2d(cauldron,llava_format)`).

Several sets of the paper were never released; the same source comes in two or three forms on the same images. Rows of
the 1.5 release carry {from, value} and {role, content} in one struct: whichever is not null counts.

Licence: Apache-2.0 on the hub; the sources' own licences vary.
"""

from __future__ import annotations

from curation.records import Card
from curation.sources.talks import SEEN_OPTIONS, TALK_COLUMNS, Talks

CARD = Card(
    name="llava_onevision",
    title="LLaVA-OneVision-Data",
    kinds=("image", "text"),
    license="Apache-2.0 on the hub; each source's own",
    hub_id="lmms-lab/LLaVA-OneVision-Data",
    layout="Parquet, <config>/train-*.parquet; or an exported JSON list for each config and a folder of images",
    columns={
        "id": "string, not unique across configs; kept as row_id",
        "image": "struct<bytes: binary, path: string> or null; a path in the exported JSON",
        **TALK_COLUMNS,
        "data_source": "string, kept as a column",
    },
    options=SEEN_OPTIONS,
    quirks=(
        "the hub's copy lacks five or ten rows of some originals",
        "the same images occur in several configs",
        "in the 1.5 release some rows have a placeholder but no image: placeholder_mismatch",
        "uncertain: whether every text config has the column image",
    ),
    citation="Li et al., LLaVA-OneVision: Easy Visual Task Transfer, 2024",
)
_SET = Talks(card=CARD, columns=("data_source",))
tasks = _SET.tasks
samples = _SET.samples
