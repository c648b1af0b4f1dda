"""The shards of a build: which sample stands in which, and the tasks that write them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from curation.decisions import Decided
from curation.engine import Engine, Job
from curation.errors import ChangedError
from curation.mixtures.candidates import Candidates
from curation.mixtures.layout import image_layout
from curation.mixtures.selection import Selection, place_in_shards
from curation.mixtures.shards import VERSION as SHARD_VERSION
from curation.mixtures.shards import ShardTask
from curation.sources.changes import note_change
from curation.workspace import Workspace


def in_shards(decided: Decided) -> Decided:
    """Place every selected sample in a shard, by the bytes its row will take."""
    candidates = decided.candidates
    num_bytes = candidates.media_bytes.copy()
    for position, frames in decided.decoded.frame_bytes.items():
        num_bytes[position] = frames
    num_bytes += 3 * candidates.amounts["tokens"]
    selection = place_in_shards(decided.selection, num_bytes, decided.manifest.output.shard_size)
    return replace(decided, selection=selection)


def write_shards(
    folder: Path, decided: Decided, workspace: Workspace, engine: Engine, digest: str
) -> list[dict[str, Any]]:
    """Write all shards and return the rows of the `shards` table."""
    output = decided.manifest.output
    stage = workspace.stage("write", SHARD_VERSION, digest, str(folder.resolve()))
    suffix = "arrow" if output.format == "arrow" else "parquet"
    jobs = []
    for shard, (file, row) in enumerate(_shard_rows(decided.candidates, decided.selection)):
        path = folder / "shards" / f"shard-{shard:05d}.{suffix}"
        used = np.unique(file)
        task = ShardTask(
            path=path,
            format=output.format,
            images=output.images,
            fit=decided.profile.longest_edge,
            encoded=tuple(decided.candidates.files[index].encoded.with_suffix(".arrow") for index in used.tolist()),
            file=np.searchsorted(used, file).astype(np.int32),
            row=row.astype(np.int32),
            layout=image_layout(decided.profile, decided.tokenizer, tiles=decided.manifest.prompts.tiles),
            cache=workspace.cache,
        )
        jobs.append(Job(name=f"{shard:05d}", num_bytes=len(row), unit="rows", argument=task, outputs=(path,)))
    (folder / "shards").mkdir(exist_ok=True)
    try:
        summaries = engine.map("write shards", "curation.mixtures.shards:write_shard", jobs, stage.folder)
    except ChangedError as err:
        note_change(workspace, err)
        raise
    return [
        {"shard": shard, "path": f"shards/{job.argument.path.name}", **summary}
        for shard, (job, summary) in enumerate(zip(jobs, summaries, strict=True))
    ]


def _shard_rows(candidates: Candidates, selection: Selection) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return for each shard the file index and the row in that file of its rows, in order."""
    positions = np.flatnonzero(selection.shard >= 0)
    order = np.lexsort((selection.shard_row[positions], selection.shard[positions]))
    positions = positions[order]
    bounds = np.flatnonzero(np.diff(selection.shard[positions])) + 1
    shards = []
    for part in np.split(positions, bounds):
        file = np.searchsorted(candidates.starts, part, side="right") - 1
        shards.append((file, part - candidates.starts[file]))
    return shards
