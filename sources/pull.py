"""Pull one task: read its rows, measure their media, write sample rows and a ledger of what could not be read.

Runs in a worker.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curation.conversations import text_columns
from curation.credentials import hidden
from curation.errors import ChangedError, MediaError, StorageError
from curation.fingerprint import unit_hash
from curation.media import sha256
from curation.records import Card, Drop, Flag, Kind, Sample, Task, Text, kind_of
from curation.sources import load_adapter
from curation.sources.measuring import Measuring, num_bytes
from curation.sources.named_errors import naming
from curation.sources.row_keys import RowKeys
from curation.sources.unicode import named_in_unicode, with_whole_texts
from curation.storage import stamp
from curation.tables import LEDGER, PULLED, from_rows
from curation.workspace import replacing

VERSION = 5
ENDINGS = (".parquet", ".ledger.parquet", ".blob")
_BATCH_ROWS = 1024
_BATCH_BYTES = 16 << 20
_LEDGER_ROWS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class PullTask:
    """One task of one source and where its rows go: `<output>.parquet`, `<output>.ledger.parquet`, `<output>.blob`.

    `take_below` keeps only the rows whose hash (seed, "take", sample_id) is at most this. `seen` is the stamp of the
    task's file when it was listed (empty: none); another one after reading is a ChangedError.
    """

    task: Task
    adapter: str
    source: str
    seed: int
    output: Path
    kind: Kind | None = None
    license: str | None = None
    take_below: float | None = None
    seen: str = ""
    video_timeout: float = 120.0


def pull(work: PullTask) -> dict[str, Any]:
    """Carry out a task and return its counts: rows_read, rows_unreadable, samples, and drops by reason."""
    adapter = load_adapter(work.adapter)
    blob = work.output.with_suffix(".blob")
    ledger = work.output.with_suffix(".ledger.parquet")
    with (
        replacing(ledger) as ledger_path,
        replacing(blob) as blob_path,
        replacing(work.output.with_suffix(".parquet")) as rows_path,
        blob_path.open("wb") as blob_file,
        pq.ParquetWriter(rows_path, PULLED, compression="zstd") as rows_file,
        pq.ParquetWriter(ledger_path, LEDGER, compression="zstd") as ledger_file,
    ):
        measuring = Measuring(task=work.task, blob=blob, blob_file=blob_file, video_timeout=work.video_timeout)
        writer = _Writer(
            work=work,
            card=adapter.CARD,
            rows_file=rows_file,
            ledger_file=ledger_file,
            measuring=measuring,
            keys=RowKeys(f"{work.task.key}:"),
        )
        with naming(work.source), _unchanged(work):
            for row in adapter.samples(work.task):
                if is_taken(work.take_below, work.seed, work.source, row.row_key):
                    writer.add(row)
        writer.flush()
        writer.flush_ledger()
    return {
        "rows_read": writer.num_samples + sum(writer.drops.values()),
        "rows_unreadable": sum(writer.drops.values()),
        "samples": writer.num_samples,
        "videos": writer.num_videos,
        "drops": dict(sorted(writer.drops.items())),
    }


@contextmanager
def _unchanged(work: PullTask) -> Iterator[None]:
    """Make sure that what was read in the block is the file that was listed."""
    try:
        yield
    except StorageError:
        raise
    except Exception as err:
        _check_unchanged(work, err)
        raise
    _check_unchanged(work)


def _check_unchanged(work: PullTask, why: Exception | None = None) -> None:
    if work.seen and (now := stamp(work.task.path)) != work.seen:
        what = "changed" if now else "went away"
        raise ChangedError(
            f"sources.{work.source}: {hidden(work.task.path)} {what} while it was read; run the same command again",
            path=work.task.path,
            now=now,
        ) from why


def count_taken(work: PullTask) -> dict[str, Any]:
    """Return the hashes by which `take` chooses, of every row of a task, without measuring any media."""
    adapter = load_adapter(work.adapter)
    with naming(work.source):
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
    rows_file: pq.ParquetWriter
    ledger_file: pq.ParquetWriter
    measuring: Measuring
    keys: RowKeys
    ledger: list[dict[str, Any]] = field(default_factory=list)
    drops: Counter[str] = field(default_factory=Counter)
    num_samples: int = 0
    num_videos: int = 0
    _rows: list[dict[str, Any]] = field(default_factory=list)
    _size: int = 0

    def add(self, row: Sample | Drop) -> None:
        row = named_in_unicode(row)
        if not self.keys.add(row.row_key):
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
        if len(self._rows) >= _BATCH_ROWS or self._size >= _BATCH_BYTES or len(self.ledger) >= _LEDGER_ROWS:
            self.flush()

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
        flags = list(sample.flags)
        for turn in sample.turns:
            parts: list[str | int] = []
            for part in turn.parts:
                if isinstance(part, Text):
                    parts.append(part.text)
                else:
                    parts.append(len(media))
                    medium, odd = self.measuring.measure(part, sample.row_key)
                    media.append(medium)
                    flags += [Flag(reason=reason, detail=detail) for reason, detail in odd]
            conversation.append([turn.role, parts])
        for flag in flags:
            self._note(sample.row_key, "flag", flag.reason, flag.measured, None, dict(flag.detail))
        if num_repaired:
            self._note(sample.row_key, "flag", "invalid_unicode", num_repaired, None, {})
        self._rows.append(self._row(sample, conversation, media))
        self._size += self._rows[-1]["text_chars"] + sum(num_bytes(medium) for medium in media)
        self._size += sum(len(content) for content in self._rows[-1]["thumbnails"] if content)
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
            **text_columns(conversation),
            "images": len(media) - len(videos),
            "videos": len(videos),
            "video_seconds": sum(_shown_seconds(video) for video in videos) if videos else None,
            "media_sha256": sha256("\n".join(medium["media_id"] for medium in media).encode()) if media else None,
            "rank": unit_hash(work.seed, sample_id),
            "license": work.license or self.card.license,
            "columns": json.dumps(dict(sample.columns), sort_keys=True, default=str) if sample.columns else None,
            "conversation": orjson.dumps(conversation).decode(),
            "media": media,
            "thumbnails": [medium.pop("thumbnail", None) for medium in media],
        }

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
        """Write the rows so far as one row group; the ledger's too, when there are many."""
        if len(self.ledger) >= _LEDGER_ROWS:
            self.flush_ledger()
        if not self._rows:
            return
        self.measuring.hash_images()
        self.rows_file.write_table(pa.Table.from_pylist(self._rows, schema=PULLED))
        self._rows, self._size = [], 0

    def flush_ledger(self) -> None:
        """Write the ledger rows so far as one row group."""
        self.ledger_file.write_table(from_rows(self.ledger, LEDGER))
        self.ledger = []


def _has_answer(sample: Sample) -> bool:
    answers = (part for turn in sample.turns if turn.role == "assistant" for part in turn.parts)
    return any(isinstance(part, Text) and part.text.strip() for part in answers)


def _shown_seconds(video: dict[str, Any]) -> float:
    """Return how long the part of a video that its row names lasts."""
    start = video.get("start_seconds") or 0.0
    end = video.get("end_seconds")
    whole = float(video["duration_seconds"])
    return max(0.0, (whole if end is None else min(end, whole)) - start)
