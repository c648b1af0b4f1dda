"""Measure filters: `python -m benchmarks.filters images|text|rows [SIZE]`, one table each; inputs come from seeds.

images  per class of SIZE (200) distinct pictures: share wrongly dropped by a 64-bit hash at 10 bits (a usual default),
        by the 256-bit hash alone, and with the pixels looked at; share of edited copies that are found
text    signatures a second of one core over SIZE (20,000) texts, and near_duplicate_text's recall by true similarity
rows    SIZE (1,000,000) rows through where, exact_duplicates, cap and balance: seconds, peak memory
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
from PIL import Image

from benchmarks.drawings import CLASSES, EDITS, png
from curation.filters import load_filter
from curation.filters.hamming import near_pairs
from curation.filters.matches import decide
from curation.filters.near_duplicate_images import NearDuplicateImages, _nearest
from curation.filters.near_duplicate_text import num_bands
from curation.filters.pixels import load_grey, local_difference
from curation.filters.shingles import jaccard, minhash, shingles, split_words
from curation.filters.stage import run_filters
from curation.hashing import phash256
from curation.media import probe_image


def images(size: int = 200) -> None:
    """Print false drops and recall by class."""
    print(
        f"{'class':10} {'64bit@10':>9} {'256bit@20':>9} {'verified':>9} | recall {' '.join(f'{e:>7}' for e in EDITS)}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, draw in CLASSES.items():
            pictures = [draw(seed) for seed in range(size)]
            data = [png(picture) for picture in pictures]
            hashes = np.stack([_hash(item) for item in data])
            shares = [_share(_small_pairs(data), lambda *_: True, size)]
            shares.append(_share(_nearest(near_pairs(hashes, 20)), lambda *_: True, size))
            look = _looker(Path(folder), data)
            shares.append(_share(_nearest(near_pairs(hashes, 20)), look, size))
            recalls = [_recall(Path(folder), pictures[:50], edit) for edit in EDITS.values()]
            print(
                f"{name:10} {' '.join(f'{share:9.1%}' for share in shares)} |        "
                f"{' '.join(f'{recall:7.0%}' for recall in recalls)}",
                flush=True,
            )


def text(size: int = 20_000) -> None:
    """Print signatures a second and recall by similarity."""
    choose = random.Random(1)
    vocabulary = ["".join(choose.choices("abcdefghijklmnopqrstuvwxyz", k=choose.randint(2, 9))) for _ in range(5000)]
    texts = [" ".join(choose.choices(vocabulary, k=220)) for _ in range(size)]
    bands, rows = num_bands(0.8)
    start = time.process_time()
    for first in range(0, size, 300):
        minhash(*shingles(split_words(texts[first : first + 300])), bands * rows)
    seconds = time.process_time() - start
    print(f"signatures: {size / seconds:,.0f} texts/s of one core ({sum(map(len, texts)) / 1e6 / seconds:.0f} MB/s)")
    found: dict[str, list[bool]] = {}
    for words in (text.split() for text in texts[:2000]):
        copy = list(words)
        for _ in range(choose.randint(1, 12)):
            copy[choose.randrange(len(copy))] = choose.choice(vocabulary)
        hashes, bounds = shingles(split_words([" ".join(words), " ".join(copy)]))
        true = jaccard(np.unique(hashes[: bounds[1]]), np.unique(hashes[bounds[1] :]))
        minima = minhash(hashes, bounds, bands * rows).reshape(2, bands, rows)
        label = next(
            name for low, name in ((0.9, ">=.9"), (0.83, ".83-.9"), (0.8, ".8-.83"), (0, "<.8")) if true >= low
        )
        found.setdefault(label, []).append(true >= 0.8 and bool((minima[0] == minima[1]).all(axis=1).any()))
    for label in sorted(found):
        print(f"jaccard {label:7} dropped {np.mean(found[label]):7.2%} of {len(found[label])}")


def rows(size: int = 1_000_000) -> None:
    """Print seconds and memory of the table filters."""
    with tempfile.TemporaryDirectory() as folder:
        pulled, encoded = _write_rows(Path(folder), size)
        filters = [
            load_filter("where", "text_chars > 55"),
            load_filter("exact_duplicates"),
            load_filter("cap", {"by": ["source"], "max": size // 50}),
            load_filter("balance", {"by": ["source"], "alpha": 0.9}),
        ]
        start = time.perf_counter()
        ledger = run_filters(
            filters,
            pulled=pulled,
            encoded=encoded,
            priorities={f"s{number}": 0 for number in range(40)},
            seed=1,
            memory_limit="3GB",
            spill=Path(folder),
        )
        seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{size:,} rows: {seconds:.1f} s, {memory:.2f} GB at most, {len(ledger):,} ledger rows")
    print(
        ledger.group_by(["filter", "reason"]).aggregate([([], "count_all")]).sort_by("filter").to_pandas().to_string()
    )


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


def _write_rows(folder: Path, size: int) -> tuple[list[Path], list[Path]]:
    """Write rows as pull and encode do, a tenth of them with a twin, in files of 500,000."""
    pulled: list[Path] = []
    encoded: list[Path] = []
    connection = duckdb.connect()
    for start in range(0, size, 500_000):
        stop = min(start + 500_000, size)
        pulled.append(folder / f"pulled-{start}.parquet")
        encoded.append(folder / f"encoded-{start}.parquet")
        connection.execute(f"""copy (
            select 's' || (i % 40) || '/part.parquet:' || i as sample_id, 's' || (i % 40) as source, 'image' as kind,
                   'part.parquet:' || i as row_key, null::varchar as row_id, 2 as turns, 1 as images, 0 as videos,
                   null::double as video_seconds, 50 + i % 900 as text_chars, sha256('a' || twin) as answer_sha256,
                   sha256('q' || twin) as question_sha256, sha256('m' || (twin // 3)) as media_sha256,
                   hash(i) / 18446744073709551616.0 as rank, 'mit' as license, null::varchar as columns,
                   '[]' as conversation, null::int[] as media
            from (select i, i - i % 20 // 18 as twin from range({start}, {stop}) t(i))
            ) to '{pulled[-1]}' (format parquet)""")
        connection.execute(f"""copy (
            select sample_id, source, kind, 0 as frames, text_chars // 4 as text_tokens, 64 as image_tokens,
                   10 as loss_tokens, 64 + text_chars // 4 as tokens, null::int[] as media from '{pulled[-1]}'
            ) to '{encoded[-1]}' (format parquet)""")
    return pulled, encoded


if __name__ == "__main__":
    {"images": images, "text": text, "rows": rows}[sys.argv[1]](*map(int, sys.argv[2:]))
