"""Rows as pull and encode would have written them, drawn from seeds: the real schemas, row groups, ledgers and markers.

A source of the `text` adapter over placeholder files (`{"rows": 65536}`), one per task, stands for a dataset; `pull`
and `encode` run in place of the toolkit's own in its own engine. Nothing has content: a decision over them reads what
it would read of real rows and does what it would do. Left out is what no decision reads: the tokens themselves.

About 2 % of the samples repeat another of their task, 0.5 % are over-long, every third picture has two samples, and a
clip has the presentation times of 600 frames.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from curation.filters.exact_duplicates import NO_QUESTION
from curation.fingerprint import fingerprint
from curation.mixtures.encode_stage import LENGTHS, EncodeTask
from curation.sources.pull import PullTask
from curation.tables import ENCODED_MEDIUM, LEDGER, PULLED, PULLED_MEDIUM, from_rows

PULL_GROUP, ENCODE_GROUP = 1024, 512  # rows that the stages write at once
FRAMES = 600
_REPEATED, _OVER_LONG = 0.02, 0.005

# name: (part of the rows, kind)
SOURCES = {"notes": (0.30, "text"), "chats": (0.20, "cot"), "pages": (0.45, "document"), "clips": (0.05, "video")}


def write_placeholders(folder: Path, rows: int, *, rows_per_task: int) -> None:
    """Write each source's folder of files that say how many rows they stand for."""
    for name, (part, _) in SOURCES.items():
        (folder / name).mkdir(parents=True)
        left, number = round(rows * part), 0
        while left > 0:
            count = min(left, rows_per_task)
            (folder / name / f"train-{number:05d}.jsonl").write_text(json.dumps({"rows": count}) + "\n")
            left, number = left - count, number + 1


def pull(work: PullTask) -> dict[str, Any]:
    """Write the files of a pulled task, as `curation.sources.pull:pull` does."""
    count = int(json.loads(Path(work.task.path).read_text())["rows"])
    rng = _rng(work.source, work.task.key)
    kind = str(work.kind)
    has_media = kind in ("document", "video")
    row_keys = _numbered(f"{work.task.key}:", count)
    texts = rng.integers(20, 3000, count)
    repeats = np.where(rng.random(count) < _REPEATED, rng.integers(0, count, count), np.arange(count))
    media_of = np.arange(count) - (np.arange(count) % 3 == 2) * has_media
    hashes = _hashes(rng, 3 * count)
    media_ids = hashes.take(pa.array(media_of[repeats]))
    answers = hashes.slice(count).take(pa.array(repeats))
    questions = hashes.slice(2 * count).take(pa.array(repeats))
    columns: dict[str, Any] = {
        "sample_id": _joined(f"{work.source}/", row_keys),
        "source": _constant(work.source, count),
        "kind": _constant(kind, count),
        "row_key": row_keys,
        "row_id": _numbered("id-", count),
        "turns": np.full(count, 1 if kind == "text" else 2, np.int32),
        "images": np.full(count, int(kind == "document"), np.int32),
        "videos": np.full(count, int(kind == "video"), np.int32),
        "video_seconds": np.where(kind == "video", rng.integers(4, 300, count), 0).astype(np.float64),
        "text_chars": texts,
        "answer_sha256": answers,
        "question_sha256": _constant(NO_QUESTION, count) if kind == "text" else questions,
        "media_sha256": media_ids if has_media else pa.nulls(count, pa.string()),
        "rank": (rng.integers(0, 1 << 53, count) / float(1 << 53)),
        "license": _constant("mit", count),
        "columns": pa.array([f'{{"score":{score}}}' for score in range(5)]).take(pa.array(rng.integers(0, 5, count))),
        "conversation": _conversations(repeats, rng),
        "media": _pulled_media(kind, media_ids, row_keys, rng),
        "thumbnails": pa.nulls(count, PULLED.field("thumbnails").type),
    }
    table = pa.table([pa.array(columns[field.name], field.type) for field in PULLED], schema=PULLED)
    output = work.output
    pq.write_table(table, output.with_suffix(".parquet"), row_group_size=PULL_GROUP, compression="zstd")
    pq.write_table(LEDGER.empty_table(), output.with_suffix(".ledger.parquet"), compression="zstd")
    output.with_suffix(".blob").touch()
    videos = count if kind == "video" else 0
    return {"rows_read": count, "rows_unreadable": 0, "samples": count, "videos": videos, "drops": {}}


def encode(work: EncodeTask) -> dict[str, Any]:
    """Write the files of an encoded task, as `curation.mixtures.encode_stage:encode` does; the tokens are left out."""
    wanted = ["sample_id", "source", "kind", "images", "videos", "text_chars", "media_sha256", "row_key"]
    pulled = pq.read_table(work.pulled, columns=wanted).combine_chunks()
    count, rng = pulled.num_rows, _rng("encode", str(pulled["sample_id"][0]))
    kind = str(pulled["kind"][0])
    is_over = rng.random(count) < _OVER_LONG
    text = pulled["text_chars"].to_numpy() // 4 + 12
    frames = rng.integers(4, 33, count) if kind == "video" else np.zeros(count, np.int64)
    tiles = rng.choice([1, 5, 7, 13], count) if kind == "document" else frames
    image = 64 * tiles
    numbers = {
        "frames": frames,
        "text_tokens": text,
        "image_tokens": image,
        "loss_tokens": text // 2,
        "tokens": text + image,
        "num_tiles": tiles,
        "media_bytes": 60_000 * (tiles > 0),
        "used_seconds": frames.astype(np.float64),
    }
    columns: dict[str, Any] = {name: pulled[name] for name in ("sample_id", "source", "kind")}
    columns |= {name: pa.array(values, LENGTHS.field(name).type, mask=is_over) for name, values in numbers.items()}
    columns["media"] = _encoded_media(kind, pulled, tiles, frames, is_over=is_over)
    table = pa.table([_whole(columns[field.name]).cast(field.type) for field in LENGTHS], schema=LENGTHS)
    pq.write_table(table, work.output.with_suffix(".parquet"), row_group_size=ENCODE_GROUP, compression="zstd")
    work.output.with_suffix(".arrow").touch()
    over = [
        {
            "sample_id": name,
            "source": name.partition("/")[0],
            "stage": "encode",
            "action": "drop",
            "reason": "over_length",
            "measured": 9000.0,
            "threshold": 8192.0,
        }
        for name in pulled["sample_id"].filter(pa.array(is_over)).to_pylist()
    ]
    pq.write_table(from_rows(over, LEDGER), work.output.with_suffix(".ledger.parquet"), compression="zstd")
    return {"samples": count, "tokens": int((text + image)[~is_over].sum()), "dropped": len(over)}


def _conversations(repeats: np.ndarray, rng: np.random.Generator) -> pa.Array:
    """Return conversations of some 60 words; a sample that repeats another says the same."""
    chosen = rng.integers(0, len(_SENTENCES), (len(repeats), 5))[repeats]
    said = [_SENTENCES.take(pa.array(column)) for column in chosen.T]
    return _joined('[["user",["', said[0], '"]],["assistant",["', *said[1:], '"]]]')


def _sentences(count: int) -> pa.Array:
    rng = np.random.default_rng(1)
    words = ["".join(map(chr, rng.integers(97, 123, length))) for length in rng.integers(2, 9, 3000)]
    return pa.array(
        [" ".join(words[place] for place in places) + ". " for places in rng.integers(0, 3000, (count, 12))]
    )


_SENTENCES = _sentences(20_000)


def _pulled_media(kind: str, media_ids: pa.Array, names: pa.Array, rng: np.random.Generator) -> pa.Array:
    count = len(names)
    if kind not in ("document", "video"):
        return pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.array([], PULLED_MEDIUM))
    is_video = kind == "video"
    times = np.tile(np.arange(FRAMES, dtype=np.int64) * 512, count if is_video else 0)
    keys = np.tile(np.arange(0, FRAMES, 60, dtype=np.int32), count if is_video else 0)
    path = _joined("data/", names, ".mp4" if is_video else ".png")
    fields: dict[str, Any] = {
        "type": _constant("video" if is_video else "image", count),
        "name": path,
        "address": _joined('{"path":"/data/', path, '"}'),
        "uri": path,
        "media_id": media_ids,
        "mime": _constant("video/mp4" if is_video else "image/png", count),
        "bytes": rng.integers(20_000, 200_000, count),
        "width": rng.integers(200, 2000, count),
        "height": rng.integers(200, 2000, count),
        "phash": pa.nulls(count, pa.string()) if is_video else media_ids,
        "duration_seconds": np.full(count, 20.0) if is_video else None,
        "fps": np.full(count, 30.0) if is_video else None,
        "time_base": _constant("1/15360", count) if is_video else None,
        "pts": _lists(times, FRAMES) if is_video else None,
        "keyframes": _lists(keys, FRAMES // 60) if is_video else None,
    }
    return _one_each(_struct(PULLED_MEDIUM, fields, count))


def _encoded_media(
    kind: str, pulled: pa.Table, tiles: np.ndarray, frames: np.ndarray, *, is_over: np.ndarray
) -> pa.Array:
    count = pulled.num_rows
    if kind not in ("document", "video"):
        return pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.array([], ENCODED_MEDIUM))
    is_video = kind == "video"
    path = _joined("data/", _whole(pulled["row_key"]), ".mp4" if is_video else ".png")
    ends = np.concatenate([[0], np.cumsum(frames)]).astype(np.int32)
    seconds = (np.arange(ends[-1]) - np.repeat(ends[:-1], frames)).astype(np.float64)
    fields: dict[str, Any] = {
        "type": _constant("video" if is_video else "image", count),
        "name": path,
        "address": _joined('{"path":"/data/', path, '"}'),
        "media_id": _whole(pulled["media_sha256"]),
        "mime": _constant("video/mp4" if is_video else "image/png", count),
        "bytes": np.full(count, 60_000),
        "width": np.full(count, 512),
        "height": np.full(count, 512),
        "rows": None if is_video else np.full(count, 3),
        "cols": None if is_video else np.full(count, 4),
        "tokens": 64 * tiles,
        "frame_plan": _constant('{"times": "seconds", "jpeg_quality": 92}', count) if is_video else None,
        "frame_seconds": pa.ListArray.from_arrays(pa.array(ends), pa.array(seconds)) if is_video else None,
        "used_seconds": frames.astype(np.float64) if is_video else None,
    }
    lists = _one_each(_struct(ENCODED_MEDIUM, fields, count))
    return lists.take(pa.array(np.arange(count), mask=is_over))


def _struct(kind: pa.StructType, fields: dict[str, Any], count: int) -> pa.Array:
    arrays = [
        pa.nulls(count, field.type) if fields.get(field.name) is None else _whole(fields[field.name]).cast(field.type)
        for field in kind
    ]
    return pa.StructArray.from_arrays(arrays, fields=list(kind))


def _one_each(values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(np.arange(len(values) + 1, dtype=np.int32)), values)


def _lists(values: np.ndarray, each: int) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(np.arange(0, len(values) + 1, each, dtype=np.int32)), pa.array(values))


def _whole(values: Any) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return pa.concat_arrays(values.chunks)
    return values if isinstance(values, pa.Array) else pa.array(values)


def _hashes(rng: np.random.Generator, count: int) -> pa.Array:
    """Return hex digests, 64 characters each."""
    raw = pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), count, [None, pa.py_buffer(rng.bytes(32 * count))])
    return pl.from_arrow(raw.cast(pa.binary())).bin.encode("hex").to_arrow().cast(pa.string())


def _numbered(prefix: str, count: int) -> pa.Array:
    return _joined(prefix, pa.array(np.arange(count)).cast(pa.string()))


def _joined(*parts: str | pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(*parts, "")


def _constant(value: str, count: int) -> pa.Array:
    return pa.array([value]).take(pa.array(np.zeros(count, np.int32)))


def _rng(*names: str) -> np.random.Generator:
    return np.random.default_rng(int(fingerprint(list(names))[:16], 16))


def sources_yaml(names: Sequence[str] = tuple(SOURCES)) -> str:
    """Return the `sources` of a manifest beside the placeholders."""
    lines = [f"  {name}: {{adapter: text, uri: {name}/*.jsonl, kind: {SOURCES[name][1]}}}" for name in names]
    return "\n".join(["sources:", *lines])
