"""A build of six rows, written by hand with the bytes tokenizer: small enough to know every number in it."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.builds import SCHEMA_VERSION
from curation.mixtures.profile import load_profile
from curation.mixtures.tokenizer import load_tokenizer
from curation.tables import PUBLIC, from_rows

PROFILE = load_profile("smolvlm2-256m")
TOKENIZER = load_tokenizer("bytes", PROFILE)
CONTEXT = 640
SETTINGS: dict[str, Any] = {
    "name": "tiny",
    "profile": "smolvlm2-256m",
    "tokenizer": "bytes",
    "packing": {"context": CONTEXT},
    "mixture": {"unit": "tokens"},
    "prompts": {"loss": "completions"},
    "control_text": "plain",
    "output": {"images": "original"},
}
SHARD = pa.schema(
    {
        "sample_id": pa.string(),
        "input_ids": pa.list_(pa.int32()),
        "labels": pa.list_(pa.int32()),
        "images": pa.list_(pa.struct({"bytes": pa.binary(), "path": pa.string()})),
        "tiles": pa.list_(pa.struct({"rows": pa.int32(), "cols": pa.int32()})),
        "kind": pa.string(),
        "source": pa.string(),
    }
)


def picture(colour: str, size: tuple[int, int] = (40, 30)) -> bytes:
    """Draw a PNG of one colour."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def tokens_of(*turns: tuple[str, str, str]) -> tuple[list[int], list[int]]:
    """Return ids and labels of turns: the role, control tokens in front (blank-separated, `x64` repeats), the text."""
    special = TOKENIZER.special
    ids, trained = [special["<|im_start|>"]], [False]
    for role, control, text in turns:
        head = TOKENIZER.encode_ordinary(f"{role}:")
        for word in control.split():
            name, _, count = word.partition("x64")
            head += [special[name]] * (64 if count or word.endswith("x64") else 1)
        body = [*TOKENIZER.encode_ordinary(text), special["<end_of_utterance>"]]
        line = TOKENIZER.encode_ordinary("\n")
        ids += head + body + line
        trained += [False] * len(head) + [role == "Assistant"] * len(body) + [False] * len(line)
    return ids, [token if is_trained else -100 for token, is_trained in zip(ids, trained, strict=True)]


WHOLE = "<fake_token_around_image> <global-img> <image>x64 <fake_token_around_image>"


def shard_rows() -> list[dict[str, Any]]:
    """Return the three selected samples as rows of the shard."""
    red, frames = picture("red"), [picture("blue"), picture("green")]
    document = tokens_of(("User", WHOLE, "What colour?"), ("Assistant", "", " Red."))
    text = tokens_of(
        ("System", "", " Be short."), ("User", "", " Hi"), ("Assistant", "", " Ho"), ("Assistant", "", " Ha")
    )
    video = tokens_of(("User", f"{WHOLE} {WHOLE}", "Which?"), ("Assistant", "", " Blue, then green."))
    none: list[dict[str, int]] = []
    whole = {"rows": 0, "cols": 0}
    rows = [
        ("docs/a.parquet:0", document, [{"bytes": red, "path": "red.png"}], [dict(whole)], "document"),
        ("text/t.jsonl:0", text, none, none, "text"),
        (
            "video/v.json:0",
            video,
            [{"bytes": data, "path": f"v.mp4#t={at}.000"} for at, data in enumerate(frames)],
            [dict(whole), dict(whole)],
            "video",
        ),
    ]
    return [
        {
            "sample_id": name,
            "input_ids": tokens[0],
            "labels": tokens[1],
            "images": images,
            "tiles": tiles,
            "kind": kind,
            "source": name.partition("/")[0],
        }
        for name, tokens, images, tiles, kind in rows
    ]


def tables(shard: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every table for the shard's rows, one dropped, one not needed and one unreadable row."""
    samples = []
    for at, row in enumerate(shard):
        num_image = row["input_ids"].count(TOKENIZER.special["<image>"])
        is_video = row["kind"] == "video"
        samples.append(
            {
                "selected": True,
                "repeats": 2 if row["kind"] == "text" else 1,
                "shard": 0,
                "shard_row": at,
                "tokens": len(row["input_ids"]),
                "image_tokens": num_image,
                "text_tokens": len(row["input_ids"]) - num_image,
                "loss_tokens": sum(label != -100 for label in row["labels"]),
                "images": 0 if is_video else len(row["images"]),
                "videos": int(is_video),
                "frames": len(row["images"]) if is_video else 0,
                "video_seconds": 2.0 if is_video else 0.0,
                **{name: row[name] for name in ("sample_id", "source", "kind")},
            }
        )
    left_out: dict[str, Any] = {
        "selected": False,
        "repeats": 0,
        "tokens": 9,
        "text_tokens": 9,
        "image_tokens": 0,
        "loss_tokens": 3,
    }
    left_out |= {"source": "text", "kind": "text", "images": 0, "videos": 0, "frames": 0, "video_seconds": 0.0}
    samples += [
        {**left_out, "sample_id": "text/t.jsonl:1", "dropped_by": "where", "drop_reason": "where"},
        {**left_out, "sample_id": "text/t.jsonl:2", "dropped_by": "mixture", "drop_reason": "not_needed"},
    ]
    for at, sample in enumerate(samples):
        row_key = sample["sample_id"].partition("/")[2]
        sample |= {"row_key": row_key, "rank": at / 8, "turns": 2, "text_chars": 20, "license": "mit"}
    order = [samples[0], samples[1], samples[1], samples[2]]
    places = [(0, 0, 0), (0, 1, 0), (1, 0, 1), (1, 1, 0)]
    ends = {0: 0, 1: 0}
    packs = []
    for sample, (pack, position, repeat) in zip(order, places, strict=True):
        place = {"pack": pack, "position": position, "repeat": repeat, "offset": ends[pack], "length": sample["tokens"]}
        packs.append(place | {name: sample[name] for name in ("sample_id", "shard", "shard_row")})
        ends[pack] += sample["tokens"]
    total = sum(sample["tokens"] for sample in order)
    drop = {"source": "text", "action": "drop", "detail": "{}"}
    return {
        "samples": samples,
        "packs": packs,
        "media": media_rows(shard),
        "ledger": [
            {**drop, "sample_id": "text/t.jsonl:3", "stage": "pull", "reason": "invalid_json"},
            {
                **drop,
                "sample_id": "text/t.jsonl:1",
                "stage": "filter",
                "filter": "where",
                "reason": "where",
                "measured": 3.0,
            },
        ],
        "sources": [
            {
                "source": source,
                "adapter": "llava",
                "uri": f"data/{source}",
                "kind": kind,
                "license": "mit",
                "revision": "",
                "rows_read": 4 if source == "text" else 1,
                "rows_unreadable": 1 if source == "text" else 0,
                "samples": 3 if source == "text" else 1,
                "selected": 1,
            }
            for source, kind in (("docs", "document"), ("text", "text"), ("video", "video"))
        ],
        "mixture": [
            {
                "path": sample["source"],
                "source": sample["source"],
                "unit": "tokens",
                "asked_share": 1 / 3,
                "realised_share": sample["tokens"] * sample["repeats"] / total,
                "samples": sample["repeats"],
                "tokens": sample["tokens"] * sample["repeats"],
                "image_tokens": sample["image_tokens"],
                "loss_tokens": sample["loss_tokens"] * sample["repeats"],
                "repeats": float(sample["repeats"]),
            }
            for sample in samples[:3]
        ],
    }


def media_rows(shard: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of `media`: the document's image and the video."""
    red = shard[0]["images"][0]["bytes"]
    image = {
        "sample_id": shard[0]["sample_id"],
        "position": 0,
        "media_id": hashlib.sha256(red).hexdigest(),
        "type": "image",
        "mime": "image/png",
        "bytes": len(red),
        "width": 40,
        "height": 30,
        "tokens": 64,
        "uri": "data/docs/red.png",
        "sample_source": "docs",
        "sample_repeats": 1,
        "is_first_use": True,
    }
    video = {
        "sample_id": shard[2]["sample_id"],
        "position": 0,
        "media_id": "f" * 64,
        "type": "video",
        "mime": "video/mp4",
        "bytes": 5000,
        "width": 40,
        "height": 30,
        "duration_seconds": 2.0,
        "fps": 10.0,
        "frames_used": 2,
        "tokens": 128,
        "uri": "data/video/v.mp4",
        "sample_source": "video",
        "sample_repeats": 1,
        "is_first_use": True,
    }
    return [image, video]


def write_build(
    folder: Path, *, shard: list[dict[str, Any]] | None = None, rows: dict[str, list[dict[str, Any]]] | None = None
) -> Path:
    """Write the build, or one with other rows, and return its folder; build.json's hashes are always right."""
    lawful = shard_rows()
    written = shard if shard is not None else lawful
    content = rows if rows is not None else tables(lawful)
    path = folder / "shards" / "shard-00000.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(written, schema=SHARD), path, row_group_size=2)
    described = {
        "shard": 0,
        "path": "shards/shard-00000.parquet",
        "rows": len(written),
        "tokens": sum(len(row["input_ids"]) for row in written),
        "bytes": path.stat().st_size,
        "sha256": digest(path),
    }
    for name, schema in PUBLIC.items():
        in_parts = name in ("samples", "media", "ledger", "packs")
        target = folder / "index" / (f"{name}/part-00000.parquet" if in_parts else f"{name}.parquet")
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(from_rows(content.get(name, [described]), schema), target)
    describe(folder)
    return folder


def describe(folder: Path) -> None:
    """Write build.json over the files that stand in the folder."""
    files = {
        path.relative_to(folder).as_posix(): digest(path)
        for path in sorted(folder.rglob("*.parquet"))
        if path.is_file()
    }
    description = {
        "schema_version": SCHEMA_VERSION,
        "fingerprint": "ab" * 32,
        "settings": SETTINGS,
        "digests": {"tokenizer": TOKENIZER.digest},
        "files": files,
        "base": [],
    }
    (folder / "build.json").write_text(json.dumps(description))


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
