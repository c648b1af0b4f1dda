"""Cost against the size of the input: pull, filter, plan and build at 1x, 3x and 10x; writes scaling.svg.

    python benchmarks/scaling.py [--rows 600] [--rounds 1] [--output benchmarks/scaling.svg]

The input is `--rows` pictures of 512x384 in Parquet cells and 20 times as many documents, then 3 and 10 times that.
Each size is planned and then built, both cold with two workers, in a process of its own that tells when each stage
ended. `pull` and `encode` are maps over rows, `filter` is a predicate, exact_duplicates and a cap, `plan` is all but
shards. Starting workers costs the same at any size, so the lines don't begin at zero; the last column says whether they
are straight: (10x - 3x) / (3x - 1x) is 3.5 then.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memory import write_input
from reporting import Report, arguments
from rounds import run_command

HERE = Path(__file__).resolve().parent
SIZES = (1, 3, 10)
STAGES = ("pull", "encode", "filter", "plan", "build")
MANIFEST = """
version: 1
profile: smolvlm2-256m
tokenizer: bytes
sources:
  pages: {adapter: cauldron, uri: pages.parquet}
  notes: {adapter: text, uri: notes.jsonl}
filters:
  - where: "text_chars between 1 and 60000"
  - exact_duplicates
  - cap: {by: [source], max: 10000000}
over_length: drop
"""


def main() -> None:
    parser = arguments(__doc__, rounds=1)
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--output", type=Path, default=HERE / "scaling.svg")
    parser.add_argument(
        "--measure", type=Path, help="build the manifest in this folder and write seconds by stage to --json"
    )
    options = parser.parse_args()
    if options.measure:
        options.json.write_text(json.dumps(measure(options.measure)))
        return
    report = Report(path=options.json)
    found = {size: measured(options.rows * size, options.rounds) for size in SIZES}
    header = ["", *(f"{size}x, s" for size in SIZES), "10x / 1x", "slope / slope"]
    rows = []
    for stage in (*STAGES, "peak MB"):
        costs = [found[size][stage] for size in SIZES]
        rows.append([stage, *(f"{cost:.2f}" for cost in costs), f"{costs[2] / costs[0]:.1f}", straightness(costs)])
    report.table(f"cost against input, 1x is {21 * options.rows:,} samples", header, rows)
    options.output.write_text(plot(found, options.rows))


def measured(rows: int, rounds: int) -> dict[str, float]:
    """Return medians of the seconds of each stage, and the peak of all processes in MB."""
    runs: list[dict[str, float]] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "input"
            write_input(folder, rows)
            (folder / "manifest.yaml").write_text(MANIFEST)
            told = Path(name) / "told.json"
            run = run_command([sys.executable, __file__, "--measure", folder, "--json", told], folder=folder)
            runs.append(json.loads(told.read_text()) | {"peak MB": run.peak / 1e6})
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def measure(folder: Path) -> dict[str, float]:
    """Plan and then build a manifest in new folders; return the seconds of each stage."""
    import curation.decisions as decisions

    seconds: dict[str, float] = {}
    for stage, name in (("pull", "pull_source"), ("encode", "encode_source"), ("filter", "_filter")):
        setattr(decisions, name, _timed(getattr(decisions, name), stage, seconds))
    from curation.build import build, plan

    with _clock("plan", seconds):
        plan(folder / "manifest.yaml", workspace=folder / "planned", workers=2)
    stages = {name: seconds[name] for name in ("pull", "encode", "filter")}
    with _clock("build", seconds):
        build(folder / "manifest.yaml", output=folder / "out", workspace=folder / "built", workers=2)
    return seconds | stages


def _timed(function: Callable[..., Any], stage: str, seconds: dict[str, float]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        with _clock(stage, seconds):
            return function(*args, **kwargs)

    return run


@contextmanager
def _clock(stage: str, seconds: dict[str, float]) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - begun


def straightness(costs: Sequence[float]) -> str:
    """Return the growth from 3x to 10x over that from 1x to 3x: 3.5 when cost is a straight line."""
    one, three, ten = costs
    return f"{(ten - three) / (three - one):.2f}" if three > one else "-"


def plot(found: dict[int, dict[str, float]], rows: int) -> str:
    """Draw seconds against the size of the input, a line for each stage."""
    import pygal

    title = f"Seconds of two workers; 1x is {21 * rows:,} samples"
    chart = pygal.XY(title=title, x_title="input", width=760, height=480, js=[])
    for stage in STAGES:
        chart.add(stage, [(size, round(found[size][stage], 3)) for size in SIZES])
    return str(chart.render(is_unicode=True))


if __name__ == "__main__":
    main()
