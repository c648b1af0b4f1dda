"""Encode one pulled task: its rows' tokens and lengths. Runs in a worker.

Writes two files: `<output>.parquet` with what decisions need (lengths, media), which SQL reads by column, and
`<output>.arrow` with what shards need (ids, loss, media), uncompressed in batches of 64 rows, which write maps into
memory and reads row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.mixtures.encode import Encoder, EncodeSettings
from curation.mixtures.tokenizer import load_tokenizer
from curation.tables import ENCODED, LEDGER, from_rows
from curation.workspace import replacing

VERSION = 2
ENDINGS = (".parquet", ".arrow", ".ledger.parquet")
LENGTHS = pa.schema([field for field in ENCODED if field.name not in ("ids", "loss")])
TOKENS = pa.schema([ENCODED.field(name) for name in ("sample_id", "source", "kind", "ids", "loss", "media")])
_BATCH_ROWS = 512
_MAPPED_ROWS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeTask:
    """One pulled file and where its tokens go. `settings_key` names settings and tokenizer, for the worker's cache."""

    pulled: Path
    output: Path
    settings: EncodeSettings
    settings_key: str
    tokenizer: str


def encode(work: EncodeTask) -> dict[str, Any]:
    """Carry out a task and return its counts: samples, tokens, dropped."""
    encoder = _encoder(work)
    ledger: list[dict[str, Any]] = []
    samples = tokens = 0
    with (
        replacing(work.output.with_suffix(".parquet")) as lengths_path,
        replacing(work.output.with_suffix(".arrow")) as tokens_path,
    ):
        with (
            pq.ParquetWriter(lengths_path, LENGTHS, compression="zstd") as lengths_file,
            pa.OSFile(str(tokens_path), "wb") as raw,
            pa.ipc.new_file(raw, TOKENS) as tokens_file,
            pq.ParquetFile(work.pulled) as pulled,
        ):
            names = [name for name in pulled.schema_arrow.names if name != "thumbnails"]
            for batch in pulled.iter_batches(batch_size=_BATCH_ROWS, columns=names):
                rows, notes = encoder.encode(batch.to_pylist())
                ledger.extend(notes)
                table = from_rows(rows, ENCODED)
                lengths_file.write_table(table.select(LENGTHS.names))
                tokens_file.write_table(table.select(TOKENS.names), max_chunksize=_MAPPED_ROWS)
                samples += len(rows)
                tokens += sum(row.get("tokens") or 0 for row in rows)
        with replacing(work.output.with_suffix(".ledger.parquet")) as ledger_path:
            pq.write_table(from_rows(ledger, LEDGER), ledger_path, compression="zstd")
    return {"samples": samples, "tokens": tokens, "dropped": sum(note["action"] == "drop" for note in ledger)}


_encoders: dict[str, Encoder] = {}


def _encoder(work: EncodeTask) -> Encoder:
    """Return the worker's encoder for these settings: loading a tokenizer and proving its fast path takes a second."""
    if work.settings_key not in _encoders:
        _encoders.clear()
        _encoders[work.settings_key] = Encoder(work.settings, load_tokenizer(work.tokenizer, work.settings.profile))
    return _encoders[work.settings_key]
