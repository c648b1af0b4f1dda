"""Pull one task: read its rows, measure their media, write sample rows and a ledger of what could not be read.

Runs in a worker. Bytes that stand inside the rows (Parquet cells, data URIs, drawn ink) are kept once in the task's
`.blob` file; media that can be read again stay where they are.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import MediaError
from curation.fingerprint import unit_hash
from curation.hashing import phash256_batch
from curation.media import address_json, open_address, probe_image, read, sha256
from curation.records import Address, Card, Drop, FrameFolder, Image, Kind, Sample, Task, Text, Video, kind_of
from curation.sources import load_adapter
from curation.sources.unicode import named_in_unicode, readable, with_whole_texts
from curation.tables import LEDGER, PULLED, from_rows
from curation.workspace import replacing

VERSION = 3
ENDINGS = (".parquet", ".ledger.parquet", ".blob")
_BATCH_ROWS = 1024
_BATCH_BYTES = 16 << 20
_CACHED_MEDIA = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class PullTask:
    """One task of one source and where its rows go: `<output>.parquet`, `<output>.ledger.parquet`, `<output>.blob`.

    `take_below` keeps only the rows whose hash (seed, "take", sample_id) is at most this.
    """

    task: Task
    adapter: str
    source: str
    seed: int
    output: Path
    kind: Kind | None = None
    license: str | None = None
    take_below: float | None = None
    video_timeout: float = 120.0


def pull(work: PullTask) -> dict[str, Any]:
    """Carry out a task and return its counts: rows_read, rows_unreadable, samples, and drops by reason."""
    adapter = load_adapter(work.adapter)
    writer = _Writer(work=work, card=adapter.CARD)
    blob = work.output.with_suffix(".blob")
    with replacing(blob) as blob_path, replacing(work.output.with_suffix(".parquet")) as rows_path:
        with blob_path.open("wb") as blob_file, pq.ParquetWriter(rows_path, PULLED, compression="zstd") as rows_file:
            writer.open(rows_file, blob_file, blob)
            for row in adapter.samples(work.task):
                if not is_taken(work.take_below, work.seed, work.source, row.row_key):
                    continue
                writer.add(row)
            writer.flush()
        with replacing(work.output.with_suffix(".ledger.parquet")) as ledger_path:
            pq.write_table(from_rows(writer.ledger, LEDGER), ledger_path, compression="zstd")
    return {
        "rows_read": writer.num_samples + sum(writer.drops.values()),
        "rows_unreadable": sum(writer.drops.values()),
        "samples": writer.num_samples,
        "videos": writer.num_videos,
        "drops": dict(sorted(writer.drops.items())),
    }


def count_taken(work: PullTask) -> dict[str, Any]:
    """Return the hashes by which `take` chooses, of every row of a task, without measuring any media."""
    adapter = load_adapter(work.adapter)
    return {"hashes": [take_hash(work.seed, work.source, row.row_key) for row in adapter.samples(work.task)]}


def take_hash(seed: int, source: str, row_key: str) -> float:
    """Return the number in [0, 1) by which `take` chooses a row: the smallest are taken, so smaller takes nest."""
    return unit_hash(seed, "take", f"{source}/{row_key}")


def is_taken(take_below: float | None, seed: int, source: str, row_key: str) -> bool:
    """Say whether `take` keeps a row."""
    return take_below is None or take_hash(seed, source, row_key) <= take_below


@dataclass(slots=True, kw_only=True)
class _Writer:
    work: PullTask
    card: Card
    ledger: list[dict[str, Any]] = field(default_factory=list)
    drops: Counter[str] = field(default_factory=Counter)
    num_samples: int = 0
    num_videos: int = 0
    _rows: list[dict[str, Any]] = field(default_factory=list)
    _greys: list[tuple[dict[str, Any], np.ndarray]] = field(default_factory=list)
    _size: int = 0
    _media_size: int = 0
    _keys: set[bytes] = field(default_factory=set)
    _media: dict[Any, dict[str, Any] | MediaError] = field(default_factory=dict)
    _rows_file: pq.ParquetWriter | None = None
    _blob_file: BinaryIO | None = None
    _blob: Path = Path()

    def open(self, rows_file: pq.ParquetWriter, blob_file: BinaryIO, blob: Path) -> None:
        self._rows_file, self._blob_file, self._blob = rows_file, blob_file, blob

    def add(self, row: Sample | Drop) -> None:
        row = named_in_unicode(row)
        if self._is_repeated(row.row_key):
            self._note_repeated(row.row_key)
            return
        if isinstance(row, Sample) and not _has_answer(row):
            row = Drop(row_key=row.row_key, reason="no_answer")
        if isinstance(row, Sample):
            try:
                self._add_sample(row)
            except MediaError as err:
                row = Drop(row_key=row.row_key, reason=err.reason, measured=err.measured, detail={"why": err.detail})
        if isinstance(row, Drop):
            self.drops[row.reason] += 1
            self._note(row.row_key, "drop", row.reason, row.measured, row.threshold, dict(row.detail))
        if len(self._rows) >= _BATCH_ROWS or self._size >= _BATCH_BYTES:
            self.flush()

    def _is_repeated(self, row_key: str) -> bool:
        key = hashlib.blake2b(row_key.encode(), digest_size=16).digest()
        if key in self._keys:
            return True
        self._keys.add(key)
        return False

    def _note_repeated(self, row_key: str) -> None:
        """Note a row whose key another row has: it has no id of its own, the other's is the evidence."""
        self.drops["duplicate_row_key"] += 1
        self._note(row_key, "drop", "duplicate_row_key", None, None, {})
        evidence = {"evidence_sample_id": self.ledger[-1]["sample_id"], "evidence_source": self.work.source}
        self.ledger[-1] |= {"sample_id": None} | evidence

    def _add_sample(self, sample: Sample) -> None:
        sample, num_repaired = with_whole_texts(sample)
        media: list[dict[str, Any]] = []
        conversation = []
        for turn in sample.turns:
            parts: list[str | int] = []
            for part in turn.parts:
                if isinstance(part, Text):
                    parts.append(part.text)
                else:
                    parts.append(len(media))
                    media.append(self._measure(part, sample.row_key))
            conversation.append([turn.role, parts])
        for flag in sample.flags:
            self._note(sample.row_key, "flag", flag.reason, flag.measured, None, dict(flag.detail))
        if num_repaired:
            self._note(sample.row_key, "flag", "invalid_unicode", num_repaired, None, {})
        self._rows.append(self._row(sample, conversation, media))
        self._size += self._rows[-1]["text_chars"] + sum(_num_bytes(medium) for medium in media)
        self.num_videos += self._rows[-1]["videos"]
        self.num_samples += 1

    def _row(self, sample: Sample, conversation: list[Any], media: list[dict[str, Any]]) -> dict[str, Any]:
        work = self.work
        sample_id = f"{work.source}/{sample.row_key}"
        videos = [medium for medium in media if medium["type"] == "video"]
        return {
            "sample_id": sample_id,
            "source": work.source,
            "kind": kind_of(sample, self.card, work.kind),
            "row_key": sample.row_key,
            "row_id": sample.row_id,
            "turns": sum(turn.role != "system" for turn in sample.turns),
            "images": len(media) - len(videos),
            "videos": len(videos),
            "video_seconds": sum(_shown_seconds(video) for video in videos) if videos else None,
            "text_chars": sum(len(part) for _, parts in conversation for part in parts if isinstance(part, str)),
            "answer_sha256": _text_sha256(conversation, {"assistant"}),
            "question_sha256": _text_sha256(conversation, {"user", "system"}),
            "media_sha256": sha256("\n".join(medium["media_id"] for medium in media).encode()) if media else None,
            "rank": unit_hash(work.seed, sample_id),
            "license": work.license or self.card.license,
            "columns": json.dumps(dict(sample.columns), sort_keys=True, default=str) if sample.columns else None,
            "conversation": orjson.dumps(conversation).decode(),
            "media": media,
        }

    def _measure(self, part: Image | Video, row_key: str) -> dict[str, Any]:
        """Return a medium's row, from the cache when the same file or bytes came before."""
        key = sha256(part.content) if isinstance(part.content, bytes) else part.content
        known = self._media.get((type(part), key))
        if known is None:
            if len(self._media) >= _CACHED_MEDIA or self._media_size >= _BATCH_BYTES:
                self._media.clear()
                self._media_size = 0
            try:
                known = self._measure_image(part) if isinstance(part, Image) else self._measure_video(part)
                self._media_size += _num_bytes(known)
            except MediaError as err:
                known = err
            self._media[(type(part), key)] = known
        if isinstance(known, MediaError):
            raise MediaError(known.reason, _named(part.name, known.detail), measured=known.measured)
        window = {}
        if isinstance(part, Video):
            window = {"start_seconds": part.start_seconds, "end_seconds": part.end_seconds}
        medium = {**known, "name": readable(part.name), "uri": readable(self._uri(part, row_key)), **window}
        for flag, detail in medium.pop("_flags", ()):
            self._note(row_key, "flag", flag, None, None, detail)
        if "_grey" in medium:
            self._greys.append((medium, medium.pop("_grey")))
        return medium

    def _measure_image(self, image: Image) -> dict[str, Any]:
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
            "_grey": probe.grey,
        }

    def _measure_video(self, video: Video) -> dict[str, Any]:
        from curation.video import probe

        found = probe(video.content, timeout=self.work.video_timeout)
        return {
            "type": "video",
            "address": self._address(video.content),
            "media_id": _video_id(video.content),
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
        location = self.work.task.location
        if isinstance(content, bytes):
            return f"{self.work.task.path}#{row_key.rpartition(':')[2]}" + (f"/{part.name}" if part.name else "")
        if isinstance(content, Address) and not (location.cache and content.path.startswith(location.cache)):
            return str(content)
        return f"{location.media or self.work.task.path}#{part.name}"

    def _address(self, content: bytes | Address | FrameFolder) -> str:
        if isinstance(content, bytes):
            assert self._blob_file is not None
            offset = self._blob_file.tell()
            self._blob_file.write(content)
            content = Address(path=str(self._blob), offset=offset, length=len(content))
        return address_json(content)

    def _note(
        self,
        row_key: str,
        action: str,
        reason: str,
        measured: float | None,
        threshold: float | None,
        detail: dict[str, Any],
    ) -> None:
        self.ledger.append(
            {
                "sample_id": f"{self.work.source}/{row_key}",
                "source": self.work.source,
                "stage": "pull",
                "action": action,
                "reason": reason,
                "measured": measured,
                "threshold": threshold,
                "detail": json.dumps(detail, sort_keys=True, default=str) if detail else None,
            }
        )

    def flush(self) -> None:
        """Write the rows so far as one row group."""
        if not self._rows:
            return
        if self._greys:
            hashes = phash256_batch(np.stack([grey for _, grey in self._greys]))
            for (medium, _), digest in zip(self._greys, hashes, strict=True):
                medium["phash"] = bytes(digest).hex()
        assert self._rows_file is not None
        self._rows_file.write_table(pa.Table.from_pylist(self._rows, schema=PULLED))
        self._rows, self._greys, self._size = [], [], 0


def _has_answer(sample: Sample) -> bool:
    answers = (part for turn in sample.turns if turn.role == "assistant" for part in turn.parts)
    return any(isinstance(part, Text) and part.text.strip() for part in answers)


def _video_id(content: bytes | Address | FrameFolder) -> str:
    """Return the sha256 of a video's bytes; of a folder of frames, the sha256 over its frames' ids and its rate."""
    if isinstance(content, bytes):
        return sha256(content)
    if isinstance(content, FrameFolder):
        ids = [sha256(read(frame)) for frame in content.frames]
        return sha256("\n".join([*ids, str(Fraction(content.fps).limit_denominator(1000))]).encode())
    with open_address(content) as file:
        try:
            return hashlib.file_digest(cast(io.BufferedReader, file), "sha256").hexdigest()
        except Exception as err:  # each remote file system has errors of its own
            raise MediaError("unreadable_media", f"{content}: {err}") from err


def _num_bytes(medium: dict[str, Any]) -> int:
    """Return about how much memory a measured medium takes: an hour of video has 108,000 frame times of 8 bytes."""
    return 8 * len(medium.get("pts", ()))


def _shown_seconds(video: dict[str, Any]) -> float:
    """Return how long the part of a video that its row names lasts."""
    start = video.get("start_seconds") or 0.0
    end = video.get("end_seconds")
    whole = float(video["duration_seconds"])
    return max(0.0, (whole if end is None else min(end, whole)) - start)


def _text_sha256(conversation: list[Any], roles: set[str]) -> str:
    """Hash the words of some roles, and the places of media among them."""
    turns = [[role, [part if isinstance(part, str) else 0 for part in parts]] for role, parts in conversation]
    return sha256(orjson.dumps([turn for turn in turns if turn[0] in roles]))


def _named(name: str, detail: str) -> str:
    return f"{name}: {detail}" if name and name not in detail else detail
