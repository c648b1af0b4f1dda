"""Manifests and rows over numbered videos, for builds of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curation.build import build
from curation.builds import Build

MANIFEST = """
version: 1
seed: 3
profile: smolvlm2-256m
tokenizer: bytes
sources:
  clips: {adapter: llava, uri: rows.jsonl, media: media, kind: video}
mixture: {unit: samples}
"""


def row(video: Any, **more: Any) -> dict[str, Any]:
    """Return a LLaVA-style row about a video."""
    talk = [{"from": "human", "value": "<video>\nWhat happens?"}, {"from": "gpt", "value": "It counts."}]
    return {"video": video, "conversations": talk, **more}


def write_rows(folder: Path, rows: Sequence[dict[str, Any]], *, manifest: str = MANIFEST) -> Path:
    """Write rows and a manifest over them and `media`; return the manifest."""
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    path = folder / "manifest.yaml"
    path.write_text(manifest)
    return path


def built(manifest: Path, *overrides: str, name: str = "build") -> Build:
    """Build with overrides, with two workers, into a folder beside the manifest."""
    return build(manifest, output=manifest.parent / name, overrides=overrides, workers=2)


def rows_of(made: Build) -> dict[str, dict[str, Any]]:
    """Read all rows of the shards by row key."""
    found = made.sql("select row_key, shard, shard_row from samples where selected order by row_key").rows()
    return {key: made.read_row(shard, place) for key, shard, place in found}


def times_of(shard_row: dict[str, Any]) -> list[float]:
    """Return the times of a row's frames, as their paths tell them."""
    return [float(image["path"].rpartition("#t=")[2]) for image in shard_row["images"]]


def steady(seconds: float, rate: int = 10) -> list[int]:
    """Return the times of frames in milliseconds."""
    return [round(number * 1000 / rate) for number in range(round(seconds * rate))]
