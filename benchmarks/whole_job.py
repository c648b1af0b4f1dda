"""The whole job, chats with images to packed training data, beside the script a team would write (baseline.py).

    python benchmarks/whole_job.py [--samples 80] [--rounds 3] [--tokenizer SPEC]

Both run as programs of their own with two workers, from the files to the data on disk, imports included, into new
folders. Ours also hashes and measures every image, keeps the ledger and the index, packs best-fit and hashes what it
wrote. Before it is timed every sample's input_ids and labels are compared.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from drawn_build import write_corpus
from encode import parse_with_tokenizer
from reporting import Report, arguments
from rounds import Run, interleave_runs, run_command

HERE = Path(__file__).resolve().parent
WORKERS = "2"


def main() -> None:
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("--samples", type=int, default=80)
    options = parse_with_tokenizer(parser)
    report = Report(path=options.json)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = write_corpus(folder / "corpus", options.samples, options.tokenizer)

        def ours() -> Run:
            shutil.rmtree(folder / "ours", ignore_errors=True)
            places = ["-o", folder / "ours" / "build", "--workspace", folder / "ours" / "work"]
            command = [sys.executable, "-m", "curation", "build", manifest, *places, "--workers", WORKERS]
            return run_command(command, folder=folder, items=options.samples)

        def theirs() -> Run:
            shutil.rmtree(folder / "theirs", ignore_errors=True)
            places = [manifest.parent / "rows.jsonl", manifest.parent / "images", options.tokenizer, folder / "theirs"]
            command = [sys.executable, HERE / "baseline.py", *places, "--workers", WORKERS]
            return run_command(command, folder=folder, items=options.samples)

        ours()
        theirs()
        same = compare(folder / "ours" / "build", folder / "theirs")
        timings = interleave_runs({"ours": ours, "datasets, transformers, greedy": theirs}, rounds=options.rounds)
        title = f"whole job: {options.samples} chats of 39 kB images, {same:,} ids and labels equal, two workers"
        report.rates(title, timings, ours="ours", unit="samples")
        report.table("packs of the whole job", ["", "packs"], packs(folder))


def compare(build: Path, script: Path) -> int:
    """Check that both made the same samples; return how many tokens these have."""
    import polars as pl

    columns = ["input_ids", "labels"]
    mine = pl.read_parquet(build / "shards" / "*.parquet", columns=columns)
    other = pl.read_parquet(script / "samples.parquet", columns=columns)
    sets = [{(tuple(ids), tuple(labels)) for ids, labels in table.iter_rows()} for table in (mine, other)]
    assert sets[0] == sets[1] and len(mine) == len(other) == len(sets[0]), "the samples differ"
    return int(mine["input_ids"].list.len().sum())


def packs(folder: Path) -> list[list[str]]:
    """Say how many packs each made."""
    import polars as pl

    index = folder / "ours" / "build" / "index" / "packs" / "*.parquet"
    mine = pl.read_parquet(index)["pack"].n_unique()
    other = len(pl.read_parquet(folder / "theirs" / "packs.parquet"))
    return [["ours", str(mine)], ["greedy", str(other)]]


if __name__ == "__main__":
    main()
