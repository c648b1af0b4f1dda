"""Packing: how full the packs are and how fast they are found, beside what others do, interleaved in every round.

    python benchmarks/packing.py [--rounds 5] [--mixed 100000]

Document lengths come from real/lengths-documents under CURATION_REAL_DATA; without it lengths of the same make-up are
generated. TRL and binpacking run when they are installed; best-fit-decreasing, next-fit and nanoVLM's rule (its
balanced greedy knapsack over a buffer of 64 sequences) are restated here. The last two tables are the cost of the bands
and how even the tiles are.
"""

from __future__ import annotations

import csv
import gzip
import heapq
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from reporting import Report, arguments
from rounds import interleave

from curation.mixtures.completion import best_fit_decreasing, num_packs
from curation.mixtures.packing import pack

Ints = npt.NDArray[np.int32]
NANOVLM_SEQUENCES = 64
NANOVLM_SPARE = 5  # the delta that its dataset passes


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--mixed", type=int, default=100_000, help="how many mixed lengths")
    options = parser.parse_args()
    report = Report(path=options.json)
    name, documents, tiles = document_lengths()
    rng = np.random.default_rng(1)
    mixed = np.clip(rng.lognormal(np.log(900), 1.0, options.mixed), 1, 8192).astype(np.int32)
    long = np.clip(rng.lognormal(np.log(2000), 0.9, options.mixed), 1, 8192).astype(np.int32)
    compare(name, documents, 4096, report, rounds=options.rounds)
    compare("mixed lengths, median 900", mixed, 8192, report, rounds=options.rounds)
    compare("mixed lengths, median 2000", long, 8192, report, rounds=options.rounds)
    compare_bands({name: (documents, 4096), "mixed lengths, median 900": (mixed, 8192)})
    scenes, scene_tiles = scene_lengths(rng)
    compare_tiles({name: (documents, tiles, 4096, 16), "tiles of 64 tokens": (scenes, scene_tiles, 8192, 128)})


def document_lengths() -> tuple[str, Ints, Ints]:
    """Return a name, lengths and tiles of document samples, shuffled."""
    folder = Path(os.environ.get("CURATION_REAL_DATA") or Path(__file__).resolve().parents[2] / "shared")
    path = folder / "real" / "lengths-documents" / "lengths.csv.gz"
    rng = np.random.default_rng(0)
    if path.exists():
        with gzip.open(path, "rt") as file:
            rows = np.array([(row["tokens"], row["tiles"]) for row in csv.DictReader(file)], dtype=np.int32)
        rows = rows[rng.permutation(len(rows))]
        return "real document lengths", rows[:, 0].copy(), rows[:, 1].copy()
    tiles = rng.choice([1, 3, 5], 70_000, p=[0.09, 0.35, 0.56]).astype(np.int32)
    text = np.clip(rng.lognormal(np.log(60), 0.7, len(tiles)), 30, 1200)
    return "generated document lengths", (256 * tiles + text).astype(np.int32), tiles


def scene_lengths(rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return lengths and tiles of a mixture of text and images split into tiles of 64 tokens."""
    tiles = np.where(rng.random(60_000) < 0.4, 0, rng.choice([1, 5, 7, 10, 13, 17], 60_000)).astype(np.int32)
    text = np.where(tiles > 0, rng.lognormal(4.5, 0.8, len(tiles)), rng.lognormal(5.5, 0.8, len(tiles)))
    return (tiles * 64 + text.clip(5, 6000)).astype(np.int32), tiles


def compare(name: str, lengths: Ints, context: int, report: Report, *, rounds: int) -> None:
    """Report fill and samples per CPU-second of every packer on the same lengths."""
    packers: dict[str, Callable[[], int]] = {
        "ours": lambda: pack(lengths, context=context).num_packs,
        "best-fit-decreasing": lambda: decreasing(lengths, context),
        "next-fit": lambda: next_fit(lengths.tolist(), context),
        f"nanoVLM, {NANOVLM_SEQUENCES} sequences": lambda: nanovlm(lengths.tolist(), context),
        **installed(lengths, context, report),
    }
    packs = {packer: run() for packer, run in packers.items()}

    def timed(run: Callable[[], int]) -> Callable[[], int]:
        return lambda: (run(), len(lengths))[1]

    timings = interleave({packer: timed(run) for packer, run in packers.items()}, rounds=rounds)
    bound = -(-int(lengths.sum()) // context)
    title = f"{name}: {len(lengths)} samples, mean {lengths.mean():.0f}, context {context}"
    fills = [
        [packer, str(number), f"{100 * lengths.sum() / (number * context):.3f}"] for packer, number in packs.items()
    ]
    report.table(f"fill of {title}, at least {bound} packs", ["", "packs", "fill %"], fills)
    libraries = [packer for packer in packs if packer.startswith(("TRL", "binpacking", "nanoVLM"))]
    fullest = min(libraries, key=lambda packer: packs[packer])
    report.rates(f"packing {title}", timings, ours="ours", unit="samples", beside=fullest)


def compare_bands(sets: dict[str, tuple[Ints, int]]) -> None:
    """Print what it costs that every 1/2^k subset is a prefix of packs."""
    print(f"\n{'fill % without bands, with bands':44}{'without':>9}{'with':>9}{'cost':>9}{'bands':>7}")
    for name, (lengths, context) in sets.items():
        keys = (np.arange(len(lengths)) + 0.5) / len(lengths)
        whole, banded = pack(lengths, context=context), pack(lengths, context=context, order_keys=keys)
        fills = [100 * lengths.sum() / (found.num_packs * context) for found in (whole, banded)]
        print(f"{name:44}{fills[0]:9.3f}{fills[1]:9.3f}{fills[0] - fills[1]:9.3f}{len(banded.bands):7}")


def compare_tiles(sets: dict[str, tuple[Ints, Ints, int, int]]) -> None:
    """Print how even the tiles per pack are without and with max_tiles."""
    print(f"\n{'tiles per pack':28}{'max_tiles':>10}{'fill %':>9}{'median':>8}{'p99':>8}{'max':>6}{'p99/median':>12}")
    for name, (lengths, tiles, context, limit) in sets.items():
        for max_tiles in (None, limit):
            found = pack(lengths, context=context, tiles=tiles, max_tiles=max_tiles)
            loads = np.bincount(found.pack, weights=tiles)
            median, high = np.quantile(loads, (0.5, 0.99))
            fill = 100 * lengths.sum() / (found.num_packs * context)
            line = f"{fill:9.3f}{median:8.0f}{high:8.0f}{loads.max():6.0f}{high / median:12.3f}"
            print(f"{name:28}{max_tiles or '-':>10}{line}")


def decreasing(lengths: Ints, context: int) -> int:
    return num_packs(best_fit_decreasing(np.bincount(lengths, minlength=context + 1).tolist(), context))


def next_fit(lengths: list[int], context: int) -> int:
    packs, room = 0, 0
    for length in lengths:
        if length > room:
            packs, room = packs + 1, context
        room -= length
    return packs


def nanovlm(lengths: list[int], context: int) -> int:
    """Count the packs of nanoVLM's rule: buffer, sort, put each into the least loaded of the fewest bins + 5."""
    packs, start = 0, 0
    while start < len(lengths):
        end, tokens = start, 0
        while end < len(lengths) and tokens < NANOVLM_SEQUENCES * context:
            tokens += lengths[end]
            end += 1
        bins = [0] * (-(-tokens // context) + NANOVLM_SPARE)
        for length in sorted(lengths[start:end], reverse=True):
            if bins[0] + length <= context:
                heapq.heapreplace(bins, bins[0] + length)
            else:
                heapq.heappush(bins, length)
        packs += sum(1 for load in bins if load)
        start = end
    return packs


def installed(lengths: Ints, context: int, report: Report) -> dict[str, Callable[[], int]]:
    """Return the rivals that can be imported here. TRL's time includes copying the tokens into their packs."""
    found: dict[str, Callable[[], int]] = {}
    if find_spec("trl"):
        from datasets import Dataset, disable_progress_bars
        from trl import pack_dataset

        disable_progress_bars()
        rows = Dataset.from_dict({"input_ids": [np.zeros(length, np.int32) for length in lengths.tolist()]})
        found["TRL bfd"] = lambda: len(pack_dataset(rows, context, "bfd", {"load_from_cache_file": False}))
    else:
        report.missing("TRL", "not installed in this environment")
    if find_spec("binpacking"):
        import binpacking

        def windows() -> int:
            parts: list[Any] = [lengths[start : start + 1000].tolist() for start in range(0, len(lengths), 1000)]
            return sum(len(binpacking.to_constant_volume(part, context)) for part in parts)

        found["binpacking, 1000s"] = windows
    else:
        report.missing("binpacking", "not installed in this environment")
    return found


if __name__ == "__main__":
    main()
