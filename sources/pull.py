"""Pull one task: read its rows, measure their media, write sample rows and a ledger of what could not be read.

Runs in a worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curation.credentials import hidden
from curation.errors import ChangedError, StorageError
from curation.fingerprint import unit_hash
from curation.records import Kind, Task
from curation.sources import load_adapter
from curation.sources.measuring import Measuring
from curation.sources.named_errors import naming
from curation.sources.pulled_rows import RowWriter
from curation.sources.row_keys import RowKeys
from curation.storage import stamp
from curation.tables import LEDGER, PULLED
from curation.workspace import replacing

VERSION = 6
ENDINGS = (".parquet", ".ledger.parquet", ".blob")


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
    """Carry out a task and return its counts; see `RowWriter.counts`."""
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
        writer = RowWriter(
            source=work.source,
            seed=work.seed,
            card=adapter.CARD,
            kind=work.kind,
            license=work.license,
            rows_file=rows_file,
            ledger_file=ledger_file,
            measuring=measuring,
            keys=RowKeys(f"{work.task.key}:"),
        )
        with naming(work.source), _unchanged(work):
            for row in adapter.samples(work.task):
                if is_taken(work.take_below, work.seed, work.source, row.row_key):
                    writer.add(row)
        writer.close()
    return writer.counts()


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
