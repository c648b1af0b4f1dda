"""LLaVA-CoT-100k: answers in four tagged steps, from a summary to a conclusion.

`train.jsonl` with `id`, `image` (a path) and `conversations`; the images come as `image.zip.part-aa` and so on, which
are one zip when joined. Answers are `<SUMMARY>…</SUMMARY><CAPTION>…</CAPTION><REASONING>…</REASONING>
<CONCLUSION>…</CONCLUSION>`: see `curation.sources.traces` for the option `trace`.

Licence: Apache-2.0.
"""

from __future__ import annotations

from curation.records import Card
from curation.sources.talks import SEEN_OPTIONS, TALK_COLUMNS, Talks
from curation.sources.traces import TRACE_OPTIONS

CARD = Card(
    name="llava_cot",
    title="LLaVA-CoT-100k",
    kinds=("cot",),
    license="Apache-2.0",
    hub_id="Xkev/LLaVA-CoT-100k",
    layout="train.jsonl and image.zip in parts",
    columns={"id": "string, kept as row_id", "image": "path inside the zip", **TALK_COLUMNS},
    options={**SEEN_OPTIONS, **TRACE_OPTIONS},
    quirks=("conversations have several turns", "the column `trace` says `tagged`, or `prose` where no tag is"),
    citation="Xu et al., LLaVA-CoT: Let Vision Language Models Reason Step-by-Step, 2024",
)
_SET = Talks(card=CARD, has_traces=True)
tasks = _SET.tasks
samples = _SET.samples
