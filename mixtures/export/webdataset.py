"""Tar files as webdataset reads them: of each sample `KEY.json`, `KEY.input_ids.npy`, `KEY.labels.npy`, `KEY.000.jpg` …

The JSON tells sample_id, source, kind, pack, position, the tile grids and the images' names. Members carry no time and
no owner, so that the same samples give the same bytes.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from curation.mixtures.export.records import Ids, Record, records, suffix

if TYPE_CHECKING:
    from curation.reading import Packs


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A member of a tar: what follows the key's dot in its name, and where its bytes lie in the file."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tar:
    """A written tar: of each sample its key, the offset of its first header, and its parts; and where the last ends."""

    name: str
    samples: list[tuple[str, int, list[Part]]] = field(default_factory=list)
    end: int = 0


def write(packs: Packs, folder: Path, shard_bytes: int) -> int:
    """Write `shard-00000.tar` …; return how many samples."""
    return sum(len(tar.samples) for tar in write_tars(packs, folder, shard_bytes))


def write_tars(packs: Packs, folder: Path, shard_bytes: int) -> list[Tar]:
    """Write the tars and tell what lies where."""
    written: list[Tar] = []
    waiting: Record | None = None
    every = records(packs)
    while (record := waiting or next(every, None)) is not None:
        tar = Tar(name=f"shard-{len(written):05d}.tar")
        with tarfile.open(folder / tar.name, "w", format=tarfile.USTAR_FORMAT) as file:
            waiting = _fill(file, tar, record, every, shard_bytes)
            written.append(Tar(name=tar.name, samples=tar.samples, end=file.offset))
    return written


def _fill(
    file: tarfile.TarFile, tar: Tar, record: Record | None, every: Iterator[Record], shard_bytes: int
) -> Record | None:
    """Add samples until the tar is full; return the one that came too late."""
    while record is not None and (not tar.samples or file.offset < shard_bytes):
        begin = file.offset
        tar.samples.append((record.key, begin, [_add(file, record.key, name, data) for name, data in _parts(record)]))
        record = next(every, None)
    return record


def _add(file: tarfile.TarFile, key: str, name: str, data: bytes) -> Part:
    info = tarfile.TarInfo(f"{key}.{name}")
    info.size = len(data)
    offset = file.offset + tarfile.BLOCKSIZE
    file.addfile(info, io.BytesIO(data))
    return Part(name=name, offset=offset, size=len(data))


def _parts(record: Record) -> Iterator[tuple[str, bytes]]:
    yield "json", record.about().encode()
    yield "input_ids.npy", _npy(record.input_ids)
    yield "labels.npy", _npy(record.labels)
    for number, image in enumerate(record.images):
        yield f"{number:03d}.{suffix(image)}", image


def _npy(values: Ids) -> bytes:
    data = io.BytesIO()
    np.save(data, values)
    return data.getvalue()
