"""Read packs in shuffled order and resume: ours beside MDS, webdataset and Hugging Face, where importable.

    python benchmarks/loader.py [--samples 6000] [--rounds 5] [--index-packs 1000000]
    .bench/streaming/bin/python benchmarks/loader.py          with webdataset, streaming and litdata

Samples are 39 kB JPEGs with about 1,230 tokens, 6 in a pack. Tokens come as arrays and images as bytes, nothing is
decoded; `tokens` leaves the images unread. Rivals shuffle samples: `random` by index, `buffer` through one of 1,000.
All must give the same tokens before they are timed. Ours opens everything anew each round. One process; rounds are
interleaved.

Resume is the time from a state to the first batch, in the middle of an epoch of a build whose index is repeated until
it has --index-packs packs; opening the build and its index is stated apart.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torchvision_free
from drawn_build import write_builds
from readers import Part, Reader, counters, litdata_reader
from reporting import Report, arguments
from rounds import Run, interleave, summarise

from curation.builds import Build, open_build
from curation.mixtures.export import export
from curation.training import PackLoader

BUFFER = 1000


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--samples", type=int, default=6000)
    parser.add_argument("--index-packs", type=int, default=1_000_000)
    options = parser.parse_args()
    report = Report(path=options.json)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        builds = write_builds(folder, options.samples)
        readers = ours(builds) | theirs(folder, builds)
        report.rates(
            f"read {options.samples} samples in shuffled order",
            interleave(counters(readers), rounds=options.rounds),
            ours="ours, arrow, tokens and images",
            unit="samples",
            why="hands out single rows, chunk by chunk; ours packs in a random order over all shards, with positions, "
            "bounds, tile grids and names, each length checked against the index",
        )
        measure_resume(builds["arrow"], folder / "large", report, num_packs=options.index_packs, rounds=options.rounds)


def ours(builds: dict[str, Build]) -> dict[str, Reader]:
    seeds = iter(range(10**9))

    def read(build: Build, *, with_images: bool) -> Iterator[Part]:
        for (pack,) in PackLoader(build, 1, seed=next(seeds)):
            assert not with_images or all(pack["images"].encoded())
            yield len(pack["sample_ids"]), pack["input_ids"], pack["labels"]

    return {
        f"ours, {form}, {what}": lambda build=build, what=what: read(build, with_images=what != "tokens")
        for form, build in builds.items()
        for what in ("tokens", "tokens and images")
    }


def theirs(folder: Path, builds: dict[str, Build]) -> dict[str, Reader]:
    packs = builds["arrow"].packs()
    for to in ("webdataset", "mds"):
        export(packs, to, folder / "exports" / to, shard_bytes=64_000_000)

    def plain(rows: Any) -> Any:
        import datasets

        return rows.cast_column("images", datasets.List(datasets.Image(decode=False))).with_format("numpy")

    def stream() -> Iterator[Part]:
        import datasets

        files = str(folder / "parquet" / "shards" / "*.parquet")
        rows = plain(datasets.load_dataset("parquet", data_files=files, split="train", streaming=True))
        shuffled = rows.shuffle(seed=1, buffer_size=BUFFER)
        return ((1, row["input_ids"], row["labels"]) for row in shuffled if row["images"][0]["bytes"])

    def mapped() -> Iterator[Part]:
        import datasets

        datasets.disable_progress_bars()
        files = str(folder / "arrow" / "shards" / "*.arrow")
        cache = str(folder / "datasets")  # made before rounds are timed, mapped into memory afterwards
        rows = plain(datasets.load_dataset("arrow", data_files=files, split="train", cache_dir=cache))
        order = np.random.default_rng().permutation(len(rows)).tolist()
        found = map(rows.__getitem__, order)
        return ((1, row["input_ids"], row["labels"]) for row in found if row["images"][0]["bytes"])

    def tars() -> Iterator[Part]:
        import webdataset

        urls = [str(path) for path in sorted((folder / "exports" / "webdataset").glob("*.tar"))]
        rows = webdataset.WebDataset(urls, shardshuffle=100).shuffle(BUFFER)
        decoded = rows.decode(only=["input_ids.npy", "labels.npy"])
        return ((1, row["input_ids.npy"], row["labels.npy"]) for row in decoded if row["000.jpg"])

    def mds() -> Iterator[Part]:
        from streaming import LocalDataset

        rows = LocalDataset(str(folder / "exports" / "mds"))
        order = np.random.default_rng().permutation(len(rows)).tolist()
        found = map(rows.__getitem__, order)
        return ((1, row["input_ids"], row["labels"]) for row in found if len(row["images"]))

    readers: dict[str, Reader] = {
        "datasets streaming (buffer), our parquet": stream,
        "datasets map-style (random), our arrow": mapped,
    }
    if find_spec("webdataset"):
        readers["webdataset (buffer)"] = tars
    if find_spec("streaming"):
        torchvision_free.prepare()
        readers["streaming LocalDataset (random)"] = mds
    if find_spec("litdata"):
        readers["litdata StreamingDataset (in chunks)"] = litdata_reader(
            folder / "exports" / "litdata", builds["arrow"], is_shuffled=True
        )
    return readers


def measure_resume(build: Build, folder: Path, report: Report, *, num_packs: int, rounds: int) -> None:
    """Report opening a build with a large index, and going on from a state; beside `datasets` within this build."""
    large = with_large_index(build, folder, num_packs=num_packs)
    runs: dict[str, list[Run]] = {"ours": [], "ours, opening the index before that": []}
    for number in range(rounds):
        run, loader = timed(lambda: PackLoader(large, 4, rank=1, world_size=8, seed=17))
        runs["ours, opening the index before that"].append(run)
        state = json.dumps(loader.state_dict() | {"epoch": 3, "position": num_packs // 2 + number})

        def go_on(loader: PackLoader = loader, state: str = state) -> Any:
            loader.load_state_dict(json.loads(state))
            return next(iter(loader))

        runs["ours"].append(timed(go_on)[0])
    for read, name in ((datasets_state(build), "datasets streaming, half of this build alone"),):
        runs[name] = [timed(read)[0] for _ in range(rounds)]
    title = f"resume: from a state to the first batch, half-way through {num_packs:,} packs"
    report.seconds(title, {name: summarise(found) for name, found in runs.items()}, ours="ours")


def datasets_state(build: Build) -> Callable[[], Any]:
    """Return what goes on from a state of `datasets`, half-way through a build's shards, to the next row."""
    import datasets

    files = [str(path) for path in sorted((build.folder.parent / "parquet" / "shards").glob("*.parquet"))]

    def rows() -> Any:
        return datasets.load_dataset("parquet", data_files=files, split="train", streaming=True)

    begun = rows()
    half = len(build.packs()) * 3
    for _ in zip(range(half), begun, strict=False):
        pass
    state = begun.state_dict()
    fresh = rows()

    def go_on() -> Any:
        fresh.load_state_dict(state)
        return next(iter(fresh))

    return go_on


def timed(run: Callable[[], Any]) -> tuple[Run, Any]:
    """Measure one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    return Run(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu, peak=0, items=1), result


def with_large_index(build: Build, folder: Path, *, num_packs: int) -> Build:
    """Copy a build's index with its packs repeated under new numbers; the shards stay where they are."""
    shutil.copytree(build.folder, folder, ignore=shutil.ignore_patterns("shards"))
    (folder / "shards").symlink_to(build.folder / "shards")
    (path,) = sorted((folder / "index" / "packs").iterdir())
    table = pq.read_table(path)
    pack = table["pack"].to_numpy()
    size = int(pack[-1]) + 1
    times = -(-num_packs // size)
    repeated = pa.concat_tables([table] * times)
    numbers = np.concatenate([pack + size * turn for turn in range(times)])
    whole = repeated.set_column(0, repeated.schema.field("pack"), pa.array(numbers)).filter(
        pa.array(numbers < num_packs)
    )
    pq.write_table(whole, path, compression="zstd")
    return open_build(folder)


if __name__ == "__main__":
    main()
