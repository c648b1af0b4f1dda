"""Decode the chosen frames of videos into the cache. Runs in a worker.

One file per (medium, plan): `<cache>/frames/ab/<media_id>-<plan>.arrow` with the frames' times and JPEG bytes, or
`.failed.json` with the reason. So ablations that keep the plan decode nothing, whatever else they change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.errors import MediaError
from curation.fingerprint import canonical, fingerprint
from curation.media import check_unchanged, content_from_json
from curation.video import FrameRequest, decode
from curation.workspace import replacing, write_bytes

VERSION = 1
FRAMES = pa.schema([("seconds", pa.float64()), ("jpeg", pa.binary())])
_UNSURE = ("video_timeout", "decoder_crashed")  # may go well the next time, so not remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A video of the mixture and the frames that are wanted of it. `plan` is a FrameRequest as JSON."""

    media_id: str
    address: str
    plan: str
    num_frames: int

    @classmethod
    def of(cls, medium: Mapping[str, Any]) -> Clip:
        """Return the clip of an encoded row's video."""
        return cls(
            media_id=medium["media_id"],
            address=medium["address"],
            plan=medium["frame_plan"],
            num_frames=len(medium["frame_seconds"]),
        )

    def path(self, cache: Path) -> Path:
        """Return where its frames are kept."""
        name = fingerprint(VERSION, self.plan)[:16]
        return cache / "frames" / self.media_id[:2] / f"{self.media_id}-{name}.arrow"


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesTask:
    """Videos that one worker decodes."""

    clips: tuple[Clip, ...]
    cache: Path
    timeout: float


def decode_clips(work: FramesTask) -> dict[str, Any]:
    """Decode every clip that is not in the cache yet; return the failures by path name.

    Raises ChangedError when a video is no longer what was measured.
    """
    failures: dict[str, Any] = {}
    for clip in work.clips:
        path = clip.path(work.cache)
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            frames = decode(content_from_json(clip.address), FrameRequest.from_json(clip.plan), timeout=work.timeout)
            check_unchanged(clip.address, clip.media_id)
        except MediaError as err:
            check_unchanged(clip.address, clip.media_id)
            failure = {"reason": err.reason, "detail": err.detail, "measured": err.measured}
            failures[path.name] = failure
            if err.reason not in _UNSURE:
                write_bytes(failed_path(path), canonical(failure))
            continue
        schema = FRAMES.with_metadata({"backend": frames.backend, "flags": json.dumps(list(frames.flags))})
        table = pa.table([pa.array(frames.seconds, pa.float64()), pa.array(frames.jpegs, pa.binary())], schema=schema)
        with replacing(path) as temporary, pa.OSFile(str(temporary), "wb") as raw, pa.ipc.new_file(raw, schema) as file:
            file.write_table(table)
    return {"clips": len(work.clips), "failures": failures}


def failure(clip: Clip, cache: Path) -> dict[str, Any] | None:
    """Return why a clip can't be decoded if an earlier build found out, or None."""
    try:
        return dict(json.loads(failed_path(clip.path(cache)).read_bytes()))
    except FileNotFoundError:
        return None


def read_frames(clip: Clip, cache: Path) -> tuple[list[float], list[bytes]]:
    """Return the times and JPEG bytes of a decoded clip."""
    with pa.memory_map(str(clip.path(cache))) as raw, pa.ipc.open_file(raw) as file:
        table = file.read_all()
        return table["seconds"].to_pylist(), table["jpeg"].to_pylist()


def read_notes(clip: Clip, cache: Path) -> tuple[str, list[str]]:
    """Return the backend that decoded a clip, and the flags that decoding raised."""
    with pa.memory_map(str(clip.path(cache))) as raw, pa.ipc.open_file(raw) as file:
        metadata = file.schema.metadata or {}
        return metadata.get(b"backend", b"").decode(), json.loads(metadata.get(b"flags", b"[]"))


def frame_bytes(clip: Clip, cache: Path) -> int:
    """Return how many bytes the frames of a decoded clip take."""
    return clip.path(cache).stat().st_size


def balanced(clips: Sequence[Clip], frames_per_task: int = 256) -> list[tuple[Clip, ...]]:
    """Cut clips into tasks of about this many frames, in order."""
    tasks: list[list[Clip]] = []
    room = 0
    for clip in clips:
        if room <= 0:
            tasks.append([])
            room = frames_per_task
        tasks[-1].append(clip)
        room -= max(clip.num_frames, 1)
    return [tuple(task) for task in tasks]


def failed_path(path: Path) -> Path:
    """Return where the reason is kept why a clip can't be decoded; `path` is where its frames would be."""
    return path.with_suffix(".failed.json")
