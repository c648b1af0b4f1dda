"""Write shards and read them front to back: ours beside webdataset, MDS and Hugging Face, where importable.

    python benchmarks/shards.py [--samples 3000] [--rounds 5]
    .bench/streaming/bin/python benchmarks/shards.py          with webdataset, mosaicml-streaming and litdata

Samples are 39 kB JPEGs with about 1,230 tokens and labels. Writers are given the same rows in memory; `in a build` is
what a build's worker does for them: read each image from its file, check its sha256, expand the tokens, write, hash the
shard and flush it to disk. Readers give tokens as arrays and images as bytes; nothing is decoded. They must give
the same tokens before they are timed. One process; rounds are interleaved.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torchvision_free
from drawn_build import write_builds
from readers import counters, fresh, our_readers, stored_rows, their_readers
from reporting import Report, arguments
from rounds import interleave

from curation.mixtures.layout import image_layout
from curation.mixtures.profile import load_profile
from curation.mixtures.shard_file import write_rows
from curation.mixtures.shards import ShardTask, write_shard
from curation.mixtures.tokenizer import load_tokenizer


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--samples", type=int, default=3000)
    options = parser.parse_args()
    report = Report(path=options.json)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        builds = write_builds(folder, options.samples)
        rows = list(stored_rows(builds["arrow"]))
        writers = our_writers(folder, rows) | their_writers(folder / "theirs", rows)
        size = np.mean([len(row["images"][0]["bytes"]) for row in rows]) / 1000
        ids = np.mean([len(row["input_ids"]) for row in rows])
        report.rates(
            f"write {len(rows)} samples of {size:.0f} kB and {ids:.0f} ids",
            interleave(writers, rounds=options.rounds),
            ours="ours, parquet",
            unit="samples",
            why="appends bytes to a file of its own format; ours are columns with statistics, which any Parquet reader "
            "opens (`ours, arrow` leaves the encoding out)",
        )
        readers = our_readers(builds) | their_readers(folder, builds)
        report.rates(
            "read all, front to back",
            interleave(counters(readers), rounds=options.rounds),
            ours="ours, parquet",
            unit="samples",
            why="maps its own format into memory, as `ours, arrow` does; Parquet is decoded, and ours gives packs that "
            "are checked against the index",
        )


def our_writers(folder: Path, rows: list[dict[str, Any]]) -> dict[str, Callable[[], int]]:
    encoded = sorted((folder / "workspace" / "encode").glob("*/*.arrow"))
    counts = [_num_rows(path) for path in encoded]
    profile = load_profile("smolvlm2-256m")
    layout = image_layout(profile, load_tokenizer("bytes", profile), tiles="learned")

    def write(form: str) -> int:
        task = ShardTask(
            path=folder / f"written.{form}",
            format=form,
            images="original",
            fit=profile.longest_edge,
            encoded=tuple(encoded),
            file=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
            row=np.concatenate([np.arange(count, dtype=np.int32) for count in counts]),
            layout=layout,
            cache=folder,
        )
        return int(write_shard(task)["rows"])

    def write_only(form: str) -> int:
        write_rows(folder / f"rows.{form}", form, iter(rows))
        return len(rows)

    return {
        "ours, parquet": lambda: write_only("parquet"),
        "ours, arrow": lambda: write_only("arrow"),
        "ours, parquet, in a build": lambda: write("parquet"),
        "ours, arrow, in a build": lambda: write("arrow"),
    }


def _num_rows(path: Path) -> int:
    with pa.memory_map(str(path)) as file:
        return int(pa.ipc.open_file(file).read_all().num_rows)


def their_writers(folder: Path, rows: list[dict[str, Any]]) -> dict[str, Callable[[], int]]:
    def hugging_face() -> int:
        import datasets

        datasets.disable_progress_bars()
        numbers = datasets.List(datasets.Value("int32"))
        features = datasets.Features({"input_ids": numbers, "labels": numbers, "image": datasets.Image()})
        encoded = [{**pick(row), "image": row["images"][0]} for row in rows]
        datasets.Dataset.from_list(encoded, features=features).to_parquet(fresh(folder) / "a.parquet")
        return len(rows)

    def pick(row: dict[str, Any]) -> dict[str, Any]:
        return {"input_ids": row["input_ids"], "labels": row["labels"]}

    def tars() -> int:
        import webdataset

        with webdataset.TarWriter(str(fresh(folder) / "a.tar")) as file:
            for number, row in enumerate(rows):
                file.write(
                    {
                        "__key__": f"{number:09d}",
                        "ids.npy": row["input_ids"],
                        "labels.npy": row["labels"],
                        "jpg": row["images"][0]["bytes"],
                    }
                )
        return len(rows)

    def mds() -> int:
        from streaming import MDSWriter

        columns = {"input_ids": "ndarray:int32", "labels": "ndarray:int32", "image": "bytes"}
        with MDSWriter(out=str(fresh(folder)), columns=columns, size_limit=1 << 28, hashes=["sha1"]) as file:
            for row in rows:
                file.write({**pick(row), "image": row["images"][0]["bytes"]})
        return len(rows)

    def litdata() -> int:
        from litdata.streaming.writer import BinaryWriter

        writer = BinaryWriter(str(fresh(folder)), chunk_bytes="256MB")
        for number, row in enumerate(rows):
            writer[number] = {**pick(row), "image": row["images"][0]["bytes"]}
        writer.done()
        return len(rows)

    found: dict[str, Callable[[], int]] = {"datasets to_parquet": hugging_face}
    if find_spec("litdata"):
        found["litdata BinaryWriter"] = litdata
    if find_spec("webdataset"):
        found["webdataset TarWriter"] = tars
    if find_spec("streaming"):
        torchvision_free.prepare()
        found["streaming MDSWriter"] = mds
    return found


if __name__ == "__main__":
    main()
