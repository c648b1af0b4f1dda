"""Peak memory of a build when its input grows tenfold.

    python benchmarks/memory.py [rows]

Builds a mixture of pictures in Parquet cells and text documents, then one ten times as large, and prints the largest
resident size of the driver and of a worker, sampled from /proc while the build runs.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

MANIFEST = """
version: 1
profile: smolvlm2-256m
tokenizer: bytes
sources:
  pages: {adapter: cauldron, uri: pages.parquet}
  notes: {adapter: text, uri: notes.jsonl}
filters: [exact_duplicates]
over_length: drop
"""


def write_input(folder: Path, rows: int) -> int:
    """Write `rows` pictures of about 40 kB and 20 x `rows` documents; return the bytes."""
    folder.mkdir()
    schema = pa.schema(
        [
            ("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))),
            (
                "texts",
                pa.list_(pa.struct([("user", pa.string()), ("assistant", pa.string()), ("source", pa.string())])),
            ),
        ]
    )
    with pq.ParquetWriter(folder / "pages.parquet", schema) as file:
        for start in range(0, rows, 100):
            batch = [_page(number) for number in range(start, min(start + 100, rows))]
            file.write_table(pa.Table.from_pylist(batch, schema=schema))
    with (folder / "notes.jsonl").open("w") as notes:
        for number in range(20 * rows):
            text = f"Note {number}. " + "The tide turned and the boats came in with what they had. " * (1 + number % 30)
            notes.write(json.dumps({"text": text, "id": number}) + "\n")
    (folder / "manifest.yaml").write_text(MANIFEST)
    return sum(path.stat().st_size for path in folder.iterdir())


def _page(number: int) -> dict[str, object]:
    noise = np.random.default_rng(number).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    output = io.BytesIO()
    Image.fromarray(noise).resize((512, 384)).save(output, "JPEG", quality=85)
    texts = [{"user": f"Which page is {number}?", "assistant": f"Page {number}.", "source": "drawn"}]
    return {"images": [{"bytes": output.getvalue(), "path": None}], "texts": texts}


def peak_of_build(folder: Path) -> tuple[int, int, float]:
    """Build and return the peak resident bytes of the driver and of its largest worker, and the seconds it took."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "curation", "build", "manifest.yaml", "-o", "out", "--workers", "2"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    driver = worker = 0
    while process.poll() is None:
        driver = max(driver, _resident(process.pid))
        worker = max([worker, *(_resident(pid) for pid in _children(process.pid))])
        time.sleep(0.05)
    assert process.returncode == 0, f"the build ended with {process.returncode}"
    return driver, worker, time.monotonic() - begun


def _resident(pid: int) -> int:
    """Return the resident bytes that are the process's own: files mapped into memory are the page cache's."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"{'pictures':>10} {'documents':>10} {'input':>10} {'driver':>10} {'worker':>10} {'seconds':>8}")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        for size in (rows, 10 * rows):
            folder = Path(name) / str(size)
            num_bytes = write_input(folder, size)
            driver, worker, seconds = peak_of_build(folder)
            cells = [f"{value / 1e6:,.0f} MB" for value in (num_bytes, driver, worker)]
            print(f"{size:>10,} {20 * size:>10,} {cells[0]:>10} {cells[1]:>10} {cells[2]:>10} {seconds:>8.1f}")


if __name__ == "__main__":
    main()
