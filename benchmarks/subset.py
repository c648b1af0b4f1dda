"""Cut a subset of a large build: an index of generated samples, the time of `subset`.

    python benchmarks/subset.py [--samples 1000000] [--fraction 1/8] [--rounds 5]

The build has four sources, a medium for three quarters of its samples, a ledger and packs; its shards are empty files,
as a subset borrows them unread.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa

from curation.builds import SCHEMA_VERSION, open_build
from curation.mixtures.index import settings_text, write_parts, write_rows
from curation.mixtures.subset import Chosen, Recipe, cut
from curation.subset import subset
from curation.tables import LEDGER, MEDIA, MIXTURE, PACKS, SAMPLES, SHARDS, SOURCES

SOURCE_NAMES = ("docs", "pictures", "scenes", "texts")
CONTEXT = 8192
SHARD_ROWS = 4000
BATCH = 50_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--fraction", default="1/8")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        build = write_build(Path(name) / "build", options.samples)
        size = sum(path.stat().st_size for path in (build / "index").rglob("*.parquet"))
        print(f"{options.samples:,} samples, index of {size / 1e6:,.0f} MB")
        seconds = []
        for number in range(options.rounds):
            begun = time.perf_counter()
            made = subset(open_build(build), Path(name) / f"part-{number}", fraction=Fraction(options.fraction))
            seconds.append(time.perf_counter() - begun)
        samples, packs = made.sql("select count(distinct sample_id), max(pack) + 1 from packs").row(0)
        print(f"subset --fraction {options.fraction}: {samples:,} samples, {packs:,} packs")
        print(f"median {statistics.median(seconds):.2f} s, {min(seconds):.2f} to {max(seconds):.2f}")


def write_build(folder: Path, size: int) -> Path:
    """Write the index of a build with `size` selected samples; return its folder."""
    generator = np.random.default_rng(0)
    source = np.sort(generator.integers(0, len(SOURCE_NAMES), size))
    tokens = np.minimum(generator.lognormal(6.3, 1.0, size).astype(np.int64) + 30, CONTEXT)
    image_tokens = np.where(source == 3, 0, tokens // 2 // 64 * 64)
    chosen = Chosen(
        sources=SOURCE_NAMES,
        source=source,
        rank=generator.random(size),
        repeats=np.ones(size, dtype=np.int32),
        tokens=tokens,
        tiles=image_tokens // 64,
    )
    made = cut(chosen, Recipe(origin="", counts=chosen.counts()), context=CONTEXT)
    row = np.empty(size, dtype=np.int64)
    row[made.sample] = np.arange(size)
    index = folder / "index"
    ids = pa.array([f"{SOURCE_NAMES[number]}/rows-{at:07d}.parquet:{at}" for at, number in enumerate(source.tolist())])
    write_parts(index / "samples", SAMPLES, _samples(ids, chosen, image_tokens, row))
    write_parts(index / "media", MEDIA, _media(ids.filter(pa.array(source != 3))))
    write_parts(index / "ledger", LEDGER, _ledger(ids))
    packs = {"pack": made.pack, "position": made.position, "sample_id": ids.take(pa.array(made.sample))}
    packs |= {"repeat": made.repeat, "offset": made.offset, "length": tokens[made.sample]}
    packs |= {"shard": np.arange(size) // SHARD_ROWS, "shard_row": np.arange(size) % SHARD_ROWS}
    write_parts(index / "packs", PACKS, [pa.table(packs).cast(PACKS)])
    counts = chosen.counts()
    rows = [{"source": name, "adapter": "hub", "uri": name, "kind": "image"} for name in SOURCE_NAMES]
    read = [{"rows_read": counts[name], "samples": counts[name], "selected": counts[name]} for name in SOURCE_NAMES]
    write_rows(
        index / "sources.parquet", [a | b | {"rows_unreadable": 0} for a, b in zip(rows, read, strict=True)], SOURCES
    )
    nodes = [{"path": name, "source": name, "unit": "tokens", "asked_share": 0.25} for name in SOURCE_NAMES]
    write_rows(index / "mixture.parquet", nodes, MIXTURE)
    _write_shards(folder, tokens[made.sample])
    files = {path.relative_to(folder).as_posix(): _sha256(path) for path in sorted(folder.rglob("*.parquet"))}
    (folder / "manifest.yaml").write_text("version: 1\n")
    settings = {"profile": "smolvlm2-256m", "tokenizer": "bytes", "packing": {"context": CONTEXT}}
    description = {"schema_version": SCHEMA_VERSION, "fingerprint": "0" * 64, "settings": settings, "base": []}
    (folder / "build.json").write_bytes(settings_text({**description, "files": files}))
    return folder


def _samples(ids: pa.Array, chosen: Chosen, image_tokens: np.ndarray, row: np.ndarray) -> Iterator[pa.Table]:
    names = pa.array(SOURCE_NAMES)
    for start in range(0, len(ids), BATCH):
        own = slice(start, min(start + BATCH, len(ids)))
        size = own.stop - own.start
        columns: dict[str, object] = {name: pa.nulls(size, SAMPLES.field(name).type) for name in SAMPLES.names}
        source = chosen.source[own]
        columns |= {
            "sample_id": ids[start : own.stop],
            "source": names.take(pa.array(source)),
            "rank": chosen.rank[own],
        }
        columns |= {"kind": pa.array(["image"] * size), "turns": np.full(size, 2), "images": source != 3}
        columns |= {"videos": np.zeros(size, np.int32), "frames": np.zeros(size, np.int32)}
        columns |= {"row_key": pa.array([text.partition("/")[2] for text in ids[start : own.stop].to_pylist()])}
        columns |= {name: _digests(name, own) for name in ("answer_sha256", "question_sha256", "media_sha256")}
        columns |= {"tokens": chosen.tokens[own], "image_tokens": image_tokens[own]}
        columns |= {"text_tokens": chosen.tokens[own] - image_tokens[own], "loss_tokens": chosen.tokens[own] // 4}
        columns |= {"text_chars": chosen.tokens[own] * 4, "license": pa.array(["mit"] * size)}
        columns |= {"selected": np.ones(size, bool), "repeats": chosen.repeats[own]}
        columns |= {"shard": row[own] // SHARD_ROWS, "shard_row": row[own] % SHARD_ROWS}
        arrays = {
            name: pa.array(values) if isinstance(values, np.ndarray) else values for name, values in columns.items()
        }
        yield pa.table([arrays[name].cast(SAMPLES.field(name).type) for name in SAMPLES.names], schema=SAMPLES)


def _media(ids: pa.Array) -> Iterator[pa.Table]:
    for start in range(0, len(ids), BATCH):
        own = slice(start, min(start + BATCH, len(ids)))
        size = own.stop - own.start
        columns = {name: pa.nulls(size, MEDIA.field(name).type) for name in MEDIA.names}
        columns |= {"sample_id": ids[start : own.stop], "position": pa.array(np.zeros(size, np.int32))}
        columns |= {"media_id": _digests("media", own), "phash": _digests("phash", own)}
        columns |= {"type": pa.array(["image"] * size), "mime": pa.array(["image/jpeg"] * size)}
        columns |= {"uri": pa.array([f"data/images/{text}.jpg" for text in ids[start : own.stop].to_pylist()])}
        columns |= {name: pa.array(np.arange(own.start, own.stop) % 1000 + 9) for name in ("bytes", "width", "height")}
        yield pa.table([columns[name].cast(MEDIA.field(name).type) for name in MEDIA.names], schema=MEDIA)


def _ledger(ids: pa.Array) -> Iterator[pa.Table]:
    flagged = ids.take(pa.array(np.arange(0, len(ids), 20)))
    columns = {name: pa.nulls(len(flagged), LEDGER.field(name).type) for name in LEDGER.names}
    columns |= {"sample_id": flagged}
    columns |= {name: pa.array([word] * len(flagged)) for name, word in (("stage", "encode"), ("action", "flag"))}
    yield pa.table([columns[name] for name in LEDGER.names], schema=LEDGER)


def _digests(name: str, own: slice) -> pa.Array:
    return pa.array([hashlib.sha256(f"{name}{at}".encode()).hexdigest() for at in range(own.start, own.stop)])


def _write_shards(folder: Path, tokens: np.ndarray) -> None:
    (folder / "shards").mkdir(parents=True)
    rows = []
    for number, start in enumerate(range(0, len(tokens), SHARD_ROWS)):
        part = tokens[start : start + SHARD_ROWS]
        path = folder / "shards" / f"shard-{number:05d}.parquet"
        path.touch()
        row = {"shard": number, "path": f"shards/{path.name}", "rows": len(part), "tokens": int(part.sum())}
        rows.append(row | {"bytes": 0, "sha256": json.dumps(number)})
    write_rows(folder / "index" / "shards.parquet", rows, SHARDS)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    main()
