"""Read a source as `build` does, and say what came of its rows."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from curation.records import Location
from curation.sources import load_adapter
from curation.sources.pull import PullTask, pull


def outcomes(adapter: str, where: Location, folder: Path) -> list[str]:
    """Pull a source; return `ok` for each sample and the reason of each row that became none."""
    told: list[str] = []
    folder.mkdir(parents=True, exist_ok=True)
    where = replace(where, cache=str(folder / "cache"))
    for task in load_adapter(adapter).tasks(where):
        output = folder / f"pulled-{os.urandom(4).hex()}"
        counts = pull(PullTask(task=task, adapter=adapter, source="hostile", seed=0, output=output, video_timeout=30))
        told += ["ok"] * counts["samples"]
        ledger = pq.read_table(output.with_suffix(".ledger.parquet")).to_pylist()
        told += [row["reason"] for row in ledger if row["action"] == "drop"]
    return told


def peak_bytes() -> int:
    """Return the most memory that this process held since `forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) << 10


def forget_peak() -> None:
    """Count the peak from here."""
    Path("/proc/self/clear_refs").write_text("5")
