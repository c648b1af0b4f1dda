"""Pull and measure 1024x768 JPEG samples beside transformers' image processor on the same files.

    python benchmarks/pull.py

The peer is the SmolVLM image processor (PIL back end) of transformers, settings of SmolVLM-500M, when transformers and
torch are installed; it opens the same files. Ours is the whole pull of a LLaVA-style source: parse rows, read bytes,
decode, sha256, perceptual hash, write Parquet.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from rounds import interleave, print_table

from curation.records import Location
from curation.sources import llava
from curation.sources.pull import PullTask, pull

NUM_IMAGES = 400
PEER_IMAGES = 20


def write_source(folder: Path) -> Path:
    """Write photo-like JPEGs (smooth shapes and sensor noise, 1.6 to 2.4 bits a pixel) and their LLaVA JSON."""
    rows = []
    for number in range(NUM_IMAGES):
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
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = write_source(folder)
        files = sorted(folder.glob("*.jpg"))
        print(f"{len(files)} JPEG files, mean {sum(f.stat().st_size for f in files) / len(files) / 1000:.0f} kB")
        location = Location(uri=(str(rows),), media=str(folder))
        (task,) = llava.tasks(location)

        def ours() -> int:
            work = PullTask(task=task, adapter="llava", source="photos", seed=1, output=folder / "out")
            return int(pull(work)["samples"])

        candidates = {"curation pull": ours}
        try:
            from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil
        except ImportError:
            print("transformers is not installed: pip install transformers torch==2.13.0 to see the peer")
        else:
            processor = SmolVLMImageProcessorPil(
                size={"longest_edge": 2048}, max_image_size={"longest_edge": 512}, do_image_splitting=True
            )

            def peer() -> int:
                for file in files[:PEER_IMAGES]:
                    processor([Image.open(file).convert("RGB")], return_tensors="np")
                return PEER_IMAGES

            candidates["transformers image processor"] = peer
        print_table("pull + measure, 1024x768 JPEG", interleave(candidates), ours="curation pull", unit="samples")


if __name__ == "__main__":
    main()
