"""Questions about a data set: SQL over a build's tables beside pandas, polars and `datasets` over the same rows.

    python benchmarks/queries.py [--samples 500000] [--rounds 5]

The index of a build is generated (see report.py). Three questions: the share of tokens by source and kind, why samples
were dropped, and how full the packs are. pandas and polars read the columns they need from the same Parquet files, as
a script would; `datasets` maps over the rows of the samples, the first question only. Answers are checked to be equal.
Each round opens everything anew.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # report.py makes its build with the tests' own
from report import generate
from reporting import Report, arguments
from rounds import interleave

from curation.builds import open_build
from curation.queries import run_query

QUERIES = {
    "tokens by source and kind": "select source, kind, sum(tokens)::bigint from samples where selected group by all",
    "drops by reason": "select source, reason, count(*) as n from ledger where action = 'drop' group by all",
    "packs by tenth of fill": "select length // 820 as tenth, count(*) as n from "
    "(select pack, sum(length)::bigint as length from packs group by pack) group by all",
}
WHY = (
    "reads one table; ours opens a database with all tables, locked so that a query can neither write nor read other "
    "files, which takes some 20 ms and is done once in a session (`ours, opened before`)"
)
Answer = set[tuple[Any, ...]]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--samples", type=int, default=500_000)
    options = parser.parse_args()
    report = Report(path=options.json)
    with tempfile.TemporaryDirectory() as name:
        folder = generate(Path(name) / "build", options.samples).folder
        connection = open_build(folder).connect()
        for question, query in QUERIES.items():
            candidates: dict[str, Callable[[], Answer]] = {
                "ours, SQL": lambda query=query: answered(open_build(folder).sql(query).iter_rows()),
                "ours, opened before": lambda query=query: answered(run_query(connection, query).iter_rows()),
                "pandas": lambda question=question: with_pandas(question, folder / "index"),
                "polars": lambda question=question: with_polars(question, folder / "index"),
            }
            if question == "tokens by source and kind":
                candidates["datasets, a loop"] = lambda: with_datasets(folder / "index")
            answers = {candidate: run() for candidate, run in candidates.items()}
            assert all(answer == answers["ours, SQL"] for answer in answers.values()), f"{question}: answers differ"
            runs = {candidate: lambda run=run: bool(run()) + 0 for candidate, run in candidates.items()}
            title = f"SQL: {question}, {options.samples:,} samples"
            report.seconds(title, interleave(runs, rounds=options.rounds), ours="ours, SQL", why=WHY)


def answered(rows: Any) -> Answer:
    return {tuple(row) for row in rows}


def with_pandas(question: str, index: Path) -> Answer:
    import pandas as pd

    if question == "tokens by source and kind":
        rows = pd.read_parquet(index / "samples", columns=["source", "kind", "tokens", "selected"])
        found = rows[rows["selected"]].groupby(["source", "kind"], as_index=False)["tokens"].sum()
    elif question == "drops by reason":
        rows = pd.read_parquet(index / "ledger", columns=["source", "reason", "action"])
        found = rows[rows["action"] == "drop"].groupby(["source", "reason"], as_index=False).size()
    else:
        packs = pd.read_parquet(index / "packs", columns=["pack", "length"]).groupby("pack")["length"].sum()
        found = (packs // 820).value_counts().reset_index()
    return answered(found.itertuples(index=False, name=None))


def with_polars(question: str, index: Path) -> Answer:
    import polars as pl

    if question == "tokens by source and kind":
        rows = pl.scan_parquet(index / "samples" / "*.parquet").filter(pl.col("selected"))
        found = rows.group_by("source", "kind").agg(pl.col("tokens").sum())
    elif question == "drops by reason":
        rows = pl.scan_parquet(index / "ledger" / "*.parquet").filter(pl.col("action") == "drop")
        found = rows.group_by("source", "reason").agg(pl.len())
    else:
        packs = pl.scan_parquet(index / "packs" / "*.parquet").group_by("pack").agg(pl.col("length").sum())
        found = packs.group_by((pl.col("length") // 820).alias("tenth")).agg(pl.len())
    return answered(found.collect().iter_rows())


def with_datasets(index: Path) -> Answer:
    import datasets

    files = str(index / "samples" / "*.parquet")
    columns = ["source", "kind", "tokens", "selected"]
    rows = datasets.load_dataset("parquet", data_files=files, split="train", streaming=True, columns=columns)
    totals: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row["selected"]:
            totals[row["source"], row["kind"]] += row["tokens"]
    return {(*key, total) for key, total in totals.items()}


if __name__ == "__main__":
    main()
