"""LLaVA-Video-178K: captions, open-ended and multiple-choice questions on 178,510 videos.

One folder for each config: `<…>_cap_processed.json`, `<…>_oe_…_qa_processed.json`, `<…>_mc_…_qa_processed.json`
(JSON lists) and `<config>/<config>_videos_<n>.tar.gz`. A row's `video` is the path inside its config's folder after
unpacking; `data_source` is the config. `llava_hound` has folders of frames instead, which the authors' trainer takes
as two frames a second. `uri` is the root, a config's folder or some of the JSON files; `media` the root or a config's
folder, by default the folder of the JSON file. tar.gz archives are decompressed into the workspace once.

Licence: tagged Apache-2.0; its text allows academic research and education only. The terms of the videos' own
datasets (Charades, ActivityNet, Ego4D, NextQA, PerceptionTest, YouTube) hold besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.errors import SourceError
from curation.records import Card, Flag, Location, Task
from curation.sources.clips import choices_option
from curation.sources.options import names_option
from curation.sources.video_talks import VIDEO_OPTIONS, VideoTalks

_DURATIONS = ("0_30_s", "30_60_s", "1_2_m", "2_3_m")
ANNOTATIONS = ("caption", "open_ended", "multi_choice")
CARD = Card(
    name="llava_video",
    title="LLaVA-Video-178K",
    kinds=("video",),
    license="Apache-2.0 tag; academic research and education only by its text",
    hub_id="lmms-lab/LLaVA-Video-178K",
    configs=(
        *(f"{duration}_{source}_v0_1" for duration in _DURATIONS for source in ("academic", "youtube")),
        *(f"{duration}_{source}" for duration in _DURATIONS for source in ("activitynet", "nextqa")),
        *(f"{duration}_perceptiontest" for duration in _DURATIONS[:2]),
        "llava_hound",
    ),
    layout="<config>/*_processed.json (JSON lists) and <config>/<config>_videos_<n>.tar.gz; llava_hound: frames",
    columns={
        "id": "string; absent in some rows, shared by a video's rows",
        "conversations": "list<struct<from: string, value: string>>, several questions a row",
        "data_source": "string: the config",
        "video": "string: path in the config's folder; in llava_hound a folder of frames",
    },
    options={
        **VIDEO_OPTIONS,
        "annotations": f"which files to read, by their name: {', '.join(ANNOTATIONS)}; default all",
        "configs": "which configs to read (folders of the root); default all",
        "fps": "frames a second of llava_hound's folders; default 2, as in the authors' trainer",
    },
    quirks=(
        "<image> stands for the video in the first question, and is missing in some rows",
        "a video has a caption row, an open-ended row and a multiple-choice row: cap by media_id",
        "ActivityNet's folders are named *_activitynetqa, other than the dataset's card says",
        "the archive names of the nextqa, activitynetqa and perceptiontest configs are uncertain: any name is read",
        "archives may be missing or cut; what they lack is a ledger row",
    ),
    citation="Zhang et al., Video Instruction Tuning with Synthetic Data, 2024",
)


def _names(video: str, row: Mapping[str, Any], _: str) -> list[str]:
    config = row.get("data_source")
    names = [f"{config}/{video}", video] if isinstance(config, str) and config else [video]
    if "." not in video.rpartition("/")[2]:  # frames: their archives differ in what stands above the video's folder
        names += [f"train_300k/{video.rpartition('/')[2]}", video.rpartition("/")[2]]
    return names


def _prepare(_: Mapping[str, Any], path: str, __: list[Flag]) -> Mapping[str, Any]:
    return {"annotation": annotation_of(path)}


_SET = VideoTalks(card=CARD, names=_names, prepare=_prepare, columns=("data_source", "annotation"), fps=2.0)
samples = _SET.samples


def annotation_of(path: str) -> str:
    """Say what a file of the dataset holds by its name: caption, open_ended or multi_choice.

    >>> annotation_of("0_30_s_nextqa/0_30_s_nextqa_mc_qa_processed.json")
    'multi_choice'
    """
    words = path.rpartition("/")[2].lower().replace(".", "_").split("_")
    if "cap" in words or "caption" in words:
        return "caption"
    return "multi_choice" if "mc" in words else "open_ended"


def tasks(location: Location) -> list[Task]:
    """List the JSON files of the configs and annotations that are asked for. Raises ManifestError and SourceError."""
    wanted = choices_option(location, "annotations", ANNOTATIONS)
    configs = set(names_option(location, "configs"))
    found = _SET.tasks(location)
    folders = {task.key: set(task.path.split("/")[:-1]) for task in found}
    if configs and (missing := sorted(configs - set().union(*folders.values()))):
        here = ", ".join(sorted({task.path.split("/")[-2] for task in found}))
        raise SourceError(f"source: no config '{missing[0]}' in {', '.join(location.uri)}; there are: {here}")
    return [
        task for task in found if annotation_of(task.path) in wanted and (not configs or configs & folders[task.key])
    ]
