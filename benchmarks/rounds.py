"""Time candidates on the same work, interleaved: every round runs each once, so that a noisy machine is fair to all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Medians over the rounds, in items a second."""

    wall: float
    cpu: float
    spread: float


def interleave(candidates: Mapping[str, Callable[[], int]], *, rounds: int = 5) -> dict[str, Timing]:
    """Run every candidate once a round, after one warm-up; each returns how many items it did."""
    for run in candidates.values():
        run()
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, run in candidates.items():
            wall, cpu = time.perf_counter(), time.process_time()
            items = run()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            rates[name].append((items / wall, items / max(cpu, 1e-9)))
    return {
        name: Timing(
            wall=statistics.median(wall for wall, _ in found),
            cpu=statistics.median(cpu for _, cpu in found),
            spread=(max(wall for wall, _ in found) - min(wall for wall, _ in found))
            / statistics.median(wall for wall, _ in found),
        )
        for name, found in rates.items()
    }


def print_table(title: str, timings: Mapping[str, Timing], *, ours: str, unit: str) -> None:
    """Print rates and how many times faster ours is, by CPU time."""
    print(f"\n{title} ({unit}/s, medians)")
    print(f"  {'':34} {'wall':>12} {'per CPU-s':>12} {'spread':>8} {'ours / it':>10}")
    for name, timing in timings.items():
        ratio = timings[ours].cpu / timing.cpu
        print(f"  {name:34} {timing.wall:12,.1f} {timing.cpu:12,.1f} {timing.spread:8.0%} {ratio:10.2f}")
