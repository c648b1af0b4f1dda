"""Sample rows and the ledger of what could not be read, written as row groups while a task is pulled."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curation.conversations import text_columns
from curation.errors import MediaError
from curation.fingerprint import unit_hash
from curation.media import sha256
from curation.records import Card, Drop, Flag, Kind, Sample, Text, kind_of
from curation.sources.measuring import Measuring, num_bytes
from curation.sources.row_keys import RowKeys
from curation.sources.unicode import named_in_unicode, with_whole_texts
from curation.tables import LEDGER, PULLED, from_rows

_BATCH_ROWS = 1024
_BATCH_BYTES = 16 << 20
_LEDGER_ROWS = 1 << 16


@dataclass(slots=True, kw_only=True)
class RowWriter:
    """Writes the rows of one task, and a ledger row for each that can't be used.

    `kind` and `license` are the manifest's, None for the sample's own and the card's.
    """

    source: str
    seed: int
    card: Card
    kind: Kind | None
    license: str | None
    rows_file: pq.ParquetWriter
    ledger_file: pq.ParquetWriter
    measuring: Measuring
    keys: RowKeys
    _drops: Counter[str] = field(default_factory=Counter)
    _num_samples: int = 0
    _num_videos: int = 0
    _rows: list[dict[str, Any]] = field(default_factory=list)
    _ledger: list[dict[str, Any]] = field(default_factory=list)
    _size: int = 0

    def add(self, row: Sample | Drop) -> None:
        """Measure a row's media and keep it, or note why not; rows are written in batches."""
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
            self._drops[row.reason] += 1
            self._note(row.row_key, "drop", row.reason, row.measured, row.threshold, dict(row.detail))
        if len(self._rows) >= _BATCH_ROWS or self._size >= _BATCH_BYTES or len(self._ledger) >= _LEDGER_ROWS:
            self._flush()

    def _note_repeated(self, row_key: str) -> None:
        """Note a row whose key another row has: it has no id of its own, the other's is the evidence."""
        self._drops["duplicate_row_key"] += 1
        self._note(row_key, "drop", "duplicate_row_key", None, None, {})
        evidence = {"evidence_sample_id": self._ledger[-1]["sample_id"], "evidence_source": self.source}
        self._ledger[-1] |= {"sample_id": None} | evidence

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
        self._num_videos += self._rows[-1]["videos"]
        self._num_samples += 1

    def _row(self, sample: Sample, conversation: list[Any], media: list[dict[str, Any]]) -> dict[str, Any]:
        sample_id = f"{self.source}/{sample.row_key}"
        videos = [medium for medium in media if medium["type"] == "video"]
        return {
            "sample_id": sample_id,
            "source": self.source,
            "kind": kind_of(sample, self.card, self.kind),
            "row_key": sample.row_key,
            "row_id": sample.row_id,
            **text_columns(conversation),
            "images": len(media) - len(videos),
            "videos": len(videos),
            "video_seconds": sum(_shown_seconds(video) for video in videos) if videos else None,
            "media_sha256": _media_sha256(media) if media else None,
            "rank": unit_hash(self.seed, sample_id),
            "license": self.license or self.card.license,
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
        self._ledger.append(
            {
                "sample_id": f"{self.source}/{row_key}",
                "source": self.source,
                "stage": "pull",
                "action": action,
                "reason": reason,
                "measured": measured,
                "threshold": threshold,
                "detail": json.dumps(detail, sort_keys=True, default=str) if detail else None,
            }
        )

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        self._flush_ledger()

    def counts(self) -> dict[str, Any]:
        """Return the numbers of rows_read, rows_unreadable, samples and videos, and the drops by their reason."""
        return {
            "rows_read": self._num_samples + self._drops.total(),
            "rows_unreadable": self._drops.total(),
            "samples": self._num_samples,
            "videos": self._num_videos,
            "drops": dict(sorted(self._drops.items())),
        }

    def _flush(self) -> None:
        """Write the rows so far as one row group; the ledger's too, when there are many."""
        if len(self._ledger) >= _LEDGER_ROWS:
            self._flush_ledger()
        if not self._rows:
            return
        self.measuring.hash_images()
        self.rows_file.write_table(pa.Table.from_pylist(self._rows, schema=PULLED))
        self._rows, self._size = [], 0

    def _flush_ledger(self) -> None:
        """Write the ledger rows so far as one row group."""
        self.ledger_file.write_table(from_rows(self._ledger, LEDGER))
        self._ledger = []


def _has_answer(sample: Sample) -> bool:
    answers = (part for turn in sample.turns if turn.role == "assistant" for part in turn.parts)
    return any(isinstance(part, Text) and part.text.strip() for part in answers)


def _media_sha256(media: list[dict[str, Any]]) -> str:
    """Hash which media are shown, in order, and of videos which part: two scenes of a film are two media."""
    windows = ([medium.get("start_seconds"), medium.get("end_seconds")] for medium in media)
    parts = ("" if window == [None, None] else f" {window}" for window in windows)
    return sha256("\n".join(f"{medium['media_id']}{part}" for medium, part in zip(media, parts, strict=True)).encode())


def _shown_seconds(video: dict[str, Any]) -> float:
    """Return how long the part of a video that its row names lasts."""
    start = video.get("start_seconds") or 0.0
    end = video.get("end_seconds")
    whole = float(video["duration_seconds"])
    return max(0.0, (whole if end is None else min(end, whole)) - start)
