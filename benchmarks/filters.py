"""What filters drop and find: `python -m benchmarks.filters TABLE [SIZE]`; inputs are from seeds not used for tuning.

images      per class of SIZE (600) distinct pictures: share wrongly dropped by a 64-bit hash at 10 bits (imagededup's
            default), by the 256-bit hash alone, and with the pixels looked at; share of edited copies that are found
real        the same for the pictures under the folders FOLDER ... instead of SIZE; all are taken to be distinct
numbers     SIZE (10,000) questions that differ in their numbers only: how many near_duplicate_text drops, and how many
            the usual text rule does (numbers become 0, 5-word shingles, 14 bands of 8 minima)
"""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from benchmarks.drawings import CLASSES, EDITS, png
from benchmarks.filter_speed import HELD_OUT, run_over
from curation.filters import load_filter
from curation.filters.hamming import near_pairs
from curation.filters.matches import decide
from curation.filters.near_duplicate_images import NearDuplicateImages, _nearest
from curation.filters.pixels import load_grey, local_difference
from curation.filters.shingles import minhash, shingles, split_words
from curation.hashing import phash256
from curation.media import probe_image
from curation.tables import ENCODED, PULLED, from_rows

NUM_EDITED = 50


def images(size: int = 600) -> None:
    """Print false drops and recall by class."""
    _print_header()
    for name, draw in CLASSES.items():
        _print_row(name, [draw(HELD_OUT + number) for number in range(size)])


def real(*folders: str) -> None:
    """Print false drops and recall of the pictures under each folder."""
    _print_header()
    for folder in folders:
        paths = [path for path in sorted(Path(folder).rglob("*")) if path.suffix.lower() in (".jpg", ".jpeg", ".png")]
        _print_row(Path(folder).name[:10], [Image.open(path).convert("RGB") for path in paths])


def _print_header() -> None:
    edits = " ".join(f"{edit:>7}" for edit in EDITS)
    print(f"{'class':10} {'number':>7} {'64bit@10':>9} {'256bit@20':>9} {'verified':>9} | recall {edits}", flush=True)


def _print_row(name: str, pictures: list[Image.Image]) -> None:
    size = len(pictures)
    with tempfile.TemporaryDirectory() as folder:
        data = [png(picture) for picture in pictures]
        hashes = np.stack([_hash(item) for item in data])
        near = _nearest(near_pairs(hashes, NearDuplicateImages().bits))
        shares = [
            _share(_small_pairs(data), lambda *_: True, size),
            _share(near, lambda *_: True, size),
            _share(near, _looker(Path(folder), data), size),
        ]
        recalls = [_recall(Path(folder), pictures[:NUM_EDITED], edit) for edit in EDITS.values()]
    print(
        f"{name:10} {size:7} {' '.join(f'{share:9.1%}' for share in shares)} |        "
        f"{' '.join(f'{recall:7.0%}' for recall in recalls)}",
        flush=True,
    )


def numbers(size: int = 10_000) -> None:
    """Print how many of the questions that differ in numbers only are dropped."""
    choose = random.Random(HELD_OUT)
    asked: dict[str, str] = {}
    while len(asked) < size:
        a, b, c = (choose.randint(2, 999) for _ in range(3))
        asked[f"A shop sells {a} red and {b} blue pens and takes {c} back. How many pens are gone?"] = str(a + b - c)
    texts = [f"{question}\n{answer}" for question, answer in asked.items()]
    plain = [re.sub(r"[^\w\s]", " ", re.sub(r"\d+", "0", text.lower())) for text in texts]
    minima = minhash(*shingles(split_words(plain)), 112).reshape(size, 14, 8)
    seen: set[tuple[int, bytes]] = set()
    usual = 0
    for text in minima:
        bands = {(band, text[band].tobytes()) for band in range(14)}
        usual += bool(bands & seen)
        seen |= bands
    with tempfile.TemporaryDirectory() as folder:
        pulled, encoded = _write_texts(Path(folder), asked)
        ledger = run_over([load_filter("near_duplicate_text")], pulled, encoded, Path(folder))
    print(
        f"{size:,} questions that differ in numbers only: near_duplicate_text drops {len(ledger)}, usual rule {usual:,}"
    )


def _write_texts(folder: Path, asked: dict[str, str]) -> tuple[list[Path], list[Path]]:
    """Write questions and answers as pull and encode do."""
    rows = [
        {
            "sample_id": f"s0/f:{number}",
            "source": "s0",
            "kind": "text",
            "question_sha256": str(number),
            "answer_sha256": answer,
            "rank": 0.5,
            "conversation": json.dumps([["user", [question]], ["assistant", [answer]]]),
        }
        for number, (question, answer) in enumerate(asked.items())
    ]
    pq.write_table(from_rows(rows, PULLED), folder / "pulled.parquet")
    ids = [{"sample_id": row["sample_id"], "tokens": 40} for row in rows]
    pq.write_table(from_rows(ids, ENCODED), folder / "encoded.parquet")
    return [folder / "pulled.parquet"], [folder / "encoded.parquet"]


def _hash(data: bytes) -> np.ndarray:
    return np.frombuffer(phash256(probe_image(data).grey), np.uint8)


def _small_pairs(data: list[bytes]) -> list[tuple[int, int]]:
    """Return the pairs of the usual 64-bit hash (DCT of 32x32 pixels, 8x8 of it) within 10 bits, places from 1."""
    points = np.arange(32)
    cosines = np.cos(np.pi * (2 * points[None] + 1) * np.arange(8)[:, None] / 64)
    bits = []
    for item in data:
        grey = np.asarray(Image.fromarray(probe_image(item).grey).resize((32, 32), Image.Resampling.BOX), float)
        low = (cosines @ grey @ cosines.T).ravel()
        bits.append(low > np.median(low))
    apart = (np.stack(bits)[:, None] != np.stack(bits)[None]).sum(axis=2)
    return sorted((later + 1, earlier + 1) for earlier, later in np.argwhere(np.triu(apart <= 10, 1)).tolist())


def _share(pairs: list[tuple[int, int]], is_same: Callable[[int, int], bool], size: int) -> float:
    return len(decide(pairs, lambda place, other: 1.0 if is_same(place, other) else None)) / size


def _looker(folder: Path, data: list[bytes]) -> Callable[[int, int], bool]:
    greys: dict[int, np.ndarray] = {}

    def grey(index: int) -> np.ndarray:
        if index not in greys:
            greys[index] = _load(folder, data[index])
        return greys[index]

    return lambda place, other: local_difference(grey(place - 1), grey(other - 1)) <= NearDuplicateImages().difference


def _load(folder: Path, data: bytes) -> np.ndarray:
    path = folder / "picture"
    path.write_bytes(data)
    grey = load_grey(json.dumps({"path": str(path)}))
    assert grey is not None
    return grey


def _recall(folder: Path, pictures: list[Image.Image], edit: Callable[[Image.Image], bytes]) -> float:
    """Return the share of edited copies that the default settings find to be their originals'."""
    limits = NearDuplicateImages()
    found = 0
    for picture in pictures:
        one, other = png(picture), edit(picture)
        if np.bitwise_count(_hash(one) ^ _hash(other)).sum() <= limits.bits:
            found += local_difference(_load(folder, one), _load(folder, other)) <= limits.difference
    return found / len(pictures)


if __name__ == "__main__":
    if sys.argv[1] == "real":
        real(*sys.argv[2:])
    else:
        {"images": images, "numbers": numbers}[sys.argv[1]](*map(int, sys.argv[2:]))
