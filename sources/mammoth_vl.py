"""MAmmoTH-VL-Instruct-12M: twelve million answers rewritten with a rationale, for images, several images and videos.

Two JSON lists, `mammoth_si_10M.json` (22 GB, single images) and `mammoth_ov_2M.json` (4 GB, several images, videos
and text), each streamed. Media are in `single_image_data/`, `multi_image_data/` and `video_data/` as
`shard_N.tar.gz`, found below the folder of the JSON or below `media`; images of Cambrian-10M, LLaVA-OneVision and
others have to be fetched from there: rows that name them are `missing_media`.

The rationale is prose without marks: the option `trace` changes only rows that have marks.

Licence: Apache-2.0; media under their sources' own.
"""

from __future__ import annotations

from curation.records import Card
from curation.sources.talks import SEEN_OPTIONS, TALK_COLUMNS, Talks
from curation.sources.traces import TRACE_OPTIONS

CARD = Card(
    name="mammoth_vl",
    title="MAmmoTH-VL-Instruct-12M",
    kinds=("cot", "multi_image", "video"),
    license="Apache-2.0; media under their sources' own",
    hub_id="MAmmoTH-VL/MAmmoTH-VL-Instruct-12M",
    configs=("mammoth_si_10M", "mammoth_ov_2M"),
    layout="one JSON list for each config; {single_image,multi_image,video}_data/shard_N.tar.gz",
    columns={
        "id": "string, kept as row_id",
        "image": "path, list of paths, or null",
        "video": "path or null",
        **TALK_COLUMNS,
        "source": "string, kept as a column",
    },
    options={**SEEN_OPTIONS, **TRACE_OPTIONS},
    quirks=(
        "the hub's viewer takes the tars for a WebDataset and shows rows that are none",
        "many images are not in the shards: missing_media",
        "uncertain: the paths of videos inside the shards; whether `source` is in every row",
    ),
    citation="Guo et al., MAmmoTH-VL: Eliciting Multimodal Reasoning with Instruction Tuning at Scale, 2024",
)
_SET = Talks(card=CARD, columns=("source",), has_traces=True)
tasks = _SET.tasks
samples = _SET.samples
