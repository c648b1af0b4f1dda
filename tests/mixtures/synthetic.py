"""Candidates, manifests and the files of a task without data, for what is decided on numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from curation.fingerprint import unit_hash
from curation.manifest_names import load_manifest
from curation.manifests import Manifest
from curation.mixtures.candidates import Candidates, Files
from curation.mixtures.encode_stage import LENGTHS
from curation.tables import PULLED, from_rows


def candidates_of(
    lengths: Mapping[str, Sequence[int]], *, dropped: Sequence[str] = (), seed: int = 1, num_bytes: int = 100
) -> Candidates:
    """Make candidates of sources with samples of these many tokens; sample n of source s is `s/n`."""
    sources = tuple(lengths)
    names = [f"{source}/{number}" for source in sources for number in range(len(lengths[source]))]
    counts = [len(lengths[source]) for source in sources]
    tokens = np.array([length for source in sources for length in lengths[source]], dtype=np.int32)
    files = tuple(
        Files(source=source, pulled=Path(f"{source}.parquet"), encoded=Path(f"{source}.parquet"), num_rows=count)
        for source, count in zip(sources, counts, strict=True)
    )
    return Candidates(
        sources=sources,
        files=files,
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        source=np.repeat(np.arange(len(sources), dtype=np.int16), counts),
        rank=np.array([unit_hash(seed, name) for name in names]),
        amounts={
            "samples": np.ones(len(names), np.int32),
            "tokens": tokens,
            "image_tokens": tokens // 2,
            "loss_tokens": tokens // 3,
        },
        num_tiles=np.ones(len(names), np.int32),
        media_bytes=np.full(len(names), num_bytes, np.int64),
        drop=np.array([0 if name in dropped else -1 for name in names], np.int16),
        drops=(("where", "where"),),
    )


def manifest_of(folder: Path, sources: Sequence[str], more: str = "") -> Manifest:
    """Read a manifest over sources that are never looked at."""
    listed = "".join(f"  {name}: {{adapter: text, uri: {name}.jsonl}}\n" for name in sources)
    path = folder / "manifest.yaml"
    path.write_text(f"version: 1\nprofile: smolvlm2-256m\ntokenizer: bytes\nsources:\n{listed}{more}")
    return load_manifest(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A sample in short, as pull and encode would write it: `media` were measured, of which `used` are encoded.

    `tokens` None: the sample could not be encoded. A medium `v…` is a video of two frames, others are images.
    """

    key: str
    tokens: int | None = 10
    media: Sequence[str] = ()
    used: int | None = None


def write_files(folder: Path, source: str, rows: Sequence[Row], *, group_rows: int = 1000) -> Files:
    """Write the two Parquet files of one task; their row groups differ, as they do in a workspace."""
    folder.mkdir(parents=True, exist_ok=True)
    pulled, encoded = folder / f"{source}.pulled.parquet", folder / f"{source}.encoded.parquet"
    write = {"compression": "zstd"}
    pq.write_table(
        from_rows([_pulled(source, row) for row in rows], PULLED), pulled, row_group_size=group_rows, **write
    )
    lengths = from_rows([_encoded(source, row) for row in rows], LENGTHS)
    pq.write_table(lengths, encoded, row_group_size=max(group_rows // 3, 1), **write)
    return Files(source=source, pulled=pulled, encoded=encoded, num_rows=len(rows))


def _pulled(source: str, row: Row) -> dict[str, object]:
    sample_id = f"{source}/{row.key}"
    media = [
        {"type": "video" if name.startswith("v") else "image", "media_id": name, "name": name, "uri": f"here/{name}"}
        for name in row.media
    ]
    return {
        "sample_id": sample_id,
        "source": source,
        "kind": "image",
        "row_key": row.key,
        "rank": unit_hash(1, sample_id),
        "media": media,
    }


def _encoded(source: str, row: Row) -> dict[str, object]:
    used = None if row.tokens is None else row.media[: row.used]
    media = [
        {
            "type": "video" if name.startswith("v") else "image",
            "media_id": name,
            "tokens": 100 + place,
            "frame_seconds": [0.0, 1.0] if name.startswith("v") else None,
        }
        for place, name in enumerate(used or ())
    ]
    return {
        "sample_id": f"{source}/{row.key}",
        "source": source,
        "kind": "image",
        "tokens": row.tokens,
        "num_tiles": row.tokens and len(media),
        "media_bytes": row.tokens and 7,
        "media": None if used is None else media,
    }
