"""The numbers that decide a mixture, as arrays over every pulled sample: one position per sample, in file order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from curation.errors import SourceError

_BATCH_ROWS = 16_384
UNITS = ("samples", "tokens", "image_tokens", "loss_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What pull and encode wrote for one task, and the source it belongs to."""

    source: str
    pulled: Path
    encoded: Path
    num_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """All pulled samples. `source` indexes `sources`; `drop` is -1 or the index of a reason in `drops`.

    `files` and `starts` say which file a position belongs to: file i holds positions starts[i] to starts[i + 1] - 1.
    """

    sources: tuple[str, ...]
    files: tuple[Files, ...]
    starts: np.ndarray
    source: np.ndarray
    rank: np.ndarray
    amounts: dict[str, np.ndarray]
    num_tiles: np.ndarray
    media_bytes: np.ndarray
    drop: np.ndarray
    drops: tuple[tuple[str, str], ...]  # (dropped_by, drop_reason)

    def __len__(self) -> int:
        return len(self.source)


def load_candidates(files: Sequence[Files], sources: Sequence[str], drops: Any) -> Candidates:
    """Read the columns that decide; `drops` is a polars frame of sample_id, dropped_by and reason.

    Raises SourceError when two rows of a source have the same key.
    """
    num_rows = [file.num_rows for file in files]
    starts = np.concatenate([[0], np.cumsum(num_rows)]).astype(np.int64)
    source = np.repeat([sources.index(file.source) for file in files], num_rows).astype(np.int16)
    rank = _columns([file.pulled for file in files], {"rank": np.float64}, int(starts[-1]))["rank"]
    dtypes = dict.fromkeys(("tokens", "image_tokens", "loss_tokens", "num_tiles"), np.int32)
    columns = _columns([file.encoded for file in files], dtypes | {"media_bytes": np.int64}, int(starts[-1]))
    drop, reasons = _drop_codes(files, drops)
    _refuse_repeated_keys(files)
    return Candidates(
        sources=tuple(sources),
        files=tuple(files),
        starts=starts,
        source=source,
        rank=rank,
        amounts={"samples": np.broadcast_to(np.int32(1), len(rank))}
        | {name: columns[name] for name in ("tokens", "image_tokens", "loss_tokens")},
        num_tiles=columns["num_tiles"],
        media_bytes=columns["media_bytes"],
        drop=drop,
        drops=tuple(reasons),
    )


def used_seconds(candidates: Candidates) -> np.ndarray:
    """Read how many seconds of video each sample uses, float64; 0 without any."""
    paths = [file.encoded for file in candidates.files]
    return _columns(paths, {"used_seconds": np.float64}, len(candidates))["used_seconds"]


def _columns(paths: Sequence[Path], dtypes: Mapping[str, Any], num_rows: int) -> dict[str, np.ndarray]:
    """Read columns of many files into arrays made beforehand, a batch at a time; nulls become 0."""
    columns = {name: np.zeros(num_rows, dtype=dtype) for name, dtype in dtypes.items()}
    start = 0
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=list(dtypes)):
                for name, column in columns.items():
                    column[start : start + batch.num_rows] = batch[name].fill_null(0).to_numpy(zero_copy_only=False)
                start += batch.num_rows
    return columns


def _sample_ids(files: Sequence[Files]) -> Any:
    import polars as pl

    return (
        pl.scan_parquet([file.encoded for file in files], low_memory=True, glob=False)
        .select("sample_id")
        .with_row_index("position")
    )


def _drop_codes(files: Sequence[Files], drops: Any) -> tuple[np.ndarray, list[tuple[str, str]]]:
    import polars as pl

    codes = np.full(sum(file.num_rows for file in files), -1, dtype=np.int16)
    keys = ["dropped_by", "reason"]
    reasons = drops.select(keys).unique().sort(keys).with_columns(code=pl.int_range(pl.len(), dtype=pl.Int16))
    if len(reasons):
        coded = drops.join(reasons, on=keys, nulls_equal=True).select("sample_id", "code")
        found = _sample_ids(files).join(coded.lazy(), on="sample_id").select("position", "code").collect()
        codes[found["position"].to_numpy()] = found["code"].to_numpy()
    return codes, list(reasons.select(keys).iter_rows())


def _refuse_repeated_keys(files: Sequence[Files]) -> None:
    """Raise SourceError when two rows have one sample_id: by hashes, 8 bytes a row, then by name."""
    import polars as pl

    hashes = [
        pl.read_parquet(file.encoded, columns=["sample_id"], glob=False)["sample_id"].hash(0).to_numpy()
        for file in files
    ]
    ordered = np.sort(np.concatenate(hashes)) if hashes else np.empty(0, np.uint64)
    suspects = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(suspects):
        return
    names = _sample_ids(files).filter(pl.col("sample_id").hash(0).is_in(suspects.tolist())).collect()["sample_id"]
    counts = names.value_counts().filter(pl.col("count") > 1).sort("sample_id")
    if len(counts):
        source, _, key = str(counts["sample_id"][0]).partition("/")
        raise SourceError(
            f"sources.{source}: row key '{key}' occurs {counts['count'][0]} times; an adapter must give every row of "
            "its source a key of its own"
        )
