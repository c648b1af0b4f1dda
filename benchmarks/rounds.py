"""Time candidates on the same work, interleaved: every round runs each once, so that a noisy machine is fair to all."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run took: seconds by the clock and of processors, peak resident bytes, items done."""

    wall: float
    cpu: float
    peak: int
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Medians over the rounds: items a second (`wall`, `cpu`), CPU-seconds a round, peak resident bytes.

    `spread` is the slowest to the fastest rate over the median one.
    """

    wall: float
    cpu: float
    spread: float
    cpu_seconds: float
    peak: int


def interleave(candidates: Mapping[str, Callable[[], int]], *, rounds: int = 5) -> dict[str, Timing]:
    """Run every candidate once a round, after one warm-up; each returns how many items it did.

    CPU-seconds and peaks are this process's own, data prepared for all candidates included.
    """
    for run in candidates.values():
        run()
    return interleave_runs({name: lambda run=run: _measured(run) for name, run in candidates.items()}, rounds=rounds)


def interleave_runs(candidates: Mapping[str, Callable[[], Run]], *, rounds: int = 5) -> dict[str, Timing]:
    """Run every candidate once a round, without a warm-up; each measures itself."""
    runs: dict[str, list[Run]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, run in candidates.items():
            runs[name].append(run())
    return {name: summarise(found) for name, found in runs.items()}


def summarise(runs: Sequence[Run]) -> Timing:
    """Return the medians of some runs."""
    rates = [run.items / run.wall for run in runs]
    return Timing(
        wall=statistics.median(rates),
        cpu=statistics.median(run.items / max(run.cpu, 1e-9) for run in runs),
        spread=(max(rates) - min(rates)) / statistics.median(rates),
        cpu_seconds=statistics.median(run.cpu for run in runs),
        peak=max(run.peak for run in runs),
    )


def run_command(command: Sequence[str | Path], *, folder: Path, items: int = 1) -> Run:
    """Run a program to its end; CPU-seconds are those of all its processes, the peak that of all of them at once.

    Raises RuntimeError with the last of what it printed when it fails.
    """
    begun = time.perf_counter()
    before = os.times()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watch = _Watch(process.pid)
    watch.start()
    printed = process.communicate()[0]
    wall, after = time.perf_counter() - begun, os.times()
    watch.is_over.set()
    watch.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{printed[-2000:]}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    cpu = max(cpu, sum(watch.seconds.values()))  # a worker's own children are counted by nobody when they are killed
    return Run(wall=wall, cpu=cpu, peak=watch.peak, items=items)


class _Watch(threading.Thread):
    """Samples a process and its descendants ten times a second: resident bytes without mapped files, CPU-seconds."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self.is_over = pid, 0, threading.Event()
        self.seconds: dict[int, float] = {}

    def run(self) -> None:
        while not self.is_over.wait(0.1):
            self.peak = max(self.peak, self._sample(self.pid))

    def _sample(self, pid: int) -> int:
        try:
            status = Path(f"/proc/{pid}/status").read_text().splitlines()
            times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            threads = [path.name for path in Path(f"/proc/{pid}/task").iterdir()]
            children = [child for name in threads for child in _read(f"/proc/{pid}/task/{name}/children").split()]
        except OSError:
            return 0
        self.seconds[pid] = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
        own = next((int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon")), 0)
        return own + sum(self._sample(int(child)) for child in children)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _measured(run: Callable[[], int]) -> Run:
    forget_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    items = run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Run(wall=wall, cpu=cpu, peak=read_peak(), items=items)


def forget_peak() -> None:
    """Let the largest resident size begin anew, where the system can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def read_peak() -> int:
    """Return the largest resident bytes since they were last forgotten; 0 where the system doesn't tell."""
    try:
        status = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM")), 0)
