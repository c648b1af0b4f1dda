"""A dataset that is prepared for Megatron Energon: the tars of `webdataset` and what `energon prepare` would add.

Beside each tar an index of offsets, and in `.nv-meta` the counts, one split, the index of all members and a dataset
description of class CrudeWebdataset, whose samples the training code cooks itself.
"""

from __future__ import annotations

import json
import sqlite3
import struct
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from curation.mixtures.export.webdataset import Tar, write_tars

if TYPE_CHECKING:
    from curation.reading import Packs

META = ".nv-meta"
_DATASET = "__module__: megatron.energon\n__class__: CrudeWebdataset\n"
_TABLES = """
CREATE TABLE samples (
    tar_file_id INTEGER NOT NULL,
    sample_key TEXT NOT NULL UNIQUE,
    sample_index INTEGER NOT NULL,
    byte_offset INTEGER,
    byte_size INTEGER
);
CREATE TABLE sample_parts (
    tar_file_id INTEGER,
    sample_index INTEGER,
    part_name TEXT,
    content_byte_offset INTEGER,
    content_byte_size INTEGER
);
"""
_INDEXES = """
CREATE INDEX idx_samples_by_tar_and_idx ON samples(tar_file_id, sample_index);
CREATE INDEX idx_sample_parts_seq ON sample_parts(tar_file_id, sample_index, content_byte_offset);
CREATE INDEX idx_sample_parts_full
    ON sample_parts(tar_file_id, sample_index, part_name, content_byte_offset, content_byte_size);
"""


def write(packs: Packs, folder: Path, shard_bytes: int) -> int:
    """Write tars, their indexes and `.nv-meta`; return how many samples."""
    tars = write_tars(packs, folder, shard_bytes)
    meta = folder / META
    meta.mkdir()
    for tar in tars:
        offsets = [begin for _, begin, _ in tar.samples] + [tar.end]
        (folder / tar.name).with_suffix(".tar.idx").write_bytes(struct.pack(f"<{len(offsets)}Q", *offsets))
    counts = {tar.name: len(tar.samples) for tar in tars}
    (meta / ".info.json").write_text(json.dumps({"energon_version": None, "shard_counts": counts}, indent=2) + "\n")
    split = {"split_parts": {"train": list(counts), "val": [], "test": []}, "exclude": []}
    (meta / "split.yaml").write_text(json.dumps(split, indent=2) + "\n")  # JSON is YAML
    (meta / "dataset.yaml").write_text(_DATASET)
    (meta / "index.uuid").write_text(str(uuid.UUID(packs.build.fingerprint[:32])))
    _write_index(meta / "index.sqlite", tars)
    return sum(counts.values())


def _write_index(path: Path, tars: list[Tar]) -> None:
    connection = sqlite3.connect(path)
    try:
        connection.executescript(_TABLES)
        for number, tar in enumerate(tars):
            ends = [begin for _, begin, _ in tar.samples[1:]] + [tar.end]
            connection.executemany(
                "INSERT INTO samples VALUES (?, ?, ?, ?, ?)",
                [
                    (number, key, index, begin, end - begin)
                    for index, ((key, begin, _), end) in enumerate(zip(tar.samples, ends, strict=True))
                ],
            )
            connection.executemany(
                "INSERT INTO sample_parts VALUES (?, ?, ?, ?, ?)",
                [
                    (number, index, part.name, part.offset, part.size)
                    for index, (_, _, parts) in enumerate(tar.samples)
                    for part in parts
                ],
            )
        connection.executescript(_INDEXES)
        connection.commit()
    finally:
        connection.close()
