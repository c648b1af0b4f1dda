"""Pull and measure 1024x768 JPEG samples beside rivals on the same files.

    python benchmarks/pull.py [--images 400] [--rounds 5]

Ours is the whole pull of a LLaVA-style source: parse rows, read bytes, decode, sha256, perceptual hash, write Parquet.
The rivals, where they are installed: the SmolVLM image processor (PIL back end) of transformers, settings of
SmolVLM-500M, which is how a script finds out how many tiles there are; and sha256, size and a 256-bit hash by hand.
"""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image
from reporting import Report, arguments
from rounds import interleave

from curation.records import Location
from curation.sources import llava
from curation.sources.pull import PullTask, pull

PEER_IMAGES, PLAIN_IMAGES = 20, 100
OURS = "ours"


def write_source(folder: Path, num_images: int) -> Path:
    """Write photo-like JPEGs (smooth shapes and sensor noise, 1.6 to 2.4 bits a pixel) and their LLaVA JSON."""
    rows = []
    for number in range(num_images):
        random = np.random.default_rng(number)
        small = random.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        image = np.asarray(Image.fromarray(small).resize((1024, 768), Image.Resampling.BICUBIC), dtype=np.int16)
        noisy = np.clip(image + random.normal(0, 5, image.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{number:05d}.jpg", quality=85)
        question, answer = f"<image>\nWhat is in picture {number}?", f"Coloured clouds, number {number}."
        rows.append(
            {
                "id": str(number),
                "image": f"{number:05d}.jpg",
                "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}],
            }
        )
    path = folder / "rows.json"
    path.write_text(json.dumps(rows))
    return path


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--images", type=int, default=400)
    options = parser.parse_args()
    report = Report(path=options.json)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = write_source(folder, options.images)
        files = sorted(folder.glob("*.jpg"))
        size = sum(file.stat().st_size for file in files) / len(files) / 1000
        location = Location(uri=(str(rows),), media=str(folder))
        (task,) = llava.tasks(location)

        def ours() -> int:
            work = PullTask(task=task, adapter="llava", source="photos", seed=1, output=folder / "out")
            return int(pull(work)["samples"])

        ours()
        check_measured(folder / "out.parquet", files)
        candidates = {OURS: ours, **rivals(files, report)}
        title = f"pull and measure, 1024x768 JPEG of {size:.0f} kB"
        report.rates(title, interleave(candidates, rounds=options.rounds), ours=OURS, unit="samples")


def check_measured(path: Path, files: list[Path]) -> None:
    """Raise where the pulled rows don't say what hashlib and Pillow do."""
    found = {row["media"][0]["media_id"]: row["media"][0] for row in pq.read_table(path).to_pylist()}
    for file in files:
        medium = found[hashlib.sha256(file.read_bytes()).hexdigest()]
        with Image.open(file) as image:
            assert (medium["width"], medium["height"]) == image.size, f"{file}: {medium}"


def rivals(files: list[Path], report: Report) -> dict[str, Callable[[], int]]:
    """Return the rivals that can be imported here."""
    found: dict[str, Callable[[], int]] = {}
    if find_spec("transformers"):
        from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

        processor = SmolVLMImageProcessorPil(
            size={"longest_edge": 2048}, max_image_size={"longest_edge": 512}, do_image_splitting=True
        )

        def process() -> int:
            for file in files[:PEER_IMAGES]:
                processor([Image.open(file).convert("RGB")], return_tensors="np")
            return len(files[:PEER_IMAGES])

        found["transformers' image processor"] = process
    else:
        report.missing("transformers' image processor", "not installed in this environment")
    if find_spec("imagehash"):
        import imagehash

        def plain() -> int:
            """Do by hand what a pull measures: sha256 of the bytes, size and a perceptual hash of 256 bits."""
            for file in files[:PLAIN_IMAGES]:
                data = file.read_bytes()
                image = Image.open(io.BytesIO(data))
                assert hashlib.sha256(data).digest() and image.size and imagehash.phash(image, hash_size=16)
            return len(files[:PLAIN_IMAGES])

        found["hashlib, Pillow and imagehash"] = plain
    else:
        report.missing("imagehash", "not installed in this environment")
    return found


if __name__ == "__main__":
    main()
