"""Mulberry-SFT: reasoning in headed steps, found by searching with several models together.

`mulberry_sft.json`, one JSON list of {messages: [{role, content}], images: [path]} with `<image>` at the start of the
question. Answers go `### Image Description: … ### Rationales: … ### Let's think step by step. ### Step 1: … ### The
final answer is: …`: see `curation.sources.traces` for the option `trace`.

Part of the rows reflect on a wrong step that they contain on purpose; nothing in the row marks them.

Licence: unclear; the hub names none.
"""

from __future__ import annotations

from curation.records import Card
from curation.sources.talks import SEEN_OPTIONS, TALK_COLUMNS, Talks
from curation.sources.traces import TRACE_OPTIONS

CARD = Card(
    name="mulberry",
    title="Mulberry-SFT",
    kinds=("cot",),
    license="unclear",
    hub_id="HuanjinYao/Mulberry-SFT",
    layout="mulberry_sft.json (one JSON list) and archives of images (their layout is uncertain)",
    columns={**TALK_COLUMNS, "images": "list of paths"},
    options={**SEEN_OPTIONS, **TRACE_OPTIONS},
    quirks=("reflection rows hold a wrong step on purpose, unmarked",),
    citation="Yao et al., Mulberry: Empowering MLLM with o1-like Reasoning and Reflection, 2024",
)
_SET = Talks(card=CARD, has_traces=True)
tasks = _SET.tasks
samples = _SET.samples
