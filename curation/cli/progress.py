"""Progress on stderr: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from curation.cli.printing import format_bytes, format_seconds

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SECONDS_BETWEEN_LINES = 2.0
LEAST_SECONDS = 0.1  # what takes less was there already: a rate would say nothing
LEAST_PART = 10_000  # before so small a part of a stage is done, a rate and the time left would be guesses


class Display(Protocol):
    """What shows progress; `update` is what an engine calls back."""

    def update(
        self, stage: str, done_tasks: int, num_tasks: int, done_bytes: int, num_bytes: int, seconds: float
    ) -> None:
        """Take how far a stage is, `seconds` after it began."""


class LineDisplay:
    """A line per stage at most every two seconds of the stage, and one when it is done."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last: dict[str, float] = {}
        self._finished: set[str] = set()

    def update(
        self, stage: str, done_tasks: int, num_tasks: int, done_bytes: int, num_bytes: int, seconds: float
    ) -> None:
        """Write a line when it is time for one."""
        is_finished = done_tasks >= num_tasks
        if num_tasks == 0 or (is_finished and stage in self._finished):
            return
        if not is_finished and seconds - self._last.get(stage, 0.0) < SECONDS_BETWEEN_LINES:
            return
        self._last[stage] = seconds
        if is_finished:
            self._finished.add(stage)
        line = describe(done_tasks, num_tasks, done_bytes=done_bytes, num_bytes=num_bytes, seconds=seconds)
        self._stream.write(f"{stage}: {line}\n")
        self._stream.flush()


class BarDisplay:
    """A bar per stage, drawn by rich."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def update(
        self, stage: str, done_tasks: int, num_tasks: int, done_bytes: int, num_bytes: int, seconds: float
    ) -> None:
        """Move the stage's bar."""
        if num_tasks == 0:
            return
        done, total = (done_bytes, num_bytes) if num_bytes else (done_tasks, num_tasks)
        if done_tasks >= num_tasks:
            done = total = max(total, 1)
        line = describe(done_tasks, num_tasks, done_bytes=done_bytes, num_bytes=num_bytes, seconds=seconds)
        if stage not in self._bars:
            self._bars[stage] = self._progress.add_task(stage, total=total, line="")
        self._progress.update(self._bars[stage], completed=done, total=total, line=line)


def describe(done_tasks: int, num_tasks: int, *, done_bytes: int, num_bytes: int, seconds: float) -> str:
    """Say how far a stage is, its rate and the time left.

    >>> describe(1, 4, done_bytes=50_000_000, num_bytes=200_000_000, seconds=5.0)
    '1/4 tasks, 10.0 MB/s, 15 s left'
    """
    parts = [f"{done_tasks}/{num_tasks} tasks"]
    done, total = (done_bytes, num_bytes) if num_bytes else (done_tasks, num_tasks)
    if seconds >= LEAST_SECONDS and done * LEAST_PART >= total:
        parts.append(f"{format_bytes(done / seconds)}/s" if num_bytes else f"{done / seconds:.1f} tasks/s")
    if done_tasks >= num_tasks:
        parts.append(f"done in {format_seconds(seconds)}")
    elif seconds >= LEAST_SECONDS and done * LEAST_PART >= total:
        parts.append(f"{format_seconds(seconds * (total - done) / done)} left")
    return ", ".join(parts)


@contextmanager
def progress_display(stream: TextIO | None = None) -> Iterator[Display]:
    """Show progress while the block runs; give `.update` to what does the work."""
    target = stream or sys.stderr
    if not target.isatty():
        yield LineDisplay(target)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description:<8}"), BarColumn(), TextColumn("{task.fields[line]}"))
    with Progress(*columns, console=Console(file=target), transient=False) as progress:
        yield BarDisplay(progress)
