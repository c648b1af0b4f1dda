"""Rows per second of adapters beside the bare reader on the same file, interleaved; medians of the rounds.

    python benchmarks/sources.py [megabytes] [rounds]

Rows differ from each other (words of a vocabulary of 20,000, as rows of real sets do): a reader that meets the same
line again and again is served by caches. The bare reader parses every row into a Python object and drops it: orjson for
lines and lists, pyarrow's `to_pylist` for Parquet, tarfile for tars. Ours gives out samples, checked and with their
media in place. With images in the rows both sides take the sha256 of each, as `pull` does.
"""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from rounds import interleave

from curation.records import Image, Location, Sample
from curation.sources import load_adapter

IMAGE_BYTES = 50_000


def words(seed: int = 0) -> Callable[[int], str]:
    """Return a function that makes a text of so many words, each time another."""
    random = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    vocabulary = ["".join(random.choice(letters[:20], size)) for size in random.integers(2, 11, 20_000)]

    def text(count: int) -> str:
        return " ".join(vocabulary[index] for index in random.integers(0, len(vocabulary), count)) + "."

    return text


def talk_rows(num_bytes: int, text: Callable[[int], str]) -> Iterator[dict[str, Any]]:
    """Yield LLaVA-like rows of two questions and answers, about 1.2 kB each, until there are so many bytes."""
    size = number = 0
    while size < num_bytes:
        turns = [{"from": name, "value": text(40)} for name in ("human", "gpt", "human", "gpt")]
        row = {"id": f"row-{number}", "conversations": turns}
        size, number = size + len(orjson.dumps(row)), number + 1
        yield row


def write_files(folder: Path, num_bytes: int) -> None:
    """Write one file of each form, each of about `num_bytes`."""
    text = words()
    talks = [orjson.dumps(row) for row in talk_rows(num_bytes, text)]
    (folder / "talks.jsonl").write_bytes(b"\n".join(talks))
    (folder / "talks.json").write_bytes(b"[" + b", ".join(talks) + b"]")
    documents = [text(600) for _ in range(num_bytes // 4_000)]
    lines = (orjson.dumps({"text": text, "id": str(n), "score": n / 7}) for n, text in enumerate(documents))
    (folder / "texts.jsonl").write_bytes(b"\n".join(lines))
    pq.write_table(pa.table({"text": documents}), folder / "texts.parquet")
    captions = [text(60) for _ in range(num_bytes // 400)]
    table = "".join(f'https://example.org/{n}.jpg,"{caption}"\n' for n, caption in enumerate(captions))
    (folder / "captions.csv").write_text("image,caption\n" + table)
    random = np.random.default_rng(1)
    images = [random.bytes(IMAGE_BYTES) for _ in range(num_bytes // IMAGE_BYTES)]
    cells = [[{"bytes": image, "path": None}] for image in images]
    pairs = [[{"user": text(20), "assistant": text(60), "source": "x"}] for _ in images]
    pq.write_table(pa.table({"images": cells, "texts": pairs}), folder / "pairs.parquet", row_group_size=200)
    with tarfile.open(folder / "pairs.tar", "w") as archive:
        for number, image in enumerate(images):
            for ending, data in (("jpg", image), ("txt", captions[number].encode())):
                info = tarfile.TarInfo(f"{number:09d}.{ending}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))


def adapter_rows(name: str, path: Path, *, has_images: bool) -> Callable[[], int]:
    """Return a run of an adapter over a file, the images hashed."""
    adapter, location = load_adapter(name), Location(uri=(str(path),))

    def run() -> int:
        count = 0
        for task in adapter.tasks(location):
            for row in adapter.samples(task):
                assert isinstance(row, Sample), row
                count += 1
                if has_images:
                    _hash_images(row)
        return count

    return run


def _hash_images(sample: Sample) -> None:
    for turn in sample.turns:
        for part in turn.parts:
            if isinstance(part, Image) and isinstance(part.content, bytes):
                hashlib.sha256(part.content).digest()


def lines(path: Path) -> int:
    """Parse JSON lines."""
    with path.open("rb") as file:
        return sum(1 for line in file if orjson.loads(line))


def one_list(path: Path) -> int:
    """Parse one JSON list, whole."""
    return len(orjson.loads(path.read_bytes()))


def table_rows(path: Path) -> int:
    """Read Parquet rows as Python objects."""
    return sum(len(batch.to_pylist()) for batch in pq.ParquetFile(path).iter_batches(batch_size=256))


def csv_rows(path: Path) -> int:
    """Read CSV rows as dicts."""
    import csv

    with path.open(newline="") as file:
        return sum(1 for _ in csv.DictReader(file))


def hashed_rows(path: Path) -> int:
    """Read Parquet rows and hash their images."""
    count = 0
    for batch in pq.ParquetFile(path).iter_batches(batch_size=256):
        for row in batch.to_pylist():
            count += 1
            for image in row["images"]:
                hashlib.sha256(image["bytes"]).digest()
    return count


def tar_rows(path: Path) -> int:
    """Read a tar's members, the texts whole, the images not at all."""
    with tarfile.open(path) as archive:
        return sum(1 for member in archive if member.name.endswith("txt") and archive.extractfile(member).read())  # type: ignore[union-attr]


CASES: tuple[tuple[str, str, Callable[[Path], int], float], ...] = (
    ("llava", "talks.jsonl", lines, 0.5),
    ("llava", "talks.json", one_list, 0.5),
    ("text", "texts.jsonl", lines, 0.5),
    ("text", "texts.parquet", table_rows, 0.5),
    ("captions", "captions.csv", csv_rows, 0.5),
    ("cauldron", "pairs.parquet", hashed_rows, 0.8),
    ("webdataset", "pairs.tar", tar_rows, 0.5),
)


def main() -> None:
    """Print one line per adapter: rows/s, bare rows/s, their ratio, and the ratio that is asked for."""
    megabytes, rounds = (int(word) for word in (*sys.argv[1:], "50", "5")[:2])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, megabytes << 20)
        for adapter, file, bare, asked in CASES:
            path = folder / file
            runs = {
                "ours": adapter_rows(adapter, path, has_images=bare is hashed_rows),
                "bare": lambda bare=bare, path=path: bare(path),
            }
            found = interleave(runs, rounds=rounds)
            print(
                f"{adapter:10} {file:14} {runs['bare']():7} rows  ours {found['ours'].wall:9,.0f} rows/s  "
                f"bare {found['bare'].wall:9,.0f} rows/s  ratio {found['ours'].cpu / found['bare'].cpu:.2f} (CPU), "
                f"{found['ours'].wall / found['bare'].wall:.2f} (wall), asked {asked}"
            )


if __name__ == "__main__":
    main()
