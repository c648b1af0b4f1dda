"""R1-Onevision: reasoning by DeepSeek-R1 over descriptions of images, in `<think>…</think>`.

Parquet in a folder for each source, with `id`, `image` and `conversations`. The hub does not know `image` as an image
feature: base64 is expected; bytes, {bytes, path} and paths are read too.

Licence: Apache-2.0.
"""

from __future__ import annotations

from curation.records import Card
from curation.sources.talks import SEEN_OPTIONS, TALK_COLUMNS, Talks
from curation.sources.traces import TRACE_OPTIONS

CARD = Card(
    name="r1_onevision",
    title="R1-Onevision",
    kinds=("cot",),
    license="Apache-2.0",
    hub_id="Fancy-MLLM/R1-Onevision",
    layout="Parquet, <source>/*.parquet",
    columns={
        "id": "string, kept as row_id",
        "image": "base64 string; or struct<bytes, path>, bytes, path (uncertain)",
        **TALK_COLUMNS,
    },
    options={**SEEN_OPTIONS, **TRACE_OPTIONS},
    quirks=(
        "the traces were written from captions, not from the images",
        "a trace that does not close is broken_trace: flagged, or dropped where `trace` rewrites it",
    ),
    citation="Yang et al., R1-Onevision: Advancing Generalized Multimodal Reasoning, 2025",
)
_SET = Talks(card=CARD, has_traces=True)
tasks = _SET.tasks
samples = _SET.samples
