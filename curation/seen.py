"""The samples that a training run has seen, and what of a new mixture they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.errors import BuildError
from curation.fingerprint import fingerprint
from curation.position import Position, packs_before

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from curation.builds import Build

VERSION = 1
REASON = "already_seen"
_CONTENT = ("media_sha256", "question_sha256", "answer_sha256")
_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The samples of a build that a run has seen: `samples` has their id, source and the hashes of what they say.

    `told` is how the build that goes on from there describes it in build.json: the earlier build, how many of its
    packs were seen, and how many of its samples.
    """

    samples: pl.DataFrame
    told: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """What was seen, as part of the identity of a build that goes on from there."""
        return fingerprint("seen", VERSION, dict(self.told))


def read_seen(build: Build, reached: Position | int) -> Seen:
    """Read the samples that a run has seen: up to a position of its loader, or in the first so many packs.

    After a whole epoch that is every sample of the build. What a build that itself went on from another had left out
    as seen counts as seen too. Raises BuildError where there are fewer packs.
    """
    import polars as pl
    import pyarrow.parquet as pq

    tables = build.table_files()
    table = pq.read_table(tables["packs"], columns=["pack", "sample_id"])
    pack = table["pack"].to_numpy()
    num_packs = int(pack.max(initial=-1)) + 1
    count = reached if isinstance(reached, int) else reached.position
    if not 0 <= count <= num_packs:
        raise BuildError(f"{build.place}: {count} packs seen of {num_packs}; give at most {num_packs}")
    packs = list(range(count)) if isinstance(reached, int) else packs_before(num_packs, reached)
    is_seen = np.full(num_packs, packs is None)
    if packs is not None:
        is_seen[packs] = True
    ids = pl.DataFrame({"sample_id": pl.from_arrow(table.filter(is_seen[pack])["sample_id"])}).unique()
    earlier = pl.col("drop_reason") == REASON
    samples = (
        pl.scan_parquet(tables["samples"], glob=False)
        .filter(pl.col("sample_id").is_in(ids["sample_id"].implode()) | earlier.fill_null(value=False))
        .select("sample_id", "source", *_CONTENT)
        .collect()
        .sort("sample_id")
    )
    at = {} if isinstance(reached, int) else {"seed": reached.seed, "epoch": reached.epoch, "position": count}
    told = {"build": build.fingerprint, "packs": int(is_seen.sum()), "samples": samples.height, **at}
    return Seen(samples=samples, told=told)


def seen_ledger(pulled: Sequence[Path], seen: Seen) -> pa.Table:
    """Return a ledger row for each pulled sample that was seen: by its sample_id, or by what it says.

    A sample whose media, question and answer are those of one that was seen is that sample, whatever its source is
    called now. The evidence is the sample that was seen.
    """
    import polars as pl

    from curation.tables import LEDGER

    rows = pl.scan_parquet(list(pulled), glob=False).select("sample_id", "source", *_CONTENT)
    named = seen.samples.lazy().select("sample_id", name_id="sample_id", name_source="source")
    said = seen.samples.lazy().unique(_CONTENT, keep="first", maintain_order=True)
    said = said.select(*_CONTENT, said_id="sample_id", said_source="source")
    found = (
        rows.join(named, on="sample_id", how="left")
        .join(said, on=_CONTENT, how="left", nulls_equal=True)
        .select(
            "sample_id",
            "source",
            evidence_sample_id=pl.coalesce("name_id", "said_id"),
            evidence_source=pl.coalesce("name_source", "said_source"),
        )
        .filter(pl.col("evidence_sample_id").is_not_null())
        .collect()
        .sort("sample_id")
    )
    detail = json.dumps({"build": str(seen.told["build"])[:_DIGITS]})
    nothing = pl.lit(None, pl.Float64)
    ledger = found.with_columns(
        stage=pl.lit("mix"),
        filter=pl.lit("splice"),
        action=pl.lit("drop"),
        reason=pl.lit(REASON),
        measured=nothing,
        threshold=nothing,
        detail=pl.lit(detail),
    )
    return ledger.select(LEDGER.names).to_arrow().cast(LEDGER)
