"""Read packs in shuffled order and resume: ours beside MDS, webdataset and Hugging Face, where importable.

    python benchmarks/loader.py [--samples 6000] [--rounds 5] [--index-packs 1000000]
    .bench/streaming/bin/python benchmarks/loader.py          with webdataset and mosaicml-streaming

Samples are 39 kB JPEGs with about 1,230 tokens, 6 in a pack. Tokens come as arrays and images as bytes, nothing is
decoded; `tokens` leaves the images unread. Rivals shuffle samples: MDS by index, webdataset and streaming `datasets`
through a buffer of 1,000. Ours opens everything anew each round. One process; rounds are interleaved.

Resume is the time from a state to the first batch, in the middle of an epoch of a build whose index is repeated until
it has --index-packs packs; opening the build and its index is stated apart.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torchvision_free
from drawn_build import write_builds
from rounds import interleave, print_table

from curation.builds import Build, open_build
from curation.mixtures.export import export
from curation.training import PackLoader

BUFFER = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--index-packs", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        builds = write_builds(folder, options.samples)
        candidates = ours(builds) | theirs(folder, builds)
        print_table(
            f"{options.samples} samples in shuffled order",
            interleave(candidates, rounds=options.rounds),
            ours="ours, arrow, tokens",
            unit="samples",
        )
        measure_resume(builds["arrow"], folder / "large", num_packs=options.index_packs, rounds=options.rounds)


def ours(builds: dict[str, Build]) -> dict[str, Callable[[], int]]:
    seeds = iter(range(10**9))

    def read(build: Build, *, with_images: bool) -> int:
        count = 0
        for (pack,) in PackLoader(build, 1, seed=next(seeds)):
            count += len(pack["sample_ids"])
            if with_images:
                assert all(pack["images"].encoded())
        return count

    return {
        f"ours, {form}, {what}": lambda build=build, what=what: read(build, with_images=what != "tokens")
        for form, build in builds.items()
        for what in ("tokens", "tokens and images")
    }


def theirs(folder: Path, builds: dict[str, Build]) -> dict[str, Callable[[], int]]:
    packs = builds["arrow"].packs()
    for to in ("webdataset", "mds"):
        export(packs, to, folder / "exports" / to, shard_bytes=64_000_000)

    def hugging_face() -> int:
        import datasets

        files = str(folder / "parquet" / "shards" / "*.parquet")
        rows = datasets.load_dataset("parquet", data_files=files, split="train", streaming=True)
        plain = rows.cast_column("images", datasets.List(datasets.Image(decode=False))).with_format("numpy")
        shuffled = plain.shuffle(seed=1, buffer_size=BUFFER)
        return counted((row["input_ids"], row["labels"], row["images"]) for row in shuffled)

    def tars() -> int:
        import webdataset

        urls = [str(path) for path in sorted((folder / "exports" / "webdataset").glob("*.tar"))]
        rows = webdataset.WebDataset(urls, shardshuffle=100).shuffle(BUFFER).decode(only=["npy"])
        return counted((row["input_ids.npy"], row["labels.npy"], row["000.jpg"]) for row in rows)

    def mds() -> int:
        from streaming import LocalDataset

        rows = LocalDataset(str(folder / "exports" / "mds"))
        order = np.random.default_rng().permutation(len(rows)).tolist()
        return counted((row["input_ids"], row["labels"], row["images"]) for row in map(rows.__getitem__, order))

    found: dict[str, Callable[[], int]] = {"datasets streaming, our parquet": hugging_face}
    if find_spec("webdataset"):
        found["webdataset"] = tars
    if find_spec("streaming"):
        torchvision_free.prepare()
        found["streaming LocalDataset"] = mds
    return found


def counted(rows: Iterable[tuple[Any, Any, Any]]) -> int:
    return sum(len(ids) == len(labels) and bool(len(images)) for ids, labels, images in rows)


def measure_resume(build: Build, folder: Path, *, num_packs: int, rounds: int) -> None:
    """Print the medians of opening a build with a large index, and of going on from a state."""
    large = with_large_index(build, folder, num_packs=num_packs)
    opened, resumed = [], []
    for number in range(rounds):
        begin = time.perf_counter()
        loader = PackLoader(large, 4, rank=1, world_size=8, seed=17)
        opened.append(time.perf_counter() - begin)
        state = loader.state_dict() | {"epoch": 3, "position": num_packs // 2 + number}
        begin = time.perf_counter()
        loader.load_state_dict(json.loads(json.dumps(state)))
        next(iter(loader))
        resumed.append(time.perf_counter() - begin)
    print(f"\nresume in an epoch of {num_packs:,} packs, {len(json.dumps(state))} bytes of state, {rounds} rounds")
    print(f"  from a state to the first batch   {statistics.median(resumed) * 1000:8.1f} ms")
    print(f"  opening the index before that     {statistics.median(opened) * 1000:8.1f} ms")


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
