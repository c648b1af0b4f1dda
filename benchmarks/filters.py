"""What filters drop and find: `python -m benchmarks.filters TABLE ...`; inputs are from seeds not used for tuning.

quality     [SIZE] [FOLDER ...]: all of the below in one table
images      [SIZE]: of each class of SIZE (600) distinct pictures the share that is wrongly dropped, and of 200 edited
            copies the share that is found: by a 64-bit hash at 10 bits (imagededup's default), by the 256-bit hash
            alone, and by near_duplicate_images, which looks at the pixels
real        FOLDER ...: the same for the pictures under the folders; those with equal pixels are not distinct
texts       [SIZE]: of SIZE (2,000) edited texts with a 5-gram Jaccard above 0.83 the share that is found; of SIZE other
            texts, and of 10,000 questions that differ in their numbers only, how many are dropped: by
            near_duplicate_text and by the usual rule (numbers become 0, signs go, 14 bands of 8 minima: datatrove's)
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.drawings import CLASSES, EDITS, png
from benchmarks.filter_texts import (
    HELD_OUT,
    dropped_as_usual,
    dropped_by_ours,
    edited_texts,
    numeric_questions,
)
from curation.filters.hamming import near_pairs
from curation.filters.matches import decide
from curation.filters.near_duplicate_images import NearDuplicateImages, _in_batches, _nearest
from curation.filters.pixels import load_grey, local_difference
from curation.hashing import phash256
from curation.media import probe_image

NUM_EDITED = 200
IMAGE_RULES = ("64-bit at 10", "256-bit at 20", "ours")
Find = Callable[[bytes, bytes], bool]


def quality(size: str = "600", *folders: str) -> None:
    """Print all tables."""
    images(size)
    real(*folders)
    texts()


def images(size: str = "600") -> None:
    """Print false drops and recall by class."""
    _print_header()
    for name, draw in CLASSES.items():
        _print_rows(name, [draw(HELD_OUT + number) for number in range(int(size))])


def real(*folders: str) -> None:
    """Print false drops and recall of the pictures under each folder."""
    if folders:
        _print_header()
    for folder in folders:
        paths = [path for path in sorted(Path(folder).rglob("*")) if path.suffix.lower() in (".jpg", ".jpeg", ".png")]
        _print_rows(Path(folder).name[:14], [_opened(path) for path in paths])


def texts(size: str = "2000") -> None:
    """Print recall and false drops of both rules for texts."""
    choose = random.Random(HELD_OUT)
    pairs, others = edited_texts(choose, int(size))
    asked = list(numeric_questions(choose, 10_000).items())
    print(f"\n{'texts':14} {'Jaccard > .83 found':>20} {'others dropped':>15} {'numeric questions dropped':>26}")
    for name, dropped in (("usual rule", dropped_as_usual), ("ours", dropped_by_ours)):
        gone = dropped([("", text) for pair in pairs for text in pair] + [("", text) for text in others])
        found = sum(place < 2 * len(pairs) and place % 2 == 1 for place in gone) / len(pairs)
        wrong = sum(place >= 2 * len(pairs) or place % 2 == 0 for place in gone)
        numbers = len(dropped(asked))
        print(f"{name:14} {found:20.2%} {wrong:8} of {len(others):,} {numbers:16,} of {len(asked):,}", flush=True)


def _print_header() -> None:
    edits = " ".join(f"{edit:>7}" for edit in EDITS)
    print(f"\n{'class':14} {'rule':13} {'pictures':>8} {'wrongly dropped':>16} | found {edits}", flush=True)


def _print_rows(name: str, pictures: list[Image.Image]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        look = _looker(Path(folder))
        data = [png(picture) for picture in pictures]
        edited = {edit: [make(picture) for picture in pictures[:NUM_EDITED]] for edit, make in EDITS.items()}
        near = near_pairs(np.stack([_hash(item) for item in data]), NearDuplicateImages().bits)
        candidates = list(_in_batches(_nearest(near)))
        dropped = (
            _dropped(_small_pairs(data), data, lambda *_: True),
            _dropped(candidates, data, lambda *_: True),
            _dropped(candidates, data, look),
        )
        finds: tuple[Find, ...] = (
            lambda one, other: int((_small_hash(one) != _small_hash(other)).sum()) <= 10,
            _is_near,
            lambda one, other: _is_near(one, other) and look(one, other),
        )
        for rule, share, find in zip(IMAGE_RULES, dropped, finds, strict=True):
            recalls = [np.mean([find(*pair) for pair in zip(data, copies, strict=False)]) for copies in edited.values()]
            found = " ".join(f"{recall:7.1%}" for recall in recalls)
            print(f"{name:14} {rule:13} {len(data):8} {share:16.2%} |       {found}", flush=True)


def _opened(path: Path) -> Image.Image:
    picture = Image.open(path)
    return picture.convert("RGBA" if "transparency" in picture.info else "RGB").convert("RGB")


def _hash(data: bytes) -> np.ndarray:
    return np.frombuffer(phash256(probe_image(data).grey), np.uint8)


def _is_near(one: bytes, other: bytes) -> bool:
    return bool(np.bitwise_count(_hash(one) ^ _hash(other)).sum() <= NearDuplicateImages().bits)


def _small_hash(data: bytes) -> np.ndarray:
    """Return the usual 64-bit hash: the 8x8 lowest frequencies of 32x32 pixels."""
    points = np.arange(32)
    cosines = np.cos(np.pi * (2 * points[None] + 1) * np.arange(8)[:, None] / 64)
    grey = np.asarray(Image.fromarray(probe_image(data).grey).resize((32, 32), Image.Resampling.BOX), float)
    low = (cosines @ grey @ cosines.T).ravel()
    return low > np.median(low)


def _small_pairs(data: list[bytes]) -> list[tuple[int, int]]:
    """Return the pairs whose 64-bit hashes are within 10 bits, places from 1."""
    bits = np.stack([_small_hash(item) for item in data])
    apart = (bits[:, None] != bits[None]).sum(axis=2)
    return sorted((later + 1, earlier + 1) for earlier, later in np.argwhere(np.triu(apart <= 10, 1)).tolist())


def _dropped(pairs: list[tuple[int, int]], data: list[bytes], is_same: Find) -> float:
    """Return the share that a rule drops though its pixels are not equal to those of what stays."""
    matches = decide(pairs, lambda place, other: 1.0 if is_same(data[place - 1], data[other - 1]) else None)
    return sum(data[match.place - 1] != data[match.other - 1] for match in matches) / len(data)


def _looker(folder: Path) -> Find:
    """Return what compares the pixels of two pictures as near_duplicate_images does."""
    limit = NearDuplicateImages().difference

    @lru_cache(2000)
    def grey(data: bytes) -> np.ndarray:
        path = folder / "picture"
        path.write_bytes(data)
        found = load_grey(json.dumps({"path": str(path)}))
        assert found is not None
        return found

    return lambda one, other: local_difference(grey(one), grey(other)) <= limit


if __name__ == "__main__":
    {"quality": quality, "images": images, "real": real, "texts": texts}[sys.argv[1]](*sys.argv[2:])
