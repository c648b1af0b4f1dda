"""The Arrow schemas of every table: the ones SQL sees and the two that stages pass on.

`SAMPLES` … `SHARDS` are the public tables of a build's index. `PULLED` is what pull writes, one row per sample with its
conversation and media nested; `ENCODED` is what encode adds. Column order is part of a build's bytes.
"""

from __future__ import annotations

import pyarrow as pa

SOURCES = pa.schema(
    [
        ("source", pa.string()),
        ("adapter", pa.string()),
        ("uri", pa.string()),
        ("kind", pa.string()),
        ("license", pa.string()),
        ("revision", pa.string()),
        ("rows_read", pa.int64()),
        ("rows_unreadable", pa.int64()),
        ("samples", pa.int64()),
        ("selected", pa.int64()),
    ]
)

SAMPLES = pa.schema(
    [
        ("sample_id", pa.string()),
        ("source", pa.string()),
        ("kind", pa.string()),
        ("row_key", pa.string()),
        ("row_id", pa.string()),
        ("turns", pa.int32()),
        ("images", pa.int32()),
        ("videos", pa.int32()),
        ("frames", pa.int32()),
        ("video_seconds", pa.float64()),
        ("text_chars", pa.int64()),
        ("text_tokens", pa.int32()),
        ("image_tokens", pa.int32()),
        ("loss_tokens", pa.int32()),
        ("tokens", pa.int32()),
        ("answer_sha256", pa.string()),
        ("question_sha256", pa.string()),
        ("media_sha256", pa.string()),
        ("rank", pa.float64()),
        ("selected", pa.bool_()),
        ("repeats", pa.int32()),
        ("dropped_by", pa.string()),
        ("drop_reason", pa.string()),
        ("shard", pa.int32()),
        ("shard_row", pa.int32()),
        ("license", pa.string()),
        ("columns", pa.string()),
    ]
)

MEDIA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("position", pa.int32()),
        ("media_id", pa.string()),
        ("type", pa.string()),
        ("mime", pa.string()),
        ("bytes", pa.int64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("duration_seconds", pa.float64()),
        ("used_seconds", pa.float64()),
        ("fps", pa.float64()),
        ("frames_used", pa.int32()),
        ("tokens", pa.int32()),
        ("phash", pa.string()),
        ("backend", pa.string()),
        ("uri", pa.string()),
        ("sample_source", pa.string()),  # what the sample's row says, so that questions about media need no join
        ("sample_repeats", pa.int32()),  # 0: not in the mixture
        ("is_first_use", pa.bool_()),  # of these bytes among the media that are trained on, per source, in table order
    ]
)

LEDGER = pa.schema(
    [
        ("sample_id", pa.string()),
        ("source", pa.string()),
        ("stage", pa.string()),
        ("filter", pa.string()),
        ("action", pa.string()),
        ("reason", pa.string()),
        ("measured", pa.float64()),
        ("threshold", pa.float64()),
        ("evidence_sample_id", pa.string()),
        ("evidence_source", pa.string()),
        ("detail", pa.string()),
    ]
)

PACKS = pa.schema(
    [
        ("pack", pa.int64()),
        ("position", pa.int32()),
        ("sample_id", pa.string()),
        ("repeat", pa.int32()),
        ("offset", pa.int32()),
        ("length", pa.int32()),
        ("shard", pa.int32()),
        ("shard_row", pa.int32()),
    ]
)

MIXTURE = pa.schema(
    [
        ("path", pa.string()),
        ("source", pa.string()),
        ("unit", pa.string()),
        ("asked_share", pa.float64()),
        ("realised_share", pa.float64()),
        ("samples", pa.int64()),
        ("tokens", pa.int64()),
        ("image_tokens", pa.int64()),
        ("loss_tokens", pa.int64()),
        ("repeats", pa.float64()),
    ]
)

SHARDS = pa.schema(
    [
        ("shard", pa.int32()),
        ("path", pa.string()),
        ("rows", pa.int64()),
        ("tokens", pa.int64()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
    ]
)

PUBLIC = {
    "sources": SOURCES,
    "samples": SAMPLES,
    "media": MEDIA,
    "ledger": LEDGER,
    "packs": PACKS,
    "mixture": MIXTURE,
    "shards": SHARDS,
}

# One medium of a pulled sample. `address` is JSON: {"path", "offset"?, "length"?} or, for a folder of frames,
# {"frames": [[path, offset, length], …], "fps", "path"}. Videos carry the exact presentation times of their frames:
# `pts` in units of `time_base` seconds ("1/15360"), in presentation order, and which of them are key frames.
PULLED_MEDIUM = pa.struct(
    [
        ("type", pa.string()),  # image | video
        ("name", pa.string()),
        ("address", pa.string()),
        ("uri", pa.string()),
        ("media_id", pa.string()),
        ("mime", pa.string()),
        ("bytes", pa.int64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("phash", pa.string()),
        ("phash_trimmed", pa.string()),  # of the image without plain margins; null when it has none
        ("margins", pa.list_(pa.float32())),  # left, top, right, bottom as shares of width and height, or null
        ("ink", pa.float64()),  # share of pixels (0 to 1) that are not paper: `luma.ink_share`
        ("contrast", pa.uint8()),  # by how much grey values differ at 64x64 pixels: all, and neighbours
        ("detail", pa.uint8()),
        ("duration_seconds", pa.float64()),
        ("fps", pa.float64()),
        ("time_base", pa.string()),
        ("pts", pa.list_(pa.int64())),
        ("keyframes", pa.list_(pa.int32())),
        ("start_seconds", pa.float64()),
        ("end_seconds", pa.float64()),
    ]
)

# What pull writes. `conversation` is JSON: [[role, [part, …]], …] with a part a string (text) or an integer (the
# position of a medium in `media`). `order` numbers the rows of a task.
PULLED = pa.schema(
    [
        ("sample_id", pa.string()),
        ("source", pa.string()),
        ("kind", pa.string()),
        ("row_key", pa.string()),
        ("row_id", pa.string()),
        ("turns", pa.int32()),
        ("images", pa.int32()),
        ("videos", pa.int32()),
        ("video_seconds", pa.float64()),
        ("text_chars", pa.int64()),
        ("answer_sha256", pa.string()),
        ("question_sha256", pa.string()),
        ("media_sha256", pa.string()),
        ("rank", pa.float64()),
        ("license", pa.string()),
        ("columns", pa.string()),
        ("conversation", pa.string()),
        ("media", pa.list_(PULLED_MEDIUM)),
        ("thumbnails", pa.list_(pa.binary())),  # one for each medium, apart from it so that few stages read them
    ]
)

# What encode adds for one medium: its tile grid (image) or the presentation times of the chosen frames (video).
ENCODED_MEDIUM = pa.struct(
    [
        ("type", pa.string()),
        ("name", pa.string()),
        ("address", pa.string()),
        ("media_id", pa.string()),
        ("mime", pa.string()),
        ("bytes", pa.int64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("rows", pa.int32()),
        ("cols", pa.int32()),
        ("tokens", pa.int32()),
        ("frame_plan", pa.string()),  # JSON for curation.video.decode, null for images
        ("frame_seconds", pa.list_(pa.float64())),
        ("used_seconds", pa.float64()),  # how long the part of a video is that its frames are chosen from
    ]
)

# One row per pulled sample, in the same order. `ids` is compact: -1 stands for an image (or a frame) that write expands
# into its layout of tokens; `loss` holds [start, end, start, end, …] of the trained spans in `ids`. A sample that can't
# be encoded (over_length) has null `ids` and a ledger row.
ENCODED = pa.schema(
    [
        ("sample_id", pa.string()),
        ("source", pa.string()),
        ("kind", pa.string()),
        ("frames", pa.int32()),
        ("text_tokens", pa.int32()),
        ("image_tokens", pa.int32()),
        ("loss_tokens", pa.int32()),
        ("tokens", pa.int32()),
        ("num_tiles", pa.int32()),
        ("media_bytes", pa.int64()),
        ("used_seconds", pa.float64()),  # of all its videos
        ("ids", pa.list_(pa.int32())),
        ("loss", pa.list_(pa.int32())),
        ("media", pa.list_(ENCODED_MEDIUM)),
    ]
)


def empty(schema: pa.Schema) -> pa.Table:
    """Return a table of no rows."""
    return schema.empty_table()


def from_rows(rows: list[dict[str, object]], schema: pa.Schema) -> pa.Table:
    """Make a table of dicts; a missing key is null, an unknown key is a bug."""
    for row in rows:
        unknown = row.keys() - set(schema.names)
        assert not unknown, f"unknown columns {sorted(unknown)}"
    return pa.Table.from_pylist(rows, schema=schema)
