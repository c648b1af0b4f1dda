"""Rows per second of adapters beside the bare reader on the same file, interleaved; medians of the rounds.

Run: python benchmarks/sources.py [megabytes] [rounds]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curation.records import Location
from curation.sources import load_adapter

QUESTION = "What does the chart say about the year in which sales of the second product passed those of the first? " * 2
ANSWER = "The sales of the second product passed those of the first in 2014, and stayed above them until 2019. " * 3
DOCUMENT = "A page of an ordinary web document with a few words on each of its many lines.\n" * 40


def _llava_row(number: int) -> dict[str, Any]:
    turns = [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": ANSWER}] * 2
    return {"id": f"row-{number}", "conversations": turns}


def _write(folder: Path, num_bytes: int) -> None:
    talk, text = orjson.dumps(_llava_row(1)), orjson.dumps({"text": DOCUMENT, "id": "1", "score": 1.5})
    num_talks, num_texts = num_bytes // len(talk), num_bytes // len(text)
    (folder / "talks.jsonl").write_bytes(b"\n".join([talk] * num_talks))
    (folder / "talks.json").write_bytes(b"[" + b", ".join([talk] * num_talks) + b"]")
    (folder / "texts.jsonl").write_bytes(b"\n".join([text] * num_texts))
    pq.write_table(pa.table({"text": [DOCUMENT + str(n) for n in range(num_texts)]}), folder / "texts.parquet")
    image = bytes(range(256)) * 200
    rows = num_bytes // len(image)
    cells = [[{"bytes": image[n % 999 :], "path": None}] for n in range(rows)]
    texts = [[{"user": QUESTION, "assistant": ANSWER, "source": "x"}]] * rows
    pq.write_table(pa.table({"images": cells, "texts": texts}), folder / "pairs.parquet", row_group_size=200)


def _adapter(name: str, path: Path) -> Callable[[], int]:
    adapter, location = load_adapter(name), Location(uri=(str(path),))
    return lambda: sum(1 for task in adapter.tasks(location) for _ in adapter.samples(task))


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for line in file if orjson.loads(line))


def _list(path: Path) -> int:
    return len(orjson.loads(path.read_bytes()))


def _parquet(path: Path) -> int:
    return sum(len(batch.to_pylist()) for batch in pq.ParquetFile(path).iter_batches(batch_size=256))


def main() -> None:
    """Print one line per adapter: rows/s, bare rows/s, their ratio."""
    megabytes, rounds = (int(word) for word in (*sys.argv[1:], "50", "5")[:2])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder, megabytes << 20)
        cases: list[tuple[str, str, Callable[[Path], int]]] = [
            ("llava", "talks.jsonl", _lines),
            ("llava", "talks.json", _list),
            ("text", "texts.jsonl", _lines),
            ("text", "texts.parquet", _parquet),
            ("cauldron", "pairs.parquet", _parquet),
        ]
        for adapter, file, bare in cases:
            ours, theirs, rows = [], [], 0
            run = _adapter(adapter, folder / file)
            for _ in range(rounds):
                start = time.perf_counter()
                rows = run()
                middle = time.perf_counter()
                assert bare(folder / file) == rows
                ours.append(rows / (middle - start))
                theirs.append(rows / (time.perf_counter() - middle))
            ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
            print(
                f"{adapter:9} {file:14} {rows:7} rows  {statistics.median(ours):10,.0f} rows/s  "
                f"bare {statistics.median(theirs):10,.0f} rows/s  ratio {ratio:.2f}"
            )


if __name__ == "__main__":
    main()
