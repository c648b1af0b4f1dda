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
import pyarrow as pa
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
from curation.filters.image_pairs import candidate_pairs, images_of, worth_opening
from curation.filters.matches import Match, decide
from curation.filters.near_duplicate_images import LOW_INK, NearDuplicateImages, _looked_at
from curation.hashing import phash256, thumbnail
from curation.images import probe_image
from curation.media import sha256

NUM_EDITED = 200
IMAGE_RULES = ("64-bit at 10", "256-bit at 20", "ours")
SIDES = ("left", "top", "right", "bottom")
MEASURED = pa.schema(
    [
        ("media_id", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("phash", pa.binary()),
        ("phash_trimmed", pa.binary()),
        ("thumbnail", pa.binary()),
        *((f"margin_{side}", pa.float32()) for side in SIDES),
    ]
)
Find = Callable[[list[bytes], list[bytes]], float]


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
        by_hash = list(zip((near.later + 1).tolist(), (near.earlier + 1).tolist(), strict=True))
        dropped = (
            _wrong(decide(_small_pairs(data), lambda *_: 1.0), data),
            _wrong(decide(by_hash, lambda *_: 1.0), data),
            _wrong(look(data), data),
        )
        finds: tuple[Find, ...] = (
            _small_found,
            _found,
            lambda data, copies: _later_found(look([*data, *copies]), data),
        )
        for rule, share, find in zip(IMAGE_RULES, dropped, finds, strict=True):
            recalls = [find(data[: len(copies)], copies) for copies in edited.values()]
            found = " ".join(f"{recall:7.1%}" for recall in recalls)
            print(f"{name:14} {rule:13} {len(data):8} {share:16.2%} |       {found}", flush=True)


def _later_found(matches: list[Match], data: list[bytes]) -> float:
    """Return the share of copies, whose places come after those of the originals, that a rule drops."""
    return sum(match.place > len(data) for match in matches) / len(data)


def _opened(path: Path) -> Image.Image:
    picture = Image.open(path)
    return picture.convert("RGBA" if "transparency" in picture.info else "RGB").convert("RGB")


def _hash(data: bytes) -> np.ndarray:
    return np.frombuffer(phash256(probe_image(data).grey), np.uint8)


def _found(data: list[bytes], copies: list[bytes]) -> float:
    """Return the share of copies within the bits of the filter."""
    bits = NearDuplicateImages().bits
    pairs = zip(data, copies, strict=True)
    return float(np.mean([np.bitwise_count(_hash(one) ^ _hash(other)).sum() <= bits for one, other in pairs]))


def _small_found(data: list[bytes], copies: list[bytes]) -> float:
    """Return the share of copies within 10 bits of the usual hash."""
    pairs = zip(data, copies, strict=True)
    return float(np.mean([(_small_hash(one) != _small_hash(other)).sum() <= 10 for one, other in pairs]))


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


def _wrong(matches: list[Match], data: list[bytes]) -> float:
    """Return the share that a rule drops though its pixels are not equal to those of what stays."""
    return sum(data[match.place - 1] != data[match.other - 1] for match in matches) / len(data)


@lru_cache(2000)
def _measured(data: bytes) -> dict[str, object]:
    """Return what pull measures of an image."""
    probe = probe_image(data)
    is_trimmed = probe.trimmed is not None and probe.ink >= LOW_INK
    margins = {f"margin_{side}": share for side, share in zip(SIDES, probe.margins, strict=True)}
    return {
        "media_id": sha256(data),
        "width": probe.width,
        "height": probe.height,
        "phash": phash256(probe.grey),
        "phash_trimmed": phash256(probe.trimmed) if is_trimmed and probe.trimmed is not None else None,
        "thumbnail": thumbnail(probe.grey),
        **margins,
    }


def _looker(folder: Path) -> Callable[[list[bytes]], list[Match]]:
    """Return what finds like pictures as near_duplicate_images does, from what pull measures to pixels."""
    rule = NearDuplicateImages()

    def find(data: list[bytes]) -> list[Match]:
        images = pa.Table.from_pylist([_measured(item) for item in data], schema=MEASURED)
        for item, media_id in zip(data, images["media_id"].to_pylist(), strict=True):
            if not (folder / media_id).exists():
                (folder / media_id).write_bytes(item)
        addresses = pa.chunked_array(
            [[json.dumps({"path": str(folder / name)}) for name in images["media_id"].to_pylist()]]
        )
        candidates = candidate_pairs(images, rule.bits)
        places = images_of(candidates)
        thumbnails = images.select(["media_id", "thumbnail"])
        chosen = images.take(pa.array(places))
        pairs = worth_opening(
            candidates, chosen, difference=rule.difference, thumbnails=thumbnails.to_reader, folder=folder
        )
        if len(data) > 2 * NUM_EDITED:
            print(f"{'':14} {len(candidates.later)} pairs of like hashes, {len(pairs.later)} worth opening")
        return decide(*_looked_at(pairs, places, addresses.take(pa.array(places)), rule.difference))

    return find


if __name__ == "__main__":
    {"quality": quality, "images": images, "real": real, "texts": texts}[sys.argv[1]](*sys.argv[2:])
