"""Decode the videos of a selection, on the driver's side: who has which clip, what failed, what frames weigh."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.engine import Engine, Job
from curation.mixtures.candidates import Candidates
from curation.mixtures.frames_stage import Clip, FramesTask, balanced, failed_path, failure, frame_bytes, read_notes
from curation.mixtures.selection import Selection
from curation.workspace import Workspace

CLIP_TIMEOUT = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What decoding found: ledger rows of failures and flags, the backend by media_id, frame bytes by position."""

    failures: list[dict[str, Any]] = field(default_factory=list)
    flags: list[dict[str, Any]] = field(default_factory=list)
    backends: dict[str, str] = field(default_factory=dict)
    frame_bytes: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    position: int
    sample_id: str
    source: str
    name: str
    clip: Clip


def decode_selected(candidates: Candidates, selection: Selection, workspace: Workspace, engine: Engine) -> Decoded:
    """Decode every clip of the selection that is not in the cache; each clip once, however many samples use it."""
    uses = list(_uses(candidates, selection))
    cache = workspace.cache
    clips = {clip.path(cache).name: clip for clip in (use.clip for use in uses)}
    kept = [path for clip in clips.values() for path in (clip.path(cache), failed_path(clip.path(cache)))]
    workspace.fetch_cached(kept)
    missing = [
        clip for _, clip in sorted(clips.items()) if not clip.path(cache).exists() and failure(clip, cache) is None
    ]
    found: dict[str, Any] = {}
    if missing:
        stage = workspace.stage("frames", [clip.path(cache).name for clip in missing])
        jobs = [
            Job(
                name=f"{number:06d}",
                num_bytes=sum(clip.num_frames for clip in part),
                unit="frames",
                argument=FramesTask(clips=part, cache=cache, timeout=CLIP_TIMEOUT),
            )
            for number, part in enumerate(balanced(missing))
        ]
        for job in jobs:
            (stage.folder / f"{job.name}.json").unlink(missing_ok=True)  # the cache itself says what is done
        for summary in engine.map("decode videos", "curation.mixtures.frames_stage:decode_clips", jobs, stage.folder):
            found.update(summary["failures"])
        workspace.keep_cached(kept)
    return _collect(uses, found, workspace)


def _uses(candidates: Candidates, selection: Selection) -> Iterator[_Use]:
    """Give the clips of all selected samples, in file order."""
    for number, file in enumerate(candidates.files):
        start, end = int(candidates.starts[number]), int(candidates.starts[number + 1])
        chosen = np.flatnonzero(selection.repeats[start:end] > 0)
        if not len(chosen) or not _has_videos(file.encoded):
            continue
        table = pq.read_table(file.encoded, columns=["sample_id", "source", "media"]).take(pa.array(chosen))
        for row, place in zip(table.to_pylist(), chosen.tolist(), strict=True):
            for medium in row["media"] or ():
                if medium["type"] == "video":
                    yield _Use(
                        position=start + place,
                        sample_id=row["sample_id"],
                        source=row["source"],
                        name=medium["name"],
                        clip=Clip.of(medium),
                    )


def _has_videos(path: Any) -> bool:
    frames = pq.read_table(path, columns=["frames"])["frames"].fill_null(0).to_numpy()
    return bool((frames > 0).any())


def _collect(uses: list[_Use], found: dict[str, Any], workspace: Workspace) -> Decoded:
    decoded = Decoded()
    failed: set[str] = set()
    for use in uses:
        path = use.clip.path(workspace.cache)
        if not path.exists():
            why = failure(use.clip, workspace.cache) or found[path.name]
            if use.sample_id not in failed:
                decoded.failures.append(_note(use, "drop", why["reason"], why["measured"], why["detail"]))
            failed.add(use.sample_id)
            continue
        decoded.backends[use.clip.media_id], flags = read_notes(use.clip, workspace.cache)
        for flag in flags:
            decoded.flags.append(_note(use, "flag", flag, None, ""))
        size = frame_bytes(use.clip, workspace.cache)
        decoded.frame_bytes[use.position] = decoded.frame_bytes.get(use.position, 0) + size
    return decoded


def _note(use: _Use, action: str, reason: str, measured: float | None, detail: str) -> dict[str, Any]:
    return {
        "sample_id": use.sample_id,
        "source": use.source,
        "stage": "video",
        "action": action,
        "reason": reason,
        "measured": measured,
        "detail": json.dumps({"media": use.name, "why": detail}, sort_keys=True),
    }
