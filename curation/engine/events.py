"""What happened in a run: one record for all engines, as log lines, an events file, progress and a table of stages."""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from curation.engine.jobs import Job, Progress

Kind = Literal["task_done", "task_retried", "task_failed"]
KEPT_BYTES = 32 << 20  # an events file that is larger is put aside when a run begins
_ROWS = ("rows_read", "rows", "samples", "clips")  # what the stages' summaries call their rows
_logger = logging.getLogger("curation.engine")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEvent:
    """One attempt at a task. `reason` says why it is retried or failed; `peak_bytes` is its worker's memory."""

    kind: Kind
    stage: str
    task: str
    amount: int
    unit: str
    seconds: float
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    rows: int | None = None
    reason: str | None = None
    worker: str = ""

    def __str__(self) -> str:
        if self.kind != "task_done":
            return f"{self.stage}: task {self.task} {self.kind.removeprefix('task_')}: {self.reason}"
        amount = f"{self.amount / 1e6:.1f} MB" if self.unit == "bytes" else f"{self.amount} {self.unit}"
        rates = [f"{self.amount / 1e6 / self.seconds:.1f} MB/s"] if self.unit == "bytes" and self.seconds else []
        rates += [f"{self.rows / self.seconds:.0f} rows/s"] if self.rows and self.seconds else []
        rows = "" if self.rows is None or self.unit == "rows" else f", {self.rows} rows"
        return (
            f"{self.stage}: task {self.task} done, {amount}{rows} in {self.seconds:.2f} s ({', '.join(rates) or '-'}), "
            f"CPU {self.cpu_seconds:.2f} s, memory {self.peak_bytes >> 20} MiB"
        )


def num_rows(summary: Mapping[str, Any]) -> int | None:
    """Return how many rows a task's summary tells of, if it does."""
    return next((int(summary[name]) for name in _ROWS if isinstance(summary.get(name), int)), None)


def worker_name(pid: int | None) -> str:
    """Name a worker process so that it can be found again: host and process id."""
    return f"{socket.gethostname()}:{pid or 0}"


@dataclass(slots=True, kw_only=True)
class StageTime:
    """Where the time of one stage went. `seconds` leaves out stages that ran inside it."""

    stage: str
    seconds: float = 0.0
    tasks: int = 0
    cpu_seconds: float = 0.0
    num_bytes: int = 0
    rows: int = 0
    peak_bytes: int = 0
    retried: int = 0


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Take what engines tell and pass it on.

    `events` is the file that gets a JSON object per event, appended to and flushed line by line. `profile` is the
    folder for profiles of tasks, None for none. One recorder serves one run, in one process.
    """

    progress: Progress | None = None
    events: Path | None = None
    profile: Path | None = None
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    stages: dict[str, StageTime] = field(default_factory=dict)
    _inner: list[float] = field(default_factory=list)

    def emit(self, event: str, **fields: Any) -> None:
        """Write an event to the file; `time` is the clock's, `run` tells the runs of a file apart."""
        if self.events is None:
            return
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        append_line(self.events, {"time": stamp, "run": self.run, "event": event, **fields})

    def task(self, event: TaskEvent) -> None:
        """Take what became of an attempt at a task."""
        told = {name: value for name, value in asdict(event).items() if name not in ("kind", "amount", "unit")}
        self.emit(event.kind, **_rounded(told), **{event.unit: event.amount})
        level = logging.INFO if event.kind == "task_done" else logging.WARNING
        _logger.log(level, "%s", event)
        total = self._stage(event.stage)
        total.cpu_seconds += event.cpu_seconds
        total.peak_bytes = max(total.peak_bytes, event.peak_bytes)
        if event.kind == "task_done":
            total.tasks += 1
            total.num_bytes += event.amount if event.unit == "bytes" else 0
            total.rows += event.rows or 0
        else:
            total.retried += event.kind == "task_retried"

    @contextmanager
    def stage(self, name: str, jobs: Sequence[Job] = ()) -> Iterator[None]:
        """Time a stage; stages inside it are left out of its time. Names' first words are the rows of the table."""
        self.emit("stage_start", stage=name, tasks=len(jobs))
        start, outcome = time.monotonic(), "failed"
        self._inner.append(0.0)
        try:
            yield
            outcome = "done"
        finally:
            seconds = time.monotonic() - start
            own = seconds - self._inner.pop()
            if self._inner:
                self._inner[-1] += seconds
            self._stage(name).seconds += own
            self.emit("stage_end", stage=name, seconds=round(seconds, 3), own_seconds=round(own, 3), outcome=outcome)

    def _stage(self, name: str) -> StageTime:
        word = name.split()[0]
        return self.stages.setdefault(word, StageTime(stage=word))


def append_line(path: Path, told: Mapping[str, Any]) -> None:
    """Append a JSON object to a file as one line, whole even when others append; closed again, so others see it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, (json.dumps(told) + "\n").encode())
    finally:
        os.close(descriptor)


def _rounded(told: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in told.items()}


def open_events(path: Path) -> Path:
    """Make the folder of an events file, and put a file aside that has grown large; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and path.stat().st_size > KEPT_BYTES:
        path.replace(path.with_name(f"{path.stem}.1{path.suffix}"))
    return path


@dataclass(slots=True, kw_only=True)
class ProgressCount:
    """How far a stage is: counts finished jobs and tells a progress display."""

    stage: str
    jobs: Sequence[Job]
    progress: Progress | None
    start: float = field(default_factory=time.monotonic)
    done_jobs: int = 0
    done_bytes: int = 0
    num_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.num_bytes = sum(job.num_bytes for job in self.jobs)

    def start_with(self, jobs: Iterable[Job]) -> None:
        """Count what was finished before, and show it."""
        for job in jobs:
            self.done_jobs += 1
            self.done_bytes += job.num_bytes
        self.show()

    def add(self, job: Job) -> None:
        """Count a finished job."""
        self.done_jobs += 1
        self.done_bytes += job.num_bytes
        self.show()

    def show(self) -> None:
        """Tell the display."""
        if self.progress is not None:
            seconds = time.monotonic() - self.start
            self.progress(self.stage, self.done_jobs, len(self.jobs), self.done_bytes, self.num_bytes, seconds)
