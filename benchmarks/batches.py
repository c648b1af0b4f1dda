"""Packs to SmolVLM batches, tiles included, beside transformers' processor in a torch DataLoader.

    python benchmarks/batches.py [--samples 30] [--rounds 5] [--tokenizer SPEC]

Ours reads a build: PackLoader with `collate`, a pack of about six samples a batch, pictures decoded and cut into tiles.
The rival opens the same pictures and runs the model's processor over six chats at a time, padded. One process each.
Ids of all samples and the tiles of the first are compared before anything is timed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from baseline import load_processor, prompt, read_rows
from drawn_build import write_corpus
from encode import parse_with_tokenizer
from PIL import Image
from reporting import Report, arguments
from rounds import interleave

import curation
from curation.builds import Build
from curation.training import PackLoader, collate

TOLERANCE = 0.02  # of pixel values between -1 and 1: two levels of 255


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--samples", type=int, default=30)
    options = parse_with_tokenizer(parser)
    report = Report(path=options.json)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = write_corpus(folder, options.samples, options.tokenizer)
        build = curation.build(manifest, output=folder / "build", workspace=folder / "workspace")
        per_batch = max(round(options.samples / len(build.packs())), 1)
        rows, processor = read_rows(folder / "rows.jsonl"), load_processor(options.tokenizer)

        def batch(part: list[dict[str, Any]]) -> Any:
            chats = [prompt(row["messages"]) for row in part]
            pictures = [[Image.open(folder / "images" / image).convert("RGB")] for _, image in chats]
            texts = [text for text, _ in chats]
            return processor(text=texts, images=pictures, padding=True, return_tensors="pt")

        compare(build, batch, rows)

        def ours() -> int:
            count = 0
            for made in PackLoader(build, 1, collate=lambda packs: (collate(packs), len(packs[0]["sample_ids"]))):
                assert made[0]["pixel_values"].shape[2] == 3
                count += made[1]
            return count

        def theirs() -> int:
            from torch.utils.data import DataLoader

            loader = DataLoader(rows, batch_size=per_batch, shuffle=True, collate_fn=batch)  # type: ignore[arg-type]
            return sum(len(made["input_ids"]) for made in loader)

        candidates = {"ours": ours, "transformers' processor in a DataLoader": theirs}
        title = f"loader to SmolVLM batch, {options.samples} samples, ids equal, tiles within {TOLERANCE}"
        report.rates(title, interleave(candidates, rounds=options.rounds), ours="ours", unit="samples")


def compare(build: Build, batch: Any, rows: list[dict[str, Any]]) -> None:
    """Check that both make the same ids of all samples and the same tiles of the first."""
    packs = list(build.packs())
    mine: dict[bytes, tuple[int, int]] = {}
    for number, pack in enumerate(packs):
        bounds = pack["cu_seqlens"].tolist()
        for place in range(len(bounds) - 1):
            mine[pack["input_ids"][bounds[place] : bounds[place + 1]].tobytes()] = (number, place)
    made = [batch([row]) for row in rows[:8]]
    found = [mine[one["input_ids"][0].numpy().astype(np.int32).tobytes()] for one in made]
    number, place = found[0]
    tiles = collate([packs[number]])["pixel_values"][0].numpy()
    counts = [len(one) for one in packs[number]["images"].pixels()]
    begin = sum(counts[:place])
    difference = np.abs(tiles[begin : begin + counts[place]] - made[0]["pixel_values"][0].numpy()).max()
    assert difference <= TOLERANCE, f"tiles differ by {difference}"


if __name__ == "__main__":
    main()
