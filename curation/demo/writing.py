"""Write the demo's files so that the same rows give the same bytes: no clocks, no owners, fixed encoder settings."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """A row of The Cauldron and of Docmatix: encoded images and the (question, answer) pairs about them."""

    images: tuple[bytes, ...]
    questions: tuple[tuple[str, str], ...]
    source: str


def dice(seed: int, *names: object) -> Random:
    """Return a generator that depends on the seed and the names alone, so that rows do not depend on each other."""
    return Random("/".join(str(part) for part in (seed, *names)))


def write_image_rows(path: Path, rows: Sequence[ImageRow]) -> None:
    """Write Parquet with `images` list<struct<bytes, path>> and `texts` list<struct<user, assistant, source>>.

    The `datasets` features stand in the schema's metadata, as in the published files.
    """
    import pyarrow as pa

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    text = pa.struct([("user", pa.string()), ("assistant", pa.string()), ("source", pa.string())])
    string = {"dtype": "string", "_type": "Value"}
    features = {
        "images": {"feature": {"_type": "Image"}, "_type": "Sequence"},
        "texts": [{"user": string, "assistant": string, "source": string}],
    }
    schema = pa.schema(
        [("images", pa.list_(image)), ("texts", pa.list_(text))],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    cells = [
        {
            "images": [{"bytes": content, "path": None} for content in row.images],
            "texts": [{"user": user, "assistant": answer, "source": row.source} for user, answer in row.questions],
        }
        for row in rows
    ]
    write_parquet(path, cells, schema=schema)


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], *, schema: Any) -> None:
    """Write rows as Parquet in row groups of 100, as `datasets` does for images."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), path, row_group_size=100)


def write_json(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write one JSON list, as the LLaVA family publishes its annotations."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(rows), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSON lines; a name that ends in `.gz` is compressed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def write_tar_gz(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write a compressed tar whose members carry no owner and no time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    path.write_bytes(gzip.compress(plain.getvalue(), compresslevel=1, mtime=0))


def write_zip(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write a zip of stored members dated 1980, the zero of the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)
