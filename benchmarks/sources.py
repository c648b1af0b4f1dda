"""Rows per second of every adapter beside the bare reader on the same files, interleaved; medians of the rounds.

    python benchmarks/sources.py [NAME …] [--megabytes 50] [--rounds 3]
    python benchmarks/sources.py --json-list-gb 2

The contract test's fixtures, scaled (see source_files.py). The bare reader parses every row into a Python object and
drops it: orjson for lines and lists, pyarrow's `to_pylist` for Parquet, csv, zipfile and tarfile for theirs; ours gives
out samples, checked and with their media in place. Media inside rows are hashed (sha256) on both sides, as `pull`
does. The ratio is by CPU time; `asked` is what the project asks of it, `-` where rows name media, which the bare
reader does not look up, or where ours draws. With `--json-list-gb` one JSON list of that size is written and streamed
by the adapter llava in a process of its own, which tells its peak resident size.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from rounds import interleave
from source_files import VARIANTS, Scaled, scaled, unpacked
from variety import Variety

from curation.records import Address, Drop, Image, Location, Sample, Text, Video
from curation.sources import ADAPTERS, load_adapter
from curation.sources.jsonl import form_of

MediaPlace = Literal["none", "in rows", "named", "in the tar"]
ASKED: dict[MediaPlace, str] = {"named": "-", "in rows": "0.8", "in the tar": "0.5", "none": "0.5"}
ALONE = {"docmatix-pdf": "draws pages", "hub": "streams through `datasets`", "mathwriting-ink": "draws strokes"}
NOTES = {"pixmo_cap": "URLs, not fetched"}
LIST_MB = 300


def read_samples(source: Scaled) -> Iterator[Sample | Drop]:
    """Yield what the adapter makes of a source, its media hashed."""
    adapter = load_adapter(source.adapter)
    last = b""
    for task in adapter.tasks(source.location):
        for row in adapter.samples(task):
            if isinstance(row, Sample):
                for part in (part for turn in row.turns for part in turn.parts):
                    if not isinstance(part, Text) and isinstance(part.content, bytes) and part.content is not last:
                        last = part.content  # a video that several samples show is hashed once
                        hashlib.sha256(last).digest()
            yield row


def media_place(sample: Sample, source: Scaled) -> MediaPlace:
    """Say where the media of a sample are."""
    media = [part for turn in sample.turns for part in turn.parts if isinstance(part, Image | Video)]
    if any(not isinstance(part.content, bytes) for part in media):
        paths = {part.content.path for part in media if isinstance(part.content, Address)}
        return "in the tar" if paths and paths <= set(source.files) else "named"
    return "in rows" if media else "none"


def bare_rows(source: Scaled) -> int:
    """Read the same files with the bare readers; return the number of rows."""
    if not source.files:
        return _sidecars(Path(source.location.uri[0]))
    return sum(_file_rows(path) for path in source.files)


def _file_rows(path: str) -> int:
    if path.endswith(".parquet"):
        return _table_rows(path)
    if path.endswith(".csv"):
        with Path(path).open(newline="") as file:
            return sum(1 for _ in csv.DictReader(file))
    if path.endswith(".tar"):
        with tarfile.open(path) as archive:
            return sum(1 for one in archive if one.name.endswith("txt") and archive.extractfile(one).read())  # type: ignore[union-attr]
    if path.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            return sum(1 for name in archive.namelist() if orjson.loads(archive.read(name)))
    with Path(path).open("rb") as file:
        head = file.read(1 << 16)
        file.seek(0)
        if path.endswith((".gz", ".zst")):
            return sum(1 for line in io.BytesIO(unpacked(path)) if orjson.loads(line))
        if form_of(head, path) == "lines":
            return sum(1 for line in file if orjson.loads(line))
        value = orjson.loads(file.read())
        return len(value) if isinstance(value, list) else 1


def _table_rows(path: str) -> int:
    count = 0
    with pq.ParquetFile(path) as table:
        held = [field.name for field in table.schema_arrow if "binary" in str(field.type)]
        is_base64 = "image" in table.schema_arrow.names and table.schema_arrow.field("image").type == pa.string()
        for batch in table.iter_batches(batch_size=256):
            for row in batch.to_pylist():
                count += 1
                for name in held:
                    _hash(row[name])
                if is_base64:
                    hashlib.sha256(base64.b64decode(row["image"])).digest()
    return count


def _hash(cell: Any) -> None:
    for one in cell if isinstance(cell, list) else [cell]:
        data = one["bytes"] if isinstance(one, dict) else one
        if data is not None:
            hashlib.sha256(data).digest()


def _sidecars(folder: Path) -> int:
    texts = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names if name.endswith(".txt"))
    return sum(1 for path in texts if path.read_text())


def measure(name: str, *, megabytes: int, rounds: int) -> str:
    """Measure one adapter or variant; return its line."""
    with tempfile.TemporaryDirectory() as folder:
        source = scaled(name, Path(folder), megabytes << 20)
        places: set[MediaPlace] = set()
        drops: Counter[str] = Counter()
        for row in read_samples(source):
            if isinstance(row, Drop):
                drops[row.reason] += 1
            else:
                places.add(media_place(row, source))
        rows = bare_rows(source) if name not in ALONE else sum(1 for _ in read_samples(source))

        def ours() -> int:
            deque(read_samples(source), maxlen=0)
            return rows

        runs: dict[str, Callable[[], int]] = {"ours": ours}
        if name not in ALONE:
            runs["bare"] = lambda: bare_rows(source)
        timed = interleave(runs, rounds=rounds)
    asked = next((ASKED[place] for place in ASKED if place in places), "-") if name not in ALONE else "-"
    notes = [note for note in (ALONE.get(name), NOTES.get(name)) if note]
    notes += [f"{count:,} {reason}" for reason, count in drops.items()]
    bare = timed.get("bare")
    rate, ratio = (f"{bare.wall:,.0f}", f"{timed['ours'].cpu / bare.cpu:.2f}") if bare else ("", "")
    return f"{name:16} {rows:8,} {timed['ours'].wall:10,.0f} {rate:>10} {ratio:>6} {asked:>6}  {'; '.join(notes)}"


def stream_list(gigabytes: float) -> str:
    """Write a JSON list of rows of about 700 bytes and stream it in a process of its own; return what it took."""
    variety = Variety(40)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        size, number = 0, 0
        with path.open("wb") as file:
            while size < gigabytes * 1e9:
                turns = [{"from": "human", "value": variety.text()}, {"from": "gpt", "value": variety.text()}]
                row = orjson.dumps({"id": number, "conversations": turns})
                size += file.write((b", " if number else b"[") + row)
                number += 1
            file.write(b"]")
        command = [sys.executable, __file__, "--stream", str(path)]
        begun = time.monotonic()
        read, peak = map(int, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
        seconds = time.monotonic() - begun
    assert read == number, f"{read} of {number} rows came"
    return (
        f"JSON list of {size / 1e9:.2f} GB, {number:,} rows through llava: {number / seconds:,.0f} rows/s, "
        f"peak RSS {peak / 1e6:.0f} MB (asked < {LIST_MB})"
    )


def _stream(path: str) -> None:
    """Stream a list and print the rows and the peak resident bytes of this process."""
    adapter = load_adapter("llava")
    rows = (row for task in adapter.tasks(Location(uri=(path,))) for row in adapter.samples(task))
    count = sum(isinstance(row, Sample) for row in rows)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(count, int(peak.split()[1]) * 1024)


def main() -> None:
    """Print one line per adapter, or the line of the list."""
    known = sorted({*ADAPTERS, *VARIANTS})
    parser = argparse.ArgumentParser(description="Rows a second of adapters beside bare readers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"adapters or variants: {', '.join(VARIANTS)}")
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json-list-gb", type=float, help="stream one JSON list of this size instead")
    parser.add_argument("--stream", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := set(given.names) - set(known):
        parser.error(f"no adapter named {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    if given.stream:
        _stream(given.stream)
    elif given.json_list_gb:
        print(stream_list(given.json_list_gb))
    else:
        print(f"{'adapter':16} {'rows':>8} {'ours/s':>10} {'bare/s':>10} {'ratio':>6} {'asked':>6}")
        for name in given.names or known:
            print(measure(name, megabytes=given.megabytes, rounds=given.rounds), flush=True)


if __name__ == "__main__":
    main()
