"""M4-Instruct: 615 thousand conversations over several images, frames of videos and views of scenes.

One JSON list, `m4_instruct_annotations.json`, and a zip for each top folder beside it; dreamsim comes as a split zip
(`dreamsim_split.z01`, …, `.zip`), which is read as it is. Some zips have one top folder too many or lack theirs: such
images are found and flagged (`media_under_other_folder`).

Licence: research use; each origin has its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.records import Card
from curation.sources.talks import SEEN_OPTIONS, Talks
from curation.sources.traces import Mode

CARD = Card(
    name="m4_instruct",
    title="M4-Instruct",
    kinds=("multi_image", "image"),
    license="research use; each origin has its own",
    hub_id="lmms-lab/M4-Instruct-Data",
    layout="m4_instruct_annotations.json (JSON list) and one zip for each top folder, dreamsim as a split zip",
    columns={
        "sample_id": "int: kept as row_id; begins anew in each origin",
        "image": "list<string>: paths that begin with the zip's name",
        "conversations": "list<struct<from: string, value: string>>",
        "metadata": "struct: dataset and question_type are kept as columns",
        "choice_list": "list<string> or null: not used, the choices are in the question",
    },
    options=SEEN_OPTIONS,
    quirks=(
        "placeholders differ from the number of images in some rows, and some conversations begin with the answer",
        "SmolVLM2 took rows of fewer than five images: filter `images < 5`",
        "frames of a video stand as images (nextqa, star), rendered views too (nuscenes, scannet)",
        "keys of metadata vary; an origin may be an Arrow table inside its zip, which is not read",
    ),
    citation="Li et al., LLaVA-NeXT-Interleave, 2024",
)


def _prepare(row: Mapping[str, Any], _: Mode) -> Mapping[str, Any]:
    about = row.get("metadata")
    about = about if isinstance(about, Mapping) else {}
    return {"dataset": about.get("dataset"), "question_type": about.get("question_type")}


_SET = Talks(card=CARD, columns=("dataset", "question_type"), reads=("metadata",), prepare=_prepare)
tasks = _SET.tasks
samples = _SET.samples
