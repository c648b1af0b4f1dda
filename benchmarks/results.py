"""The page of results: a summary of every measurement beside its best rival, then each row's tables."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environments import python_of

ENVIRONMENTS = ("rivals", "streaming", "energon")
NAMED = (
    *("av", "binpacking", "datasets", "datasketch", "datatrove", "decord", "duckdb", "imagededup", "ImageHash"),
    *("litdata", "megatron-energon", "mosaicml-streaming", "numpy", "pandas", "pillow", "polars", "py-data-juicer"),
    *("pyarrow", "rensa", "tiktoken", "tokenizers", "torch", "torchcodec", "transformers", "trl", "webdataset"),
)
LISTING = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
ABOUT = """
Written by `make bench`. Ours and the rivals run interleaved in every round, on the same input, after their output was
checked to be the same where both make the same thing (ids, decisions, answers, batches, frames, what a reader gives;
of duplicates and packs a table says what each makes). Figures are medians over the rounds. *Spread* is the slowest to
the fastest round over the median. *Ratio* is how many times faster ours is: by the clock, and by CPU time. The best
rival is the fastest; of packers the library that fills packs best. Peaks are
resident bytes of the process, prepared input included (of builds: of all their processes, without mapped files).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A row that was run: its records as reporting.py keeps them, or what it printed; `reason` when it failed."""

    name: str
    reason: str = ""
    records: tuple[dict[str, Any], ...] = ()
    text: str = ""
    seconds: float = 0.0


def page(outcomes: Sequence[Outcome], *, seconds: float, is_quick: bool) -> str:
    """Return results.md."""
    lines = ["# Benchmarks", ABOUT]
    if is_quick:
        lines += ["**Made with `--quick`: small sizes and one round. The figures mean nothing.**", ""]
    lines += [*_machine(seconds), "", "## Beside the best rival", ""]
    lines += ["| row | measurement | ours | best rival | | ratio | by CPU |", "|---|---|---:|---|---:|---:|---:|"]
    lines += [line for outcome in outcomes for line in _summary(outcome)]
    slower = [line for outcome in outcomes for record in outcome.records for line in _why_slower(outcome.name, record)]
    lines += ["", "### Where a rival is faster", "", *slower] if slower else []
    for outcome in outcomes:
        lines += ["", f"## {outcome.name}", "", f"`make bench NAME={outcome.name}`, {outcome.seconds:.0f} s."]
        lines += [f"**Failed: {outcome.reason}**"] if outcome.reason else []
        lines += [line for record in outcome.records for line in _table(record)]
        lines += ["", "```", outcome.text.strip("\n"), "```"] if outcome.text else []
    return "\n".join([*lines, "", "## Versions", "", *_versions(), ""])


def _summary(outcome: Outcome) -> Iterator[str]:
    if outcome.reason:
        yield f"| {outcome.name} | failed: {_first_line(outcome.reason)} | | | | | |"
    elif outcome.text:
        yield f"| {outcome.name} | see below | | no rival does this | | | |"
    for record in outcome.records:
        if "candidates" not in record:
            continue
        ours, best = _ours_and_best(record)
        if best is None:
            yield f"| {outcome.name} | {record['title']} | {_figure(ours, record)} | – | | | |"
            continue
        cells = [outcome.name, record["title"], _figure(ours, record), best["name"], _figure(best, record)]
        yield f"| {' | '.join(cells)} | {_ratio(ours, best, 'wall')} | {_ratio(ours, best, 'per_cpu')} |"


def _ours_and_best(record: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    by_name = {one["name"]: one for one in record["candidates"]}
    rivals = [one for one in record["candidates"] if not one["name"].startswith("ours")]
    best = by_name.get(record.get("beside")) or max(rivals, key=lambda one: float(one["wall"]), default=None)
    return by_name[record["ours"]], best


def _why_slower(name: str, record: dict[str, Any]) -> Iterator[str]:
    """Say why a rival is clearly faster by the clock, where one is."""
    if "candidates" not in record:
        return
    ours, best = _ours_and_best(record)
    if best is not None and ours["wall"] < 0.95 * best["wall"]:
        yield f"- **{name}**, {record['title']}: {best['name']} {record['why'] or 'is faster; nobody found out why'}."


def _table(record: dict[str, Any]) -> Iterator[str]:
    yield ""
    if "missing" in record:
        yield f"No figure for {record['missing']}: {record['reason']}."
        return
    yield f"**{record['title']}**"
    yield ""
    if "header" in record:
        yield f"| {' | '.join(record['header'])} |"
        yield f"|---|{'---:|' * (len(record['header']) - 1)}"
        yield from (f"| {' | '.join(row)} |" for row in record["rows"])
        return
    unit = record["unit"]
    yield f"| | {unit} | ratio | by CPU | spread | CPU-s a round | peak MB |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    ours = next(one for one in record["candidates"] if one["name"] == record["ours"])
    for one in record["candidates"]:
        cells = [one["name"], _figure(one, record), _ratio(ours, one, "wall"), _ratio(ours, one, "per_cpu")]
        cells += [f"{one['spread']:.0%}", f"{one['cpu_seconds']:.3g}"]
        yield f"| {' | '.join(cells)} | {one['peak'] / 1e6:,.0f} |" if one["peak"] else f"| {' | '.join(cells)} | |"


def _figure(one: dict[str, Any], record: dict[str, Any]) -> str:
    value = one["wall"] if record["is_rate"] else 1 / one["wall"]
    shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{shown} {record['unit']}"


def _ratio(ours: dict[str, Any], other: dict[str, Any], key: str) -> str:
    return f"{ours[key] / other[key]:,.2f}"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[-1].replace("|", "/") if text.strip() else ""


def _machine(seconds: float) -> list[str]:
    models = [line.partition(":")[2].strip() for line in _read("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((int(line.split()[1]) for line in _read("/proc/meminfo") if line.startswith("MemTotal")), 0)
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    core = models[0] if models else platform.machine()
    system = f"Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}"
    return [
        f"Machine: {os.cpu_count()} cores ({core}), {memory / 1e6:.0f} GB, {system}. All rows took "
        f"{seconds / 60:.1f} minutes; load average when they were over: {load}."
    ]


def _read(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _versions() -> Iterator[str]:
    """Say which version of each library ran, in the first environment that has it."""
    found: dict[str, str] = {}
    for environment in ENVIRONMENTS:
        python = python_of(environment)
        if python.exists():
            listed = subprocess.run([python, "-c", LISTING], capture_output=True, text=True, check=True).stdout
            found = json.loads(listed) | found
    yield ", ".join(f"{name} {found[name]}" for name in NAMED if name in found)
    missing = [name for name in NAMED if name not in found]
    if missing:
        yield ""
        yield f"Not installed: {', '.join(missing)}."
