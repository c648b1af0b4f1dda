"""Measure the media of a task's rows: each once, however many rows show it.

Bytes that stand inside the rows (Parquet cells, data URIs, drawn ink) are kept once in the task's `.blob` file; media
that can be read again stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from curation.credentials import hidden
from curation.errors import MediaError
from curation.hashing import phash256_batch, thumbnail
from curation.images import probe_image
from curation.media import address_json, media_stamp, read, sha256, video_id
from curation.records import Address, FrameFolder, Image, Task, Video
from curation.sources.unicode import readable

CACHE_BYTES = 16 << 20
_CACHED_MEDIA = 1024

Medium = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Measuring:
    """Measures media as rows of `tables.PULLED_MEDIUM`. `blob` is the path that `blob_file` will have."""

    task: Task
    blob: Path
    blob_file: BinaryIO
    video_timeout: float
    _known: dict[Any, Medium | MediaError] = field(default_factory=dict)
    _known_bytes: int = 0
    _greys: list[tuple[Medium, str, np.ndarray]] = field(default_factory=list)

    def measure(self, part: Image | Video, row_key: str) -> tuple[Medium, list[tuple[str, dict[str, Any]]]]:
        """Return a medium's row, with an image's `thumbnail` beside, and its flags (reason, detail). Raises MediaError.

        `phash` and `phash_trimmed` are filled by `hash_images`, in batches.
        """
        key = sha256(part.content) if isinstance(part.content, bytes) else part.content
        known = self._known.get((type(part), key))
        if known is None:
            if len(self._known) >= _CACHED_MEDIA or self._known_bytes >= CACHE_BYTES:
                self._known.clear()
                self._known_bytes = 0
            try:
                known = self._measure_image(part) if isinstance(part, Image) else self._measure_video(part)
                self._known_bytes += num_bytes(known)
            except MediaError as err:
                known = err
            self._known[(type(part), key)] = known
        if isinstance(known, MediaError):
            raise MediaError(known.reason, _named(part.name, known.detail), measured=known.measured)
        window = {}
        if isinstance(part, Video):
            window = {"start_seconds": part.start_seconds, "end_seconds": part.end_seconds}
        uri = hidden(readable(self._uri(part, row_key)))
        medium = {**known, "name": readable(part.name), "uri": uri, **window}
        for column, grey in medium.pop("_greys", {}).items():
            self._greys.append((medium, column, grey))
        return medium, medium.pop("_flags", [])

    def hash_images(self) -> None:
        """Give every image measured since the last call its perceptual hashes."""
        if self._greys:
            hashes = phash256_batch(np.stack([grey for _, _, grey in self._greys]))
            for (medium, column, _), digest in zip(self._greys, hashes, strict=True):
                medium[column] = bytes(digest).hex()
        self._greys.clear()

    def _measure_image(self, image: Image) -> Medium:
        data = read(image.content)
        probe = probe_image(data)
        return {
            "type": "image",
            "address": self._address(image.content),
            "media_id": sha256(data),
            "mime": probe.mime,
            "bytes": len(data),
            "width": probe.width,
            "height": probe.height,
            "margins": probe.margins if probe.trimmed is not None else None,
            "ink": probe.ink,
            "contrast": probe.contrast,
            "detail": probe.detail,
            "thumbnail": thumbnail(probe.grey),
            "_greys": {"phash": probe.grey} | ({} if probe.trimmed is None else {"phash_trimmed": probe.trimmed}),
        }

    def _measure_video(self, video: Video) -> Medium:
        from curation.video import probe

        seen = "" if isinstance(video.content, bytes) else media_stamp(video.content)
        found = probe(video.content, timeout=self.video_timeout)
        return {
            "type": "video",
            "address": self._address(video.content, seen=seen),
            "media_id": video_id(video.content),
            "mime": found.mime,
            "bytes": found.num_bytes,
            "width": found.width,
            "height": found.height,
            "duration_seconds": found.duration_seconds,
            "fps": found.fps,
            "time_base": found.time_base,
            "pts": found.pts,
            "keyframes": found.keyframes,
            "_flags": [(flag, {"media": video.name, **found.detail}) for flag in found.flags],
        }

    def _uri(self, part: Image | Video, row_key: str) -> str:
        """Say where a medium comes from in the dataset's own terms, never by a path of the workspace."""
        content = part.content
        location = self.task.location
        if isinstance(content, bytes):
            return f"{self.task.path}#{row_key.rpartition(':')[2]}" + (f"/{part.name}" if part.name else "")
        if isinstance(content, Address) and not (location.cache and content.path.startswith(location.cache)):
            return str(content)
        return f"{location.media or self.task.path}#{part.name}"

    def _address(self, content: bytes | Address | FrameFolder, *, seen: str = "") -> str:
        if isinstance(content, bytes):
            offset = self.blob_file.tell()
            self.blob_file.write(content)
            content = Address(path=str(self.blob), offset=offset, length=len(content))
        return address_json(content, seen=seen)


def num_bytes(medium: Medium) -> int:
    """Return about how much memory a measured medium takes: an hour of video has 108,000 frame times of 8 bytes."""
    return 8 * len(medium.get("pts", ()))


def _named(name: str, detail: str) -> str:
    return f"{name}: {detail}" if name and name not in detail else detail
