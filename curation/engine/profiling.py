"""Profiles of tasks: each task's own while it runs in a worker, and all of them as one page at the end."""

from __future__ import annotations

import cProfile
import io
import pstats
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

NUM_FUNCTIONS = 40


def profiled(function: str, argument: Any, path: str) -> Any:
    """Run `module:name`(argument) under cProfile and write the profile to `path`. Runs in a worker."""
    module, _, attribute = function.partition(":")
    profile = cProfile.Profile()
    try:
        return profile.runcall(getattr(import_module(module), attribute), argument)
    finally:
        profile.dump_stats(path)


@contextmanager
def profiled_driver(folder: Path | None) -> Iterator[None]:
    """Profile what this process does in the block into `folder/driver.pstats`; None profiles nothing."""
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    profile = cProfile.Profile()
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        profile.dump_stats(folder / "driver.pstats")


def write_report(folder: Path, table: str) -> Path:
    """Join the tasks' profiles into `workers.pstats` and write `profile.txt`: the stages and the top functions.

    Either .pstats file opens in any viewer of cProfile's.
    """
    out = io.StringIO()
    out.write(f"{table}\n")
    tasks = sorted((folder / "tasks").glob("*.pstats"))
    if tasks:
        workers = pstats.Stats(str(tasks[0]), stream=out)
        for path in tasks[1:]:
            workers.add(str(path))
        workers.dump_stats(folder / "workers.pstats")
        _write_top(out, workers, f"workers, {len(tasks)} tasks")
    if (folder / "driver.pstats").is_file():
        _write_top(out, pstats.Stats(str(folder / "driver.pstats"), stream=out), "driver")
    (folder / "profile.txt").write_text(out.getvalue())
    return folder / "profile.txt"


def _write_top(out: io.StringIO, stats: pstats.Stats, title: str) -> None:
    out.write(f"\n== {title}: by own time\n")
    stats.sort_stats("tottime").print_stats(NUM_FUNCTIONS)
    out.write(f"\n== {title}: by time with what it calls\n")
    stats.sort_stats("cumulative").print_stats(NUM_FUNCTIONS)
