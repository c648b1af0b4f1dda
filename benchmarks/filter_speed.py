"""Time filters: `python -m benchmarks.filter_speed TABLE [SIZE]`; inputs come from seeds.

all            every table below
text           signatures of SIZE (2,000) texts, ours and datatrove's interleaved: texts a second of one core
signatures     SIZE (1,000,000) image hashes, a tenth with a near twin: seconds to find the pairs within 20 bits
contamination  10,000 benchmark items in SIZE (100,000) texts, 10,000 pictures in ten times as many image hashes
rows           SIZE (10,000,000) rows through exact_duplicates, cap and balance: seconds, peak memory
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.filter_texts import HELD_OUT
from benchmarks.rounds import interleave
from curation.filters import Filter, load_filter
from curation.filters.hamming import near_between, near_pairs
from curation.filters.near_duplicate_text import num_bands
from curation.filters.ngrams import build_index, find
from curation.filters.shingles import minhash, shingles, split_words
from curation.filters.stage import run_filters


def text(size: int = 2_000) -> None:
    """Print texts a second beside datatrove's, with its words split by spacy (its default) and by plain characters."""
    import xxhash
    from datatrove.pipeline.dedup import MinhashDedupSignature

    from curation.filters.plain_words import plain_words

    choose = random.Random(HELD_OUT)
    vocabulary = ["".join(choose.choices("abcdefghijklmnopqrstuvwxyz", k=choose.randint(2, 9))) for _ in range(5000)]
    texts = [" ".join(choose.choices(vocabulary, k=220)) for _ in range(size)]
    bands, rows = num_bands(0.8)

    def ours() -> int:
        for start in range(0, size, 75):
            minhash(*shingles(split_words(texts[start : start + 75])), bands * rows)
        return size

    def theirs(language: object) -> Callable[[], int]:
        step = MinhashDedupSignature(folder, language=language)
        step._hash_func = lambda words: xxhash.xxh64_intdigest(words.encode())  # its own passes str, which 4.0 refuses
        few = texts[:: max(size // 100, 1)]

        def run() -> int:
            for each in few:
                step.get_signature(step.get_shingles(each))
            return len(few)

        return run

    with tempfile.TemporaryDirectory() as folder:
        candidates = {"ours": ours, "datatrove with plain words": theirs(plain_words())}
        try:
            candidates["datatrove with spacy"] = theirs("eng")
        except ImportError:
            print("text signatures, datatrove with spacy: not measured, spacy is not installed")
        timings = interleave(candidates)
    for name, timing in timings.items():
        times = timings["ours"].cpu / timing.cpu
        print(
            f"text signatures, {name}: {timing.cpu:,.0f} texts/s of one core (220 words each); ours {times:.1f} times"
        )


def signatures(size: int = 1_000_000) -> None:
    """Print how long the pairs of image hashes take."""
    choose = np.random.default_rng(HELD_OUT)
    hashes = choose.integers(0, 256, (size, 32), dtype=np.uint8)
    twins = choose.choice(size, size // 10, replace=False)
    hashes[twins] = hashes[(twins + 1) % size]
    hashes[twins, choose.integers(0, 32, len(twins))] ^= np.uint8(7)
    for _ in range(3):
        start, start_cpu = time.perf_counter(), time.process_time()
        pairs = near_pairs(hashes, 20)
        seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
        print(
            f"{size:,} hashes: {seconds:.1f} s ({cpu:.1f} s of processors), {len(pairs.later):,} pairs within 20 bits"
        )


def contamination(size: int = 100_000) -> None:
    """Print how long a search for benchmark items takes, by words and by image hashes."""
    choose = random.Random(HELD_OUT)
    vocabulary = ["".join(choose.choices("abcdefghijklmnopqrstuvwxyz", k=choose.randint(2, 9))) for _ in range(5000)]
    items = [" ".join(choose.choices(vocabulary, k=40)) for _ in range(10_000)]
    texts = [" ".join(choose.choices(vocabulary, k=120)) for _ in range(size)]
    for number in range(0, size, 100):
        texts[number] = f"{texts[number]} {items[number % 10_000]}"
    index = build_index(items, 13)
    start = time.process_time()
    found = 0
    for first in range(0, size, 500):
        found += sum(share >= 0.5 for *_, share in find(index, split_words(texts[first : first + 500])))
    seconds = time.process_time() - start
    rate = size / seconds
    print(f"10,000 items in {size:,} texts: {rate:,.0f} texts/s of one core, {found:,} of {size // 100:,} found")
    hashes = np.random.default_rng(HELD_OUT).integers(0, 256, (10 * size, 32), dtype=np.uint8)
    known = hashes[:: len(hashes) // 10_000].copy()
    known[:, 3] ^= np.uint8(31)
    start = time.process_time()
    one, *_ = near_between(known, hashes, 31)
    seconds = time.process_time() - start
    print(f"10,000 pictures in {len(hashes):,} images: {seconds:.1f} s, {len(one):,} pairs within 31 bits")


def rows(size: int = 10_000_000) -> None:
    """Print seconds and memory of the table filters."""
    filters = [
        load_filter("exact_duplicates"),
        load_filter("cap", {"by": ["source"], "max": size // 50}),
        load_filter("balance", {"by": ["kind"], "alpha": 0.9}),
    ]
    with tempfile.TemporaryDirectory() as folder:
        pulled, encoded = _write_rows(Path(folder), size)
        start, start_cpu = time.perf_counter(), time.process_time()
        ledger = run_over(filters, pulled, encoded, Path(folder))
        seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{size:,} rows: {seconds:.1f} s ({cpu:.1f} s of processors), {memory:.2f} GB, {len(ledger):,} ledger rows")
    counts = ledger.group_by(["filter", "reason"]).aggregate([([], "count_all")]).sort_by("filter")
    for row in counts.to_pylist():
        print(f"  {row['filter']}: {row['count_all']:,} {row['reason']}")


def run_over(filters: Sequence[Filter], pulled: list[Path], encoded: list[Path], folder: Path) -> pa.Table:
    priorities = {f"s{number}": 0 for number in range(40)}
    return run_filters(
        filters, pulled=pulled, encoded=encoded, priorities=priorities, seed=1, memory_limit="3GB", spill=folder
    )


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
            select 's' || (i % 40) || '/part.parquet:' || i as sample_id, 's' || (i % 40) as source,
                   case when i % 7 = 0 then 'document' else 'image' end as kind,
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
    tables = {"text": text, "signatures": signatures, "contamination": contamination, "rows": rows}
    for name in tables if sys.argv[1] == "all" else sys.argv[1:2]:
        tables[name](*map(int, sys.argv[2:]))
