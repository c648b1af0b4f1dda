"""Write a build's index: the public tables, streamed file by file in source order, so that memory stays flat."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.mixtures.candidates import Candidates
from curation.mixtures.media_table import media_tables, task_rows
from curation.mixtures.selection import Selection
from curation.tables import LEDGER, MEDIA, MIXTURE, PACKS, SAMPLES, SHARDS, SOURCES, from_rows
from curation.workspace import replacing

PART_ROWS = 1_000_000
GROUP_ROWS = 32_768

# The columns of `samples` by where they come from.
_ENCODED_NAMES = ("frames", "text_tokens", "image_tokens", "loss_tokens", "tokens")
_PLACED_NAMES = ("selected", "repeats", "dropped_by", "drop_reason", "shard", "shard_row")
_PULLED_NAMES = frozenset(SAMPLES.names) - set(_ENCODED_NAMES) - set(_PLACED_NAMES)


def write_parts(folder: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> list[Path]:
    """Write tables as `part-00000.parquet` … of about a million rows each; return the paths. Never empty."""
    folder.mkdir(parents=True, exist_ok=True)
    groups = _row_groups(schema, tables)
    paths: list[Path] = []
    group = next(groups, None)
    while group is not None:
        path = folder / f"part-{len(paths):05d}.parquet"
        num_rows = 0
        with replacing(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as file:
            while group is not None and num_rows < PART_ROWS:
                file.write_table(group)
                num_rows += group.num_rows
                group = next(groups, None)
        paths.append(path)
    return paths


def _row_groups(schema: pa.Schema, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Regroup tables into row groups whose bounds depend on the rows alone, however the tables were cut."""
    waiting: list[pa.Table] = []
    num_rows, is_first = 0, True
    for table in tables:
        waiting.append(table.select(schema.names).cast(schema))
        num_rows += table.num_rows
        if num_rows < GROUP_ROWS:
            continue
        whole = pa.concat_tables(waiting)
        for start in range(0, num_rows - GROUP_ROWS + 1, GROUP_ROWS):
            yield whole.slice(start, GROUP_ROWS).combine_chunks()
        waiting, num_rows, is_first = [whole.slice(num_rows - num_rows % GROUP_ROWS)], num_rows % GROUP_ROWS, False
    if num_rows or is_first:
        yield pa.concat_tables([schema.empty_table(), *waiting]).combine_chunks()


def sample_tables(candidates: Candidates, selection: Selection) -> Iterator[pa.Table]:
    """Give the `samples` table, a batch of a pulled file at a time."""
    by = pa.array([by for by, _ in candidates.drops] + ["mixture"], pa.string())
    why = pa.array([reason for _, reason in candidates.drops] + ["not_needed"], pa.string())
    for number, file in enumerate(candidates.files):
        start = int(candidates.starts[number])
        wanted = [name for name in SAMPLES.names if name in _PULLED_NAMES]
        for pulled, encoded in task_rows(file, wanted, list(_ENCODED_NAMES)):
            rows = slice(start, start + pulled.num_rows)
            start = rows.stop
            is_selected = selection.repeats[rows] > 0
            code = np.where(candidates.drop[rows] >= 0, candidates.drop[rows], len(candidates.drops)).astype(np.int32)
            code = pa.array(code, mask=is_selected)
            columns = {name: batch[name] for batch in (pulled, encoded) for name in batch.schema.names} | {
                "selected": pa.array(is_selected),
                "repeats": pa.array(selection.repeats[rows], pa.int32()),
                "dropped_by": pc.take(by, code),
                "drop_reason": pc.take(why, code),
                "shard": _masked(selection.shard[rows]),
                "shard_row": _masked(selection.shard_row[rows]),
            }
            yield pa.table([columns[name] for name in SAMPLES.names], schema=SAMPLES)


def _masked(values: np.ndarray) -> pa.Array:
    return pa.array(values, pa.int32(), mask=values < 0)


def ledger_tables(paths: Iterable[Path], decisions: Sequence[pa.Table]) -> Iterator[pa.Table]:
    """Give the `ledger` table: what pull and encode wrote, then the filters' and the later stages' rows."""
    for path in paths:
        yield pq.read_table(path, schema=LEDGER)
    yield from decisions


def pack_tables(candidates: Candidates, selection: Selection) -> Iterator[pa.Table]:
    """Give the `packs` table in pack order."""
    ids = _sample_ids(candidates)
    for start in range(0, len(selection.order), GROUP_ROWS):
        rows = slice(start, start + GROUP_ROWS)
        order = selection.order[rows]
        columns = {
            "pack": pa.array(selection.pack[rows], pa.int64()),
            "position": pa.array(selection.position[rows], pa.int32()),
            "sample_id": pc.take(ids, pa.array(order)).cast(pa.string()),
            "repeat": pa.array(selection.repeat[rows], pa.int32()),
            "offset": pa.array(selection.offset[rows], pa.int32()),
            "length": pa.array(candidates.amounts["tokens"][order], pa.int32()),
            "shard": _masked(selection.shard[order]),
            "shard_row": _masked(selection.shard_row[order]),
        }
        yield pa.table([columns[name] for name in PACKS.names], schema=PACKS)


def _sample_ids(candidates: Candidates) -> pa.Array:
    """Return all sample ids in one piece: rows are taken from it anywhere, 27 times faster than from many pieces."""
    names = [pq.read_table(file.encoded, columns=["sample_id"])["sample_id"] for file in candidates.files]
    chunks = [chunk for name in names for chunk in name.cast(pa.large_string()).chunks]
    return pa.concat_arrays([pa.array([], pa.large_string()), *chunks])


def write_rows(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> Path:
    """Write a small table: `mixture`, `sources`, `shards`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        pq.write_table(from_rows(rows, schema), temporary, compression="zstd")
    return path


def write_index(
    folder: Path,
    candidates: Candidates,
    selection: Selection,
    *,
    sources: list[dict[str, Any]],
    ledgers: Iterable[Path],
    decisions: Sequence[pa.Table],
    backends: dict[str, str],
    shards: list[dict[str, Any]],
) -> list[Path]:
    """Write all tables under `folder`, two at a time, and return their paths."""
    tables = [
        ("samples", SAMPLES, sample_tables(candidates, selection)),
        ("media", MEDIA, media_tables(candidates, selection, backends)),
        ("packs", PACKS, pack_tables(candidates, selection)),
        ("ledger", LEDGER, ledger_tables(ledgers, decisions)),
    ]
    with ThreadPoolExecutor(max_workers=2) as pool:  # Arrow lets go of the interpreter while it reads and compresses
        written = list(pool.map(lambda table: write_parts(folder / table[0], table[1], table[2]), tables))
    return [
        *(path for paths in written for path in paths),
        write_rows(folder / "mixture.parquet", selection.mixture, MIXTURE),
        write_rows(folder / "sources.parquet", sources, SOURCES),
        write_rows(folder / "shards.parquet", shards, SHARDS),
    ]


def settings_text(value: dict[str, Any]) -> bytes:
    """Encode build.json: sorted keys, two blanks, no time or machine in it."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
