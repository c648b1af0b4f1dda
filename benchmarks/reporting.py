"""Tables of candidates, printed and, with `--json FILE`, added to a file of JSON lines, which run.py collects."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rounds import Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Prints tables and keeps them. The names of our own candidates begin with `ours`."""

    path: Path | None = None

    def rates(
        self,
        title: str,
        timings: Mapping[str, Timing],
        *,
        ours: str,
        unit: str,
        beside: str | None = None,
        why: str = "",
    ) -> None:
        """Report items a second, by wall clock and by CPU-second; the ratios are of `ours` to each.

        `beside` is the rival of the summary, where the fastest does less than ours; default: the fastest. `why` says
        why a rival is faster, where one is.
        """
        print(f"\n{title} ({unit}/s, medians)")
        print(f"  {'':34} {'wall':>12} {'per CPU-s':>12} {'spread':>8} {'CPU s':>8} {'peak MB':>8} {'ours / it':>10}")
        for name, timing in timings.items():
            ratio = timings[ours].cpu / timing.cpu
            line = f"{timing.wall:12,.1f} {timing.cpu:12,.1f} {timing.spread:8.0%} {timing.cpu_seconds:8.2f}"
            print(f"  {name:34} {line} {timing.peak / 1e6:8,.0f} {ratio:10.2f}")
        self._keep(
            {
                "title": title,
                "unit": f"{unit}/s",
                "ours": ours,
                "is_rate": True,
                "candidates": _told(timings),
                "beside": beside,
                "why": why,
            }
        )

    def seconds(self, title: str, timings: Mapping[str, Timing], *, ours: str, why: str = "") -> None:
        """Report seconds a round of whole jobs, each of which counted as one item. `why` as in `rates`."""
        print(f"\n{title} (seconds, medians)")
        print(f"  {'':34} {'wall':>12} {'CPU s':>12} {'spread':>8} {'peak MB':>8} {'it / ours':>10}")
        for name, timing in timings.items():
            ratio = timings[ours].wall / timing.wall
            line = f"{1 / timing.wall:12,.3f} {timing.cpu_seconds:12,.3f} {timing.spread:8.0%}"
            print(f"  {name:34} {line} {timing.peak / 1e6:8,.0f} {ratio:10.2f}")
        told = _told(timings)
        self._keep({"title": title, "unit": "s", "ours": ours, "is_rate": False, "candidates": told, "why": why})

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Report cells as they are, the first of each row its name."""
        widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
        print(f"\n{title}")
        for name, *cells in (header, *rows):
            placed = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
            print("  " + "  ".join((name.ljust(widths[0]), *placed)))
        self._keep({"title": title, "header": list(header), "rows": [list(row) for row in rows]})

    def missing(self, name: str, reason: str) -> None:
        """Report that a rival does not run here, and why."""
        print(f"  no row for {name}: {reason}")
        self._keep({"missing": name, "reason": reason})

    def _keep(self, record: dict[str, Any]) -> None:
        if self.path:
            with self.path.open("a") as file:
                file.write(json.dumps(record) + "\n")


def arguments(doc: str | None, *, rounds: int = 5) -> argparse.ArgumentParser:
    """Return a parser with the options that all benchmarks share: --rounds and --json."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--json", type=Path, metavar="FILE", help="add the figures to this file, a line of JSON each")
    return parser


def _told(timings: Mapping[str, Timing]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "wall": timing.wall,
            "per_cpu": timing.cpu,
            "spread": timing.spread,
            "cpu_seconds": timing.cpu_seconds,
            "peak": timing.peak,
        }
        for name, timing in timings.items()
    ]
