"""The attempts at the jobs of one stage in worker processes: started, looked after, told of, made again."""

from __future__ import annotations

import re
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, cast

from curation.child import Child, ChildDiedError
from curation.engine.events import Kind, TaskEvent, num_rows, worker_name
from curation.engine.jobs import MAX_ATTEMPTS, Job
from curation.engine.usage import usage
from curation.errors import BuildError
from curation.fingerprint import canonical
from curation.workspace import write_bytes

_RECYCLED = 0.75  # of the limit: an idle worker that holds more is replaced before it gets another task


@dataclass(slots=True, kw_only=True)
class Attempt:
    """An attempt at a job, and what its worker used so far."""

    job: Job
    child: Child
    number: int
    worker: str = ""
    started: float = field(default_factory=time.monotonic)
    cpu_before: float = 0.0
    peak_bytes: int = 0
    cpu_seconds: float = 0.0

    def begin(self) -> None:
        """Start the worker if it does not run, and note what it has used before."""
        self.child.start()
        self.worker = worker_name(self.child.pid)
        self.cpu_before = usage(self.child.pid).cpu_seconds

    def look(self) -> None:
        """Note what the worker uses now."""
        used = usage(self.child.pid)
        self.peak_bytes = max(self.peak_bytes, used.num_bytes)
        self.cpu_seconds = max(self.cpu_seconds, used.cpu_seconds - self.cpu_before)


@dataclass(slots=True, kw_only=True)
class StageRun:
    """The jobs of one stage and the workers that run them; see `Pool.run` for what is told and written."""

    stage: str
    function: str
    folder: Path
    tell: Callable[[TaskEvent], None]
    memory_bytes: int | None
    profile: Path | None
    todo: deque[Job]
    idle: list[Child]
    _tries: Counter[str] = field(default_factory=Counter)
    _running: dict[Connection, Attempt] = field(default_factory=dict)

    @property
    def is_unfinished(self) -> bool:
        """Whether jobs wait or run."""
        return bool(self.todo or self._running)

    def start_jobs(self) -> None:
        """Give jobs to idle workers while there are both."""
        while self.todo and self.idle:
            child, job = renewed(self.idle.pop(), memory_bytes=self.memory_bytes), self.todo.popleft()
            self._tries[job.name] += 1
            attempt = Attempt(job=job, child=child, number=self._tries[job.name])
            try:
                self._submit(attempt)
                self._running[child.connection] = attempt
            except ChildDiedError as err:
                self._lose(attempt, _death(err))

    def finished_jobs(self, *, seconds: float) -> Iterator[tuple[Job, dict[str, Any]]]:
        """Wait for workers, at most so long; write the marker of each finished job and give it with its summary."""
        for connection in wait(list(self._running), timeout=seconds):
            attempt = self._running.pop(cast(Connection, connection))
            summary = self._received(attempt)
            if summary is not None:
                self.idle.append(attempt.child)
                write_bytes(self.folder / f"{attempt.job.name}.json", canonical(summary))
                self._tell("task_done", attempt, rows=num_rows(summary))
                yield attempt.job, summary

    def kill_oversized(self) -> None:
        """Measure all running workers and kill those that hold more than they may."""
        for attempt in list(self._running.values()):
            attempt.look()
            if self.memory_bytes and attempt.peak_bytes > self.memory_bytes:
                del self._running[attempt.child.connection]
                attempt.child.kill()
                self._lose(attempt, _excess(attempt.peak_bytes, self.memory_bytes))

    def _submit(self, attempt: Attempt) -> None:
        attempt.begin()
        job = attempt.job
        if self.profile is None:
            attempt.child.submit(self.function, job.argument)
            return
        self.profile.mkdir(parents=True, exist_ok=True)
        path = self.profile / f"{re.sub('[^0-9A-Za-z.-]', '-', self.stage)}-{job.name}.pstats"
        attempt.child.submit("curation.engine.profiling:profiled", self.function, job.argument, str(path))

    def _received(self, attempt: Attempt) -> dict[str, Any] | None:
        """Return the job's summary, or None when its worker was lost and the job shall be tried again."""
        attempt.look()
        try:
            summary: dict[str, Any] = attempt.child.receive()
        except ChildDiedError as err:
            self._lose(attempt, _death(err))
            return None
        except MemoryError as err:
            attempt.child.kill()
            self._lose(attempt, f"out of memory: {err}")
            return None
        except Exception as err:
            self._tell("task_failed", attempt, reason=f"{type(err).__name__}: {err}")
            raise
        return summary

    def _lose(self, attempt: Attempt, reason: str) -> None:
        """Put a job whose worker is lost first in line again. Raises BuildError after the last attempt."""
        self.idle.append(attempt.child)
        self.todo.appendleft(attempt.job)
        is_last = attempt.number >= MAX_ATTEMPTS
        self._tell("task_failed" if is_last else "task_retried", attempt, reason=reason)
        if is_last:
            raise BuildError(
                f"{self.stage}: task {attempt.job.name} lost its worker {MAX_ATTEMPTS} times: {reason}; a medium it "
                "reads may crash its decoder or need more memory than there is: give workers more with --memory, or "
                "run fewer with --workers"
            )

    def _tell(self, kind: Kind, attempt: Attempt, *, reason: str | None = None, rows: int | None = None) -> None:
        event = TaskEvent(
            kind=kind,
            stage=self.stage,
            task=attempt.job.name,
            amount=attempt.job.num_bytes,
            unit=attempt.job.unit,
            seconds=time.monotonic() - attempt.started,
            cpu_seconds=attempt.cpu_seconds,
            peak_bytes=attempt.peak_bytes,
            rows=rows,
            reason=reason,
            worker=attempt.worker,
        )
        self.tell(event)


def renewed(child: Child, *, memory_bytes: int | None) -> Child:
    """End a worker that holds much memory although it is idle; it starts anew with its next job."""
    if memory_bytes and usage(child.pid).num_bytes > _RECYCLED * memory_bytes:
        child.close()
    return child


def _death(err: ChildDiedError) -> str:
    return f"its worker died (exit code {err.exit_code})"


def _excess(num_bytes: int, limit: int) -> str:
    return f"its worker held {num_bytes >> 20} MiB, more than the {limit >> 20} MiB that a worker may (--memory)"
