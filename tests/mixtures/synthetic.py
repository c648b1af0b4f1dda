"""Candidates and manifests without data, for what is decided on numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from curation.fingerprint import unit_hash
from curation.manifest_names import load_manifest
from curation.manifests import Manifest
from curation.mixtures.candidates import Candidates, Files


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
