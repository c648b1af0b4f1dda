"""VISTA-400K: long-video questions made by cutting, joining and hiding clips in one another, in twelve subsets.

`<subset>.json` (JSON list) and the videos, as files or in tars named by subset. A row names its video under `image`
in the authors' training code and under `video` elsewhere; both are read. No question has a placeholder: the video
comes first. The path may or may not begin with the subset.

Licence: MIT on the card, as far as is known; the clips come from Panda-70M- and InternVid-like sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.records import Card, Flag
from curation.sources.video_talks import VIDEO_OPTIONS, VideoTalks

CARD = Card(
    name="vista",
    title="VISTA-400K",
    kinds=("video",),
    license="MIT by its card, as far as is known; the videos' own terms hold besides",
    hub_id="TIGER-Lab/VISTA-400K",
    configs=(
        "event_relationship_mcq",
        "event_relationship_qa",
        "hr_video_grid_mcq",
        "hr_video_grid_qa",
        "long_video_caption",
        "spatial_niah_mcq",
        "spatial_niah_qa",
        "spatiotemporal_niah_mcq",
        "spatiotemporal_niah_qa",
        "temporal_niah_mcq",
        "temporal_niah_qa",
        "two_needle_niah_qa",
    ),
    layout="<subset>.json (JSON lists) and videos, loose or in WebDataset tars",
    columns={
        "id": "string",
        "image | video": "string: the video's path",
        "conversations": "list<struct<from: string, value: string>>, without placeholder",
    },
    options=VIDEO_OPTIONS,
    quirks=(
        "the key of the path and the names of the tars are uncertain: `image` and `video`, any tar are read",
        "the needles are short: at one frame in 1.75 s (64 frames over 112 s) some can't be seen",
    ),
    citation="Ren et al., VISTA: Enhancing Long-Duration and High-Resolution Video Understanding, 2024",
)


def _names(video: str, _: Mapping[str, Any], path: str) -> tuple[str, str]:
    return f"{_subset(path)}/{video}", video


def _prepare(_: Mapping[str, Any], path: str, __: list[Flag]) -> Mapping[str, Any]:
    return {"subset": _subset(path)}


def _subset(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]


_SET = VideoTalks(
    card=CARD,
    video_keys=("video", "image"),
    names=_names,
    prepare=_prepare,
    columns=("subset",),
    expected=frozenset({"placeholder_added"}),
)
tasks = _SET.tasks
samples = _SET.samples
