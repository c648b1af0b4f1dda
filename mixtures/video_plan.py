"""What encode knows of one medium: its tile grid, or the frames chosen of a video, and its row for the tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from curation.errors import MediaError
from curation.fingerprint import unit_hash
from curation.frames import FramePlan, FrameSettings, plan_frames
from curation.mixtures.dialect import VideoTimes
from curation.mixtures.encode_settings import EncodeSettings
from curation.mixtures.geometry import fitted_size
from curation.mixtures.layout import ImageLayout
from curation.records import Flag

_KEPT = ("type", "name", "address", "media_id", "mime", "bytes", "width", "height")
_JPEG_BYTES_PER_PIXEL = 0.25
"""Bytes of a stored frame, estimated for shard sizes alone: quality 92 gives 0.15 to 0.35 on films."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """A medium of one sample: the grids of its images in order (one, or one a frame), a video's times and plan."""

    raw: dict[str, Any] = field(default_factory=dict)
    grids: tuple[tuple[int, int], ...]
    times: VideoTimes | None = None
    frame_plan: str | None = None
    frame_seconds: tuple[float, ...] | None = None
    used_seconds: float | None = None
    stored_bytes: int = 0
    flags: tuple[Flag, ...] = ()

    @classmethod
    def of_image(cls, grid: tuple[int, int], raw: dict[str, Any] | None = None) -> Medium:
        """Return an image of this tile grid."""
        return cls(raw=raw or {}, grids=(grid,), stored_bytes=int((raw or {}).get("bytes") or 0))

    @classmethod
    def of_video(cls, times: VideoTimes) -> Medium:
        """Return a video of which these frames are shown; frames are not cut into tiles."""
        return cls(grids=((0, 0),) * len(times.stored), times=times)

    def row(self, layout: ImageLayout) -> dict[str, Any]:
        """Return its row of `tables.ENCODED_MEDIUM`; `tokens` is what its images take, without words around them."""
        rows, cols = self.grids[0] if self.times is None else (0, 0)
        return {
            **{key: self.raw.get(key) for key in _KEPT},
            "rows": rows,
            "cols": cols,
            "tokens": sum(layout.num_tokens(*grid) for grid in self.grids),
            "frame_plan": self.frame_plan,
            "frame_seconds": self.frame_seconds,
            "used_seconds": self.used_seconds,
        }


def encode_medium(
    raw: dict[str, Any],
    row: dict[str, Any],
    settings: EncodeSettings,
    grid: Callable[[int, int], tuple[int, int]],
) -> Medium:
    """Return what encode knows of a medium of a pulled row.

    Raises `MediaError` for a video of which no frame can be used.
    """
    if raw["type"] == "image":
        return Medium.of_image(grid(raw["width"], raw["height"]), raw)
    pts = np.asarray(raw["pts"] if raw["pts"] is not None else (), np.int64)
    if not len(pts):
        raise MediaError("zero_frames", f"{raw['name'] or raw['address']}: no frame to choose from", measured=0)
    base = Fraction(raw["time_base"])
    seconds = (pts - pts[0]) * base.numerator / base.denominator
    plan = plan_frames(
        seconds,
        settings.video,
        duration=raw["duration_seconds"] or 0.0,
        keyframes=None if raw["keyframes"] is None else np.asarray(raw["keyframes"], np.int32),
        start_seconds=raw["start_seconds"],
        end_seconds=raw["end_seconds"],
        seed_unit=unit_hash(settings.seed, "clip", row["sample_id"]),
    )
    size = settings.profile.frame_size
    width, height = fitted_size(raw["width"], raw["height"], longest_edge=size)
    return Medium(
        raw=raw,
        grids=((0, 0),) * len(plan.groups),
        times=_times(plan, seconds, duration=raw["duration_seconds"] or float(seconds[-1])),
        frame_plan=_request(plan, pts, settings),
        frame_seconds=plan.seconds,
        used_seconds=round(plan.window[1] - plan.window[0], 6),
        flags=_flags(raw, settings.video),
        stored_bytes=int(width * height * _JPEG_BYTES_PER_PIXEL) * len(plan.groups),
    )


def _flags(raw: dict[str, Any], video: FrameSettings) -> tuple[Flag, ...]:
    """Say where `clip: {from: tiles}` cut a part that a sample names, or left a long video whole that names none."""
    if video.clip_from != "tiles" or video.clip_seconds is None:
        return ()
    start, end, whole = raw["start_seconds"], raw["end_seconds"], raw["duration_seconds"] or 0.0
    is_part = start is not None or end is not None
    length = (whole if end is None else min(end, whole)) - (start or 0.0)
    if length <= video.clip_seconds:
        return ()
    detail = {"media": raw["name"], "clip_seconds": video.clip_seconds}
    return (Flag(reason="part_cut" if is_part else "not_tiled", measured=length, detail=detail),)


def _times(plan: FramePlan, seconds: np.ndarray[Any, np.dtype[np.float64]], *, duration: float) -> VideoTimes:
    sampled = iter(seconds[list(plan.indices)].tolist())
    stored = tuple(tuple(next(sampled) for _ in range(size)) for size in plan.groups)
    return VideoTimes(stored=stored, duration=duration)


def _request(plan: FramePlan, pts: np.ndarray[Any, np.dtype[np.int64]], settings: EncodeSettings) -> str:
    from curation.video import FrameRequest

    request = FrameRequest(
        pts=tuple(pts[list(plan.indices)].tolist()),
        indices=tuple(plan.indices),
        size=settings.profile.frame_size,
        jpeg_quality=settings.jpeg_quality,
        average=settings.video.average,
        backend=settings.backend,
    )
    return request.to_json()
