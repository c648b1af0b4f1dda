"""What happened in a run: one record for all engines, as log lines, an events file, progress and a table of stages."""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from curation.credentials import redacted
from curation.engine.jobs import Job, Progress
from curation.engine.profiling import profiled_driver, write_report
from curation.engine.times import StageTime, stage_table
from curation.version import __version__

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
        sizes = [_size(self.amount, self.unit)]
        sizes += [f"{self.rows} rows"] if self.rows is not None and self.unit != "rows" else []
        rates = [f"{_size(self.amount / self.seconds, self.unit)}/s"] if self.seconds else []
        rates += [f"{self.rows / self.seconds:.0f} rows/s"] if self.rows and self.seconds and len(sizes) > 1 else []
        return (
            f"{self.stage}: task {self.task} done, {', '.join(sizes)} in {self.seconds:.2f} s ({', '.join(rates)}), "
            f"CPU {self.cpu_seconds:.2f} s, memory {self.peak_bytes >> 20} MiB"
        )


def _size(amount: float, unit: str) -> str:
    if unit != "bytes":
        return f"{amount:.0f} {unit}"
    return f"{amount / 1e6:.1f} MB" if amount >= 1e6 else f"{amount / 1e3:.1f} kB"


def num_rows(summary: Mapping[str, Any]) -> int | None:
    """Return how many rows a task's summary tells of, if it does."""
    return next((int(summary[name]) for name in _ROWS if isinstance(summary.get(name), int)), None)


def worker_name(pid: int | None) -> str:
    """Name a worker process so that it can be found again: host and process id."""
    return f"{socket.gethostname()}:{pid or 0}"


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Take what engines tell and pass it on.

    `events` is the file that gets a JSON object per event, a line each. One recorder serves one run, in one process.
    With `is_profiled`, `profile` is the run's folder for profiles and `report` the page that sums them up.
    """

    progress: Progress | None = None
    events: Path | None = None
    is_profiled: bool = False
    profile: Path | None = None
    report: Path | None = None
    seconds: float = 0.0
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    stages: dict[str, StageTime] = field(default_factory=dict)
    _inner: list[float] = field(default_factory=list)

    @contextmanager
    def recording(self, root: Path, **about: Any) -> Iterator[None]:
        """Record a run: events go to `events.jsonl` in the workspace `root` unless `events` names another file."""
        self.events = open_events(self.events or root / "events.jsonl")
        self.profile = root / "profile" / self.run if self.is_profiled else None
        self.emit("run_start", version=__version__, host=socket.gethostname(), **about)
        start, outcome = time.monotonic(), "failed"
        try:
            with profiled_driver(self.profile):
                yield
            outcome = "done"
        finally:
            self.seconds = time.monotonic() - start
            self.emit("run_end", seconds=round(self.seconds, 3), outcome=outcome)
            if self.profile is not None:
                self.report = write_report(self.profile, stage_table(self.stages.values(), seconds=self.seconds))

    def emit(self, event: str, **fields: Any) -> None:
        """Write an event to the file; `time` is the clock's, `run` tells the runs of a file apart."""
        if self.events is None:
            return
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        append_line(self.events, {"time": stamp, "run": self.run, "event": event, **fields})

    def task(self, event: TaskEvent) -> None:
        """Take what became of an attempt at a task."""
        told = {name: value for name, value in asdict(event).items() if name not in ("kind", "amount", "unit")}
        self.emit(event.kind, **(_rounded(told) | {event.unit: event.amount}))
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
        self._stage(name)
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
        os.write(descriptor, (redacted(json.dumps(told)) + "\n").encode())
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
