"""A pool of watched worker processes: workers that die or take too much memory cost one attempt at one task."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
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

SECONDS_BETWEEN_LOOKS = 0.2
_RECYCLED = 0.75  # of the limit: an idle worker that holds more is replaced before it gets another task


@dataclass(slots=True, kw_only=True)
class _Running:
    """An attempt at a job, and what its worker used so far."""

    job: Job
    child: Child
    attempt: int
    worker: str = ""
    started: float = field(default_factory=time.monotonic)
    cpu_before: float = 0.0
    peak_bytes: int = 0
    cpu_seconds: float = 0.0

    def begin(self) -> None:
        self.child.start()
        self.worker = worker_name(self.child.pid)
        self.cpu_before = usage(self.child.pid).cpu_seconds

    def look(self) -> None:
        used = usage(self.child.pid)
        self.peak_bytes = max(self.peak_bytes, used.num_bytes)
        self.cpu_seconds = max(self.cpu_seconds, used.cpu_seconds - self.cpu_before)


@dataclass(slots=True, kw_only=True)
class Pool:
    """`workers` processes, kept from stage to stage.

    `memory_bytes` bounds what one worker and the processes below it may hold (None: no bound): one that holds more is
    killed within a fraction of a second, and its task counts as an attempt that failed. With `profile`, each task
    leaves its profile in that folder.
    """

    workers: int
    memory_bytes: int | None = None
    profile: Path | None = None
    _children: list[Child] = field(default_factory=list)

    def run(
        self,
        stage: str,
        function: str,
        jobs: Sequence[Job],
        *,
        folder: Path,
        tell: Callable[[TaskEvent], None],
        tick: Callable[[], None] = lambda: None,
    ) -> Iterator[tuple[Job, dict[str, Any]]]:
        """Run jobs, largest first; write each one's marker into `folder` and give it with its summary as it is done.

        `tell` gets what becomes of each attempt, `tick` is called now and then. Raises what a job raised, and
        BuildError naming stage and task when one has cost its worker `MAX_ATTEMPTS` times.
        """
        todo = deque(sorted(jobs, key=lambda job: -job.num_bytes))
        attempts: dict[str, int] = {}
        running: dict[Connection, _Running] = {}
        idle = self._grown(min(self.workers, len(todo)))
        looked = time.monotonic()
        while todo or running:
            while todo and idle:
                child, job = self._fresh(idle.pop()), todo.popleft()
                attempts[job.name] = attempts.get(job.name, 0) + 1
                attempt = _Running(job=job, child=child, attempt=attempts[job.name])
                try:
                    self._submit(stage, function, attempt)
                    running[child.connection] = attempt
                except ChildDiedError as err:
                    idle.append(child)
                    todo.appendleft(job)
                    _lose(stage, attempt, _death(err), tell)
            for connection in wait(list(running), timeout=SECONDS_BETWEEN_LOOKS):
                attempt = running.pop(cast(Connection, connection))
                idle.append(attempt.child)
                summary = _finish(stage, attempt, tell)
                if summary is None:
                    todo.appendleft(attempt.job)
                    continue
                write_bytes(folder / f"{attempt.job.name}.json", canonical(summary))
                tell(_event("task_done", stage, attempt, rows=num_rows(summary)))
                yield attempt.job, summary
            if time.monotonic() - looked >= SECONDS_BETWEEN_LOOKS:
                looked = time.monotonic()
                for attempt in self._oversized(running.values()):
                    del running[attempt.child.connection]
                    attempt.child.kill()
                    idle.append(attempt.child)
                    todo.appendleft(attempt.job)
                    _lose(stage, attempt, self._excess(attempt), tell)
                tick()

    def close(self) -> None:
        """End the workers."""
        for child in self._children:
            child.kill()
        self._children.clear()

    def _grown(self, size: int) -> list[Child]:
        while len(self._children) < size:
            self._children.append(Child())
        return self._children[:size]

    def _fresh(self, child: Child) -> Child:
        """End a worker that holds much memory although it is idle; it starts anew with its next job."""
        if self.memory_bytes and usage(child.pid).num_bytes > _RECYCLED * self.memory_bytes:
            child.close()
        return child

    def _submit(self, stage: str, function: str, attempt: _Running) -> None:
        attempt.begin()
        job = attempt.job
        if self.profile is None:
            attempt.child.submit(function, job.argument)
            return
        self.profile.mkdir(parents=True, exist_ok=True)
        path = self.profile / f"{re.sub('[^0-9A-Za-z.-]', '-', stage)}-{job.name}.pstats"
        attempt.child.submit("curation.engine.profiling:profiled", function, job.argument, str(path))

    def _oversized(self, running: Iterable[_Running]) -> list[_Running]:
        found = []
        for attempt in running:
            attempt.look()
            if self.memory_bytes and attempt.peak_bytes > self.memory_bytes:
                found.append(attempt)
        return found

    def _excess(self, attempt: _Running) -> str:
        assert self.memory_bytes is not None
        return (
            f"its worker held {attempt.peak_bytes >> 20} MiB, more than the {self.memory_bytes >> 20} MiB that a "
            "worker may (--memory)"
        )


def _finish(stage: str, attempt: _Running, tell: Callable[[TaskEvent], None]) -> dict[str, Any] | None:
    """Return the job's summary, or None when its worker was lost and the job shall be tried again."""
    attempt.look()
    try:
        summary: dict[str, Any] = attempt.child.receive()
    except ChildDiedError as err:
        _lose(stage, attempt, _death(err), tell)
        return None
    except MemoryError as err:
        attempt.child.kill()
        _lose(stage, attempt, f"out of memory: {err}", tell)
        return None
    except Exception as err:
        tell(_event("task_failed", stage, attempt, reason=f"{type(err).__name__}: {err}"))
        raise
    return summary


def _lose(stage: str, attempt: _Running, reason: str, tell: Callable[[TaskEvent], None]) -> None:
    is_last = attempt.attempt >= MAX_ATTEMPTS
    tell(_event("task_failed" if is_last else "task_retried", stage, attempt, reason=reason))
    if is_last:
        raise _given_up(stage, attempt.job, reason)


def _given_up(stage: str, job: Job, reason: str) -> BuildError:
    return BuildError(
        f"{stage}: task {job.name} lost its worker {MAX_ATTEMPTS} times: {reason}; a medium it reads may crash its "
        "decoder or need more memory than there is: give workers more with --memory, or run fewer with --workers"
    )


def _death(err: ChildDiedError) -> str:
    return f"its worker died (exit code {err.exit_code})"


def _event(
    kind: Kind, stage: str, attempt: _Running, *, reason: str | None = None, rows: int | None = None
) -> TaskEvent:
    job = attempt.job
    return TaskEvent(
        kind=kind,
        stage=stage,
        task=job.name,
        amount=job.num_bytes,
        unit=job.unit,
        seconds=time.monotonic() - attempt.started,
        cpu_seconds=attempt.cpu_seconds,
        peak_bytes=attempt.peak_bytes,
        rows=rows,
        reason=reason,
        worker=attempt.worker,
    )
