"""Small real inputs for filters: the Parquet files that pull and encode would write."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.filters.filter import Filter
from curation.filters.stage import run_filters
from curation.fingerprint import unit_hash
from curation.tables import ENCODED, PULLED, from_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A sample in short: `media` are contents, equal contents are equal media."""

    sample_id: str
    question: str = "Why?"
    answer: str = "So."
    media: Sequence[str] = ()
    tokens: int = 100
    kind: str = "image"
    video_seconds: float | None = None
    columns: Mapping[str, object] = field(default_factory=dict)
    phashes: Sequence[str | None] = ()
    addresses: Sequence[str] = ()
    measured: Sequence[Mapping[str, object]] = ()
    thumbnails: Sequence[bytes] = ()

    @property
    def source(self) -> str:
        return self.sample_id.split("/")[0]

    def pulled(self, seed: int) -> dict[str, object]:
        """Make the row that pull writes."""
        user = [["user", [*range(len(self.media)), self.question]]] if self.question or self.media else []
        assistant = [["assistant", [self.answer]]]
        ids = [sha256(item) for item in self.media]
        return {
            "sample_id": self.sample_id,
            "source": self.source,
            "kind": self.kind,
            "row_key": self.sample_id.partition("/")[2],
            "turns": 2,
            "images": len(self.media),
            "videos": 0,
            "video_seconds": self.video_seconds,
            "text_chars": len(self.question) + len(self.answer),
            "answer_sha256": sha256(json.dumps(assistant, separators=(",", ":"), ensure_ascii=False)),
            "question_sha256": sha256(json.dumps(user, separators=(",", ":"), ensure_ascii=False)),
            "media_sha256": sha256("\n".join(ids)) if ids else None,
            "rank": unit_hash(seed, self.sample_id),
            "license": "mit",
            "columns": json.dumps(self.columns) if self.columns else None,
            "conversation": json.dumps([*user, *assistant], separators=(",", ":")),
            "media": [
                {
                    "type": "image",
                    "media_id": media_id,
                    "width": 10 * index + 10,
                    "height": 20,
                    "phash": self.phashes[index] if self.phashes else None,
                    "address": self.addresses[index] if self.addresses else None,
                    **(self.measured[index] if self.measured else {}),
                }
                for index, media_id in enumerate(ids)
            ],
            "thumbnails": list(self.thumbnails) or None,
        }

    def encoded(self) -> dict[str, object]:
        """Make the row that encode writes."""
        return {
            "sample_id": self.sample_id,
            "source": self.source,
            "kind": self.kind,
            "frames": 0,
            "text_tokens": self.tokens,
            "image_tokens": 0,
            "loss_tokens": 5,
            "tokens": self.tokens,
            "media": [{"tokens": 81, "frame_seconds": []} for _ in self.media],
        }


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def run(
    tmp_path: Path,
    rows: Sequence[Row],
    *filters: Filter,
    priorities: Mapping[str, int] | None = None,
    guard: float | None = None,
    seed: int = 17,
    num_files: int = 2,
    memory_limit: str = "1GB",
) -> pa.Table:
    """Write rows as `num_files` files of pull and of encode and run filters over them."""
    pulled: list[Path] = []
    encoded: list[Path] = []
    for index in range(num_files):
        part = rows[index::num_files]
        pulled.append(tmp_path / f"pulled-{index}.parquet")
        encoded.append(tmp_path / f"encoded-{index}.parquet")
        pq.write_table(from_rows([row.pulled(seed) for row in part], PULLED), pulled[-1])
        pq.write_table(from_rows([row.encoded() for row in reversed(part)], ENCODED), encoded[-1])
    sources = dict.fromkeys(row.source for row in rows)
    return run_filters(
        filters,
        pulled=pulled,
        encoded=encoded,
        priorities=priorities or dict.fromkeys(sources, 0),
        seed=seed,
        max_dropped_fraction=guard,
        memory_limit=memory_limit,
        threads=2,
        spill=tmp_path,
    )


def dropped(ledger: pa.Table) -> list[str]:
    """Return the dropped sample_ids in the ledger's order."""
    return [row["sample_id"] for row in ledger.to_pylist() if row["action"] == "drop"]
