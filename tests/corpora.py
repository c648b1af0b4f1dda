"""A corpus small enough to build in a second, of every kind, written by the tests themselves."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw


def png(number: int, size: tuple[int, int] = (96, 64)) -> bytes:
    """Draw a picture that no other number gives."""
    image = Image.new("RGB", size, (number * 37 % 256, number * 91 % 256, number * 13 % 256))
    ImageDraw.Draw(image).text((4, 4), f"No. {number}", fill="white")
    output = io.BytesIO()
    image.save(output, "PNG")
    return output.getvalue()


def write_llava(folder: Path, *, num_rows: int = 30, name: str = "rows.json") -> Path:
    """Write LLaVA-style rows over a folder of pictures; return the JSON file."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(num_rows):
        (folder / "images" / f"{number}.png").write_bytes(png(number, (64 + number, 64)))
        rows.append(
            {
                "id": f"row-{number}",
                "image": f"{number}.png",
                "conversations": [
                    {"from": "human", "value": f"<image>\nWhich number is on picture {number}?"},
                    {"from": "gpt", "value": f"Number {number}."},
                ],
            }
        )
    path = folder / name
    path.write_text(json.dumps(rows))
    return path


def write_pages(folder: Path, *, num_rows: int = 24) -> Path:
    """Write a Cauldron-like Parquet file with pictures in its cells, in four row groups."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "images": [{"bytes": png(1000 + number), "path": None}],
            "texts": [{"user": f"What is page {number}?", "assistant": f"It is page {number}.", "source": "drawn"}],
        }
        for number in range(num_rows)
    ]
    path = folder / "train-00000-of-00001.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=max(num_rows // 4, 1))
    return path


def write_problems(folder: Path, *, num_rows: int = 200) -> Path:
    """Write GSM8K-like problems."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "train.jsonl"
    lines = [
        json.dumps(
            {"question": f"Ada has {n} nuts and finds {n % 7}. How many?", "answer": f"{n}+{n % 7}\n#### {n + n % 7}"}
        )
        for n in range(num_rows)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_video(path: Path, *, seconds: float = 4.0, fps: int = 10, size: tuple[int, int] = (64, 48)) -> Path:
    """Encode an H.264 video of a brightening picture."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"g": "10", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        total = int(seconds * fps)
        for number in range(total):
            pixels = np.full((size[1], size[0], 3), 40 + 180 * number // total, dtype=np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def write_clips(folder: Path, *, num_rows: int = 4) -> Path:
    """Write LLaVA-style rows over videos."""
    rows = []
    for number in range(num_rows):
        write_video(folder / "videos" / f"{number}.mp4", seconds=2 + number)
        rows.append(
            {
                "id": number,
                "video": f"{number}.mp4",
                "conversations": [
                    {"from": "human", "value": "<video>\nWhat happens?"},
                    {"from": "gpt", "value": f"It brightens, {number}."},
                ],
            }
        )
    path = folder / "clips.json"
    path.write_text(json.dumps(rows))
    return path


MANIFEST = """
version: 1
name: small
seed: 5
profile: smolvlm2-256m
tokenizer: bytes
sources:
  pictures: {adapter: llava, uri: pictures/rows.json, media: pictures/images, kind: image}
  pages: {adapter: cauldron, uri: pages/*.parquet}
  problems:
    adapter: text
    uri: problems/train.jsonl
    kind: cot
    options: {prompt_field: question, answer_field: answer}
  clips: {adapter: llava, uri: clips/clips.json, media: clips/videos, kind: video}
filters:
  - where: "text_chars > 1"
  - exact_duplicates
mixture:
  unit: samples
  weights: {pictures: natural, pages: natural, problems: natural, clips: natural}
output: {path: build, shard_size: 200kB}
"""


def write_corpus(folder: Path) -> Path:
    """Write pictures, pages, problems and clips, and a manifest over them; return the manifest."""
    write_llava(folder / "pictures")
    write_pages(folder / "pages")
    write_problems(folder / "problems")
    write_clips(folder / "clips")
    manifest = folder / "manifest.yaml"
    manifest.write_text(MANIFEST)
    return manifest


def digests(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file of a build, by relative path."""
    import hashlib

    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
