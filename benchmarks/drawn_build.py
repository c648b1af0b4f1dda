"""A build to write and read in benchmarks: drawn JPEGs of about 39 kB, each with a question and an answer."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

import curation
from curation.builds import Build

WORDS = ["the", "a", "of", "in", "picture", "shows", "table", "chart", "value", "increase", "revenue", "between"]
MANIFEST = """
version: 1
name: drawn
profile: smolvlm2-256m
tokenizer: TOKENIZER
sources: {drawn: {adapter: chat, uri: rows.jsonl, media: images}}
mixture: {unit: samples, weights: {drawn: natural}}
output: {path: parquet, shard_size: 256MB}
"""


def draw_jpeg(number: int) -> bytes:
    generator = np.random.default_rng(number)
    small = Image.fromarray(generator.integers(0, 256, (48, 64, 3), dtype=np.uint8))
    smooth = np.asarray(small.resize((320, 240), Image.Resampling.BICUBIC)).astype(np.int16)
    noisy = np.clip(smooth + generator.integers(-16, 17, (240, 320, 1)), 0, 255).astype(np.uint8)
    output = io.BytesIO()
    Image.fromarray(noisy).save(output, "JPEG", quality=86)
    return output.getvalue()


def write_corpus(folder: Path, num_samples: int, tokenizer: str = "bytes") -> Path:
    """Write images, rows and a manifest; return the manifest."""
    (folder / "images").mkdir(parents=True)
    generator = np.random.default_rng(0)
    lines = []
    for number in range(num_samples):
        (folder / "images" / f"{number}.jpg").write_bytes(draw_jpeg(number))
        question, answer = (" ".join(generator.choice(WORDS, count)) for count in (20, 40))
        image = {"type": "image", "image": f"{number}.jpg"}
        user = {"role": "user", "content": [image, {"type": "text", "text": f"{number}? {question}"}]}
        answer_turn = {"role": "assistant", "content": [{"type": "text", "text": f"{number}. {answer}"}]}
        lines.append(json.dumps({"messages": [user, answer_turn]}))
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "manifest.yaml").write_text(MANIFEST.replace("TOKENIZER", tokenizer))
    return folder / "manifest.yaml"


def write_builds(folder: Path, num_samples: int) -> dict[str, Build]:
    """Build a drawn corpus as parquet and as arrow, with the workspace in the same folder."""
    manifest = write_corpus(folder, num_samples)
    return {
        form: curation.build(
            manifest,
            output=folder / form,
            workspace=folder / "workspace",
            overrides=[f"output.format={form}"],
        )
        for form in ("parquet", "arrow")
    }
