"""Plan millions of samples: time, processor time and peak memory of every step, and what a row costs.

    python benchmarks/scale.py [--rows 10000000] [--folder KEPT]

Writes what pull and encode would have written for that many synthetic samples (`synthetic_rows.py`; not timed), then
runs `curation.build.plan` on it in a process of its own: filters (`where`, exact_duplicates, cap), mix, pack, index.
Peaks are resident bytes, mapped files included; `spilled` is what lay in the filters' folder at most beside its
result. With `--folder` the rows are kept and used again.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steps import Meter, bytes_under, watched
from synthetic_rows import sources_yaml, write_placeholders

from curation.engine import Job, LocalEngine

MANIFEST = f"""
version: 1
name: scale
seed: 17
profile: smolvlm2-256m
tokenizer: bytes
{sources_yaml()}
filters:
  - where: "text_chars between 30 and 60000"
  - exact_duplicates
  - cap: {{by: [source], max: MAX}}
guard: {{max_dropped_fraction: 0.5, max_unreadable_fraction: 0.05}}
mixture:
  unit: tokens
  max_repeats: 2.0
  weights: {{text: {{weight: 1, of: {{notes: natural, chats: natural}}}}, pages: 4, clips: 1}}
packing: {{context: 8192}}
"""

# Where the time of a plan goes: module, function, and the name of the step (None: the filter it is given).
STEPS: tuple[tuple[str, str, str | None], ...] = (
    ("curation.decisions", "pull_source", "find what was pulled"),
    ("curation.decisions", "encode_source", "find what was encoded"),
    ("curation.filters.stage", "_load_samples", "filters: load rows"),
    ("curation.filters.stage", "_run", None),
    ("curation.decisions", "_filter", "filters: the rest"),
    ("curation.decisions", "load_candidates", "candidates"),
    ("curation.decisions", "select", "mix"),
    ("curation.mixtures.selection", "pack", "pack"),
    ("curation.output", "write_index", "index: write the tables"),
    ("curation.output", "file_sha256", "index: hash the files"),
    ("curation.output", "write_plan", "plan: the rest"),
)


@dataclass(slots=True, kw_only=True)
class Drawing:
    """The local engine with synthetic rows in place of real ones."""

    engine: LocalEngine

    def map(self, stage: str, function: str, jobs: Sequence[Job], folder: Path) -> list[dict[str, Any]]:
        """Run the function of the same name in `synthetic_rows`."""
        return self.engine.map(stage, f"synthetic_rows:{function.rpartition(':')[2]}", jobs, folder)

    def close(self) -> None:
        """End the workers."""
        self.engine.close()


def draw(folder: Path, rows: int) -> None:
    """Write the manifest, its placeholders and a workspace in which everything is pulled and encoded.

    What is there is kept; another version of the toolkit has other stage folders.
    """
    from curation.encoded import encode_source
    from curation.manifest_names import load_manifest
    from curation.mixtures.profile import load_profile
    from curation.mixtures.tokenizer import load_tokenizer
    from curation.settings import encode_settings, source_of
    from curation.sources.stage import pull_source
    from curation.workspace import open_workspace

    path = folder / "manifest.yaml"
    if not path.exists():
        write_placeholders(folder, rows, rows_per_task=65_536)
        path.write_text(MANIFEST.replace("MAX", str(rows * 2 // 5)))
    manifest = load_manifest(path)
    workspace = open_workspace(folder / "workspace", path)
    profile = load_profile(manifest.profile)
    tokenizer = load_tokenizer(manifest.tokenizer or profile.tokenizer, profile)
    engine = Drawing(engine=LocalEngine(workers=os.cpu_count() or 1))
    try:
        for name in manifest.sources:
            pulled = pull_source(source_of(manifest, name), workspace, engine, max_unreadable=0.1)
            encode_source(pulled, encode_settings(manifest, profile), tokenizer, manifest, workspace, engine)
    finally:
        engine.close()


def measure(folder: Path, *, also: str = "") -> dict[str, Any]:
    """Plan a folder's manifest, perhaps with a further filter; return the figures of each step and of the whole."""
    meter = Meter()
    for module, name, label in STEPS:
        owner = importlib.import_module(module)
        setattr(owner, name, meter.wrap(getattr(owner, name), label))
    from curation.build import plan
    from curation.manifest_names import load_manifest

    begun, begun_cpu = time.perf_counter(), time.process_time()
    with watched(folder / "workspace" / "filter") as most:
        filters = load_manifest(folder / "manifest.yaml").filters
        listed = [{each.name: dict(each.options)} for each in filters] + ([also] if also else [])
        made = plan(
            folder / "manifest.yaml", workspace=folder / "workspace", overrides=[f"filters={json.dumps(listed)}"]
        )
    seconds, cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    steps = {name: [step.seconds, step.cpu, step.peak] for name, step in meter.steps.items()}
    steps["whole plan"] = [seconds, cpu, max(step.peak for step in meter.steps.values())]
    facts = made.sql(
        "select (select count(*) from samples) as samples, (select count(*) from samples where selected) as selected,"
        " (select count(*) from ledger) as ledger, (select max(pack) + 1 from packs) as packs,"
        " (select sum(length) / ((max(pack) + 1) * 8192.0) from packs) as fill"
    )
    size = sum(path.stat().st_size for path in (made.folder / "index").rglob("*.parquet"))
    return {
        "steps": steps,
        "facts": facts.row(0, named=True),
        "index_bytes": size,
        "spilled_bytes": most[0] - bytes_under(folder / "workspace" / "filter"),
        "fingerprint": made.fingerprint,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="keep the rows here, and use them when they are there")
    parser.add_argument("--also", default="", metavar="FILTER", help="a further filter, e.g. near_duplicate_text")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, also=options.also)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        draw(folder, options.rows)
        for stage in ("filter", "index"):
            shutil.rmtree(folder / "workspace" / stage, ignore_errors=True)
        command = [sys.executable, __file__, "--measure", str(folder), "--also", options.also]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        sizes = {stage: bytes_under(folder / "workspace" / stage) for stage in ("pull", "encode", "filter")}
    if options.json:
        print(json.dumps({**found, "workspace_bytes": sizes}))
        return
    _show(found, sizes)


def _show(found: dict[str, Any], sizes: dict[str, int]) -> None:
    rows = found["facts"]["samples"]
    print(f"{'step':28}{'seconds':>9}{'CPU s':>9}{'us/row':>9}{'peak MB':>10}")
    for name, (seconds, cpu, peak) in found["steps"].items():
        print(f"{name:28}{seconds:9.1f}{cpu:9.1f}{seconds / rows * 1e6:9.2f}{peak / 1e6:10,.0f}")
    facts = found["facts"]
    print(
        f"{rows:,} samples, {facts['selected']:,} selected, {facts['ledger']:,} ledger rows, {facts['packs']:,} packs "
        f"{facts['fill']:.2%} full"
    )
    sizes = sizes | {"index": found["index_bytes"], "spilled": found["spilled_bytes"]}
    per_row = ", ".join(f"{name} {size / rows:.0f}" for name, size in sizes.items())
    print(f"bytes on disk a row: {per_row}; fingerprint {found['fingerprint'][:12]}")


if __name__ == "__main__":
    main()
