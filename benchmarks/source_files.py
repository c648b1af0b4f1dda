"""Scale the contract test's fixtures: the same layouts with rows enough to be measured, and media that are shared.

Rows are repeated until all files of rows together have the size asked for. Each is given texts of its own, words from
a vocabulary of 20,000 put in behind the text's first word, so that marks of notations and placeholders stay where they
are, and an id of its own. Images in cells are lengthened to 50 kB and videos to 500 kB by bytes that differ: adapters
read no more than their heads. Annotations that stand in a file each are copied to at most 3,000 files.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from variety import Variety

from curation.records import Location
from curation.sources import load_adapter
from curation.sources.jsonl import form_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the fixtures are the tests' own
from tests.sources.layouts import location, talk, write_lines, write_list
from tests.sources.parquet_columns import write_parquet
from tests.sources.test_contract import FIXTURES

MAX_FILES = 3_000
LONG_TEXTS = ("dclm", "dolma", "finemath", "fineweb_edu", "infimm_webmath", "openthoughts", "text", "the_stack")
Fixture = Callable[[Path], Location]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """A source to measure: its adapter, where it is, and the files that hold its rows (none: sidecars in folders)."""

    adapter: str
    location: Location
    files: tuple[str, ...]


def scaled(name: str, folder: Path, num_bytes: int) -> Scaled:
    """Write the fixture of an adapter or a variant (see VARIANTS) and scale its files of rows in their places."""
    adapter, fixture = VARIANTS.get(name) or (name, FIXTURES[name])
    location = replace(fixture(folder), cache=str(folder / "cache"))
    variety = Variety(600 if adapter in LONG_TEXTS else 40)
    read = {path: _read(path) for path in row_files(adapter, location)}
    if not read:
        _copy_media(folder, variety)
    weight = sum(sum(_weight(variety.row(row, 0)) for row in rows) / len(rows) for rows, _ in read.values())
    for path, (rows, form) in read.items():
        is_pdf = "pdf" in rows[0]
        most = 40 if is_pdf else MAX_FILES // len(read) if form == "object" else num_bytes
        count = min(most, int(num_bytes / weight))
        _write(path, (variety.row(rows[n % len(rows)], n) for n in range(count)), form)
    return Scaled(adapter=adapter, location=location, files=row_files(adapter, location))


def row_files(adapter: str, location: Location) -> tuple[str, ...]:
    """Return the files that an adapter reads rows of, in order."""
    module = load_adapter(adapter)
    paths = [task.path for task in module.tasks(location)]
    paths += getattr(module, "further_files", lambda _: [])(location)
    if adapter == "hub":
        paths = [str(path) for path in sorted(Path(location.uri[0]).rglob("*.parquet"))]
    return tuple(dict.fromkeys(path for path in paths if Path(path).is_file() and not path.endswith(".tgz")))


def _weight(value: Any) -> int:
    if isinstance(value, dict):
        return sum(len(key) + 4 + _weight(one) for key, one in value.items())
    if isinstance(value, list):
        return sum(map(_weight, value))
    return len(value) if isinstance(value, str | bytes) else 4


def unpacked(path: str) -> bytes:
    """Return the bytes of a file, without the packing its name tells of."""
    data = Path(path).read_bytes()
    if path.endswith(".zst"):
        import zstandard

        with zstandard.ZstdDecompressor().stream_reader(data) as stream:
            return stream.read()
    return gzip.decompress(data) if path.endswith(".gz") else data


def _read(path: str) -> tuple[list[Any], Any]:
    """Return a file's rows and its form, which for Parquet is its schema."""
    if path.endswith(".parquet"):
        table = pq.read_table(path)
        return table.to_pylist(), table.schema
    if path.endswith(".csv"):
        with Path(path).open(newline="") as file:
            return list(csv.DictReader(file)), "csv"
    if path.endswith(".tar"):
        with tarfile.open(path) as tar:
            data = {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]
        pairs = zip(*[iter(data.items())] * 2, strict=True)
        return [{name.partition(".")[2]: _decoded(name, one) for name, one in pair} for pair in pairs], "tar"
    if path.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            return [orjson.loads(archive.read(name)) for name in archive.namelist()], "zip"
    data = unpacked(path)
    form: str = form_of(data, path)
    if form == "lines":
        return [orjson.loads(line) for line in data.splitlines()], form
    value = orjson.loads(data)
    return (value, "indented" if data.startswith(b"[\n") else form) if isinstance(value, list) else ([value], form)


def _decoded(name: str, data: bytes) -> str | bytes:
    return data.decode() if name.endswith(".txt") else data


def _write(path: str, rows: Iterator[Any], form: Any) -> None:
    if isinstance(form, pa.Schema):
        _write_parquet(path, rows, form)
    elif form == "csv":
        _write_csv(path, rows)
    elif form == "tar":
        _write_tar(path, rows)
    elif form == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for number, row in enumerate(rows):
                archive.writestr(f"{number:06d}_caption.json", orjson.dumps(row))
    elif form == "object":
        for number, row in enumerate(rows):
            file = Path(path)
            file.with_stem(f"{file.stem}-{number:05d}" if number else file.stem).write_bytes(orjson.dumps(row))
    else:
        option = orjson.OPT_INDENT_2 if form == "indented" else None
        lines = (orjson.dumps(row, option=option) for row in rows)
        _pack(path, b"\n".join(lines) + b"\n" if form == "lines" else b"[\n" + b",\n".join(lines) + b"\n]")


def _pack(path: str, data: bytes) -> None:
    if path.endswith(".zst"):
        import zstandard

        data = zstandard.compress(data)
    Path(path).write_bytes(gzip.compress(data, 1) if path.endswith(".gz") else data)


def _write_parquet(path: str, rows: Iterator[Any], schema: pa.Schema) -> None:
    """Write row groups of 200 rows, or of 1,000 where none holds media."""
    size = 200 if "binary" in str(schema.types) else 1_000
    with pq.ParquetWriter(path, schema) as writer:
        while batch := list(islice(rows, size)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))


def _write_csv(path: str, rows: Iterator[Any]) -> None:
    with Path(path).open("w", newline="") as file:
        first = next(rows)
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)


def _write_tar(path: str, rows: Iterator[Any]) -> None:
    with tarfile.open(path, "w") as tar:
        for number, row in enumerate(rows):
            for ending, value in row.items():
                data = value.encode() if isinstance(value, str) else value
                info = tarfile.TarInfo(f"{number:09d}.{ending}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def _copy_media(folder: Path, variety: Variety) -> None:
    """Give a folder without files of rows MAX_FILES media, links to its first, and texts of their own beside them."""
    first = min(path for path in folder.rglob("*") if path.suffix in (".png", ".inkml"))
    for number in range(MAX_FILES if first.suffix == ".png" else 300):
        new = first.with_name(f"copy-{number:05d}{first.suffix}")
        os.link(first, new)
        if first.suffix == ".png":
            new.with_suffix(".txt").write_text(variety.text())


def _talks(folder: Path) -> Location:
    rows = [{"id": n, "conversations": talk("What is it?", "It is red.") * 2} for n in range(30)]
    write_lines(folder / "a.jsonl", rows)
    write_list(folder / "b.json", rows)
    return location(folder)


def _chats(folder: Path) -> Location:
    parts = [{"type": "text", "text": "What is it?"}]
    row = {"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": "It is red."}]}
    return location(write_lines(folder / "a.jsonl", [row] * 30))


def _pdf(folder: Path) -> Location:
    from PIL import Image

    page = io.BytesIO()
    Image.new("RGB", (1240, 1754), "white").save(page, "PDF", resolution=150)
    texts = [[{"user": "What is it?", "assistant": "It is white.", "source": "drawn"}]]
    write_parquet(folder / "train-00000.parquet", pdf=[page.getvalue()], texts=texts)
    return location(folder)


def _below(adapter: str, inner: str) -> Fixture:
    return lambda folder: replace(FIXTURES[adapter](folder), uri=(str(folder / inner),))


VARIANTS: dict[str, tuple[str, Fixture]] = {
    "chat-text": ("chat", _chats),
    "docmatix-pdf": ("docmatix", _pdf),
    "llava-text": ("llava", _talks),
    "mathwriting": ("mathwriting", _below("mathwriting", "data")),
    "mathwriting-ink": ("mathwriting", _below("mathwriting", "mathwriting-2024")),
}
