"""What reads the samples of a build front to back: ours, and the rivals that can be imported here."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from curation.builds import Build
from curation.mixtures.export import export

Part = tuple[int, Any, Any]  # samples, their input_ids, their labels
Reader = Callable[[], Iterator[Part]]


def stored_rows(build: Build) -> Iterator[dict[str, Any]]:
    """Yield the rows of a build of one image a sample, in pack order."""
    packs = build.packs()
    for number, pack in enumerate(packs):
        bounds = pack["cu_seqlens"].tolist()
        for position, sample_id in enumerate(pack["sample_ids"]):
            span = slice(*bounds[position : position + 2])
            content = packs.content(number, position)
            yield {
                "sample_id": sample_id,
                "input_ids": pack["input_ids"][span],
                "labels": pack["labels"][span],
                "images": [{"bytes": content.images[0], "path": content.names[0]}],
                "tiles": [dict(zip(("rows", "cols"), pack["tiles"][position].tolist(), strict=True))],
                "kind": content.kind,
                "source": content.source,
            }


def our_readers(builds: dict[str, Build]) -> dict[str, Reader]:
    def read(build: Build) -> Iterator[Part]:
        for pack in build.packs():
            assert all(pack["images"].encoded())
            yield len(pack["sample_ids"]), pack["input_ids"], pack["labels"]

    return {f"ours, {form}": lambda build=build: read(build) for form, build in builds.items()}


def their_readers(folder: Path, builds: dict[str, Build]) -> dict[str, Reader]:
    packs = builds["arrow"].packs()
    for to in ("webdataset", "mds"):
        export(packs, to, folder / "exports" / to)

    def hugging_face() -> Iterator[Part]:
        import datasets

        files = str(folder / "parquet" / "shards" / "*.parquet")
        rows = datasets.load_dataset("parquet", data_files=files, split="train", streaming=True)
        plain = rows.cast_column("images", datasets.List(datasets.Image(decode=False))).with_format("numpy")
        return ((1, row["input_ids"], row["labels"]) for row in plain if row["images"][0]["bytes"])

    def tars() -> Iterator[Part]:
        import webdataset

        urls = [str(path) for path in sorted((folder / "exports" / "webdataset").glob("*.tar"))]
        rows = webdataset.WebDataset(urls, shardshuffle=False).decode(only=["input_ids.npy", "labels.npy"])
        return ((1, row["input_ids.npy"], row["labels.npy"]) for row in rows if row["000.jpg"])

    def mds() -> Iterator[Part]:
        from streaming import LocalDataset

        rows = LocalDataset(str(folder / "exports" / "mds"))
        return ((1, row["input_ids"], row["labels"]) for row in rows if len(row["images"]))

    found: dict[str, Reader] = {"datasets streaming, our parquet": hugging_face}
    if find_spec("webdataset"):
        found["webdataset"] = tars
    if find_spec("streaming"):
        found["streaming LocalDataset"] = mds
    if find_spec("litdata"):
        found["litdata StreamingDataset"] = litdata_reader(folder / "exports" / "litdata", builds["arrow"])
    return found


def litdata_reader(folder: Path, build: Build, *, is_shuffled: bool = False) -> Reader:
    """Write a build's rows with litdata's own writer and return its reader."""
    from litdata.streaming import StreamingDataset
    from litdata.streaming.writer import BinaryWriter

    fresh(folder)
    writer = BinaryWriter(str(folder), chunk_bytes="64MB")
    number = -1
    for number, row in enumerate(stored_rows(build)):
        writer[number] = {"ids": row["input_ids"], "labels": row["labels"], "image": row["images"][0]["bytes"]}
    writer.done()
    writer.merge()

    def read() -> Iterator[Part]:
        for row in StreamingDataset(str(folder), shuffle=is_shuffled):
            assert bytes(row["image"])  # it hands out a view; the others hand out bytes
            yield 1, row["ids"], row["labels"]

    return read


def totals(read: Reader) -> tuple[int, int, int]:
    """Return how many samples a reader gives, the sum of their ids and that of their labels."""
    parts = [
        (count, int(np.sum(ids, dtype=np.int64)), int(np.sum(labels, dtype=np.int64))) for count, ids, labels in read()
    ]
    count, ids, labels = map(sum, zip(*parts, strict=True))
    return count, ids, labels


def counters(readers: Mapping[str, Reader]) -> dict[str, Callable[[], int]]:
    """Check that all readers give the same, and return functions that read all and count samples."""
    found = {name: totals(read) for name, read in readers.items()}
    assert len(set(found.values())) == 1, f"readers differ: {found}"
    return {name: lambda read=read: sum(count for count, _, _ in read()) for name, read in readers.items()}


def fresh(folder: Path) -> Path:
    """Make a folder anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
