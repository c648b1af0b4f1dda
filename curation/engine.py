"""Map a function over tasks: the local engine, a pool of watched processes.

A task writes its outputs itself and returns a small summary; the engine writes the task's marker last. A task whose
marker is there is not run again. A worker that dies takes only its task with it: the task is tried again elsewhere,
and after `MAX_ATTEMPTS` the stage fails and names it.
"""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol, cast

from curation.child import Child, ChildDiedError
from curation.errors import BuildError
from curation.fingerprint import canonical
from curation.workspace import write_bytes

MAX_ATTEMPTS = 3
_logger = logging.getLogger(__name__)

# stage, done tasks, tasks, done bytes, bytes, seconds since the stage began
Progress = Callable[[str, int, int, int, int, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One task of a stage: its name (unique in the stage), the function's argument, and its size for balancing.

    `outputs` are the files that it leaves behind; where one is gone, the job is run again although it has a marker.
    """

    name: str
    argument: Any
    num_bytes: int = 1
    outputs: tuple[Path, ...] = ()


class Engine(Protocol):
    """What runs the jobs of a stage and returns their summaries in job order."""

    def map(self, stage: str, function: str, jobs: Sequence[Job], folder: Path) -> list[dict[str, Any]]: ...

    def close(self) -> None: ...


@dataclass(slots=True, kw_only=True)
class LocalEngine:
    """A pool of `workers` processes on this machine, kept from stage to stage."""

    workers: int
    progress: Progress | None = None
    _children: list[Child] = field(default_factory=list)

    def map(self, stage: str, function: str, jobs: Sequence[Job], folder: Path) -> list[dict[str, Any]]:
        """Run `module:name`(argument) for the jobs without a marker in `folder`; return all summaries in job order.

        The largest jobs go first. Raises what a job raised; a worker that died three times over the same job becomes a
        `BuildError` that names stage and job. After an error the workers are gone and finished jobs keep their markers.
        """
        summaries = {job.name: summary for job in jobs if (summary := _marker(folder, job)) is not None}
        todo = deque(sorted((job for job in jobs if job.name not in summaries), key=lambda job: -job.num_bytes))
        report = _Report(stage=stage, jobs=jobs, progress=self.progress)
        report.add(job for job in jobs if job.name in summaries)
        attempts: dict[str, int] = {}
        running: dict[Connection, tuple[Child, Job]] = {}
        idle = self._pool(min(self.workers, len(todo)))
        try:
            while todo or running:
                while todo and idle:
                    child, job = idle.pop(), todo.popleft()
                    attempts[job.name] = attempts.get(job.name, 0) + 1
                    if _submit(stage, child, job, function=function, attempt=attempts[job.name]):
                        running[child.connection] = (child, job)
                    else:
                        idle.append(child)
                        todo.appendleft(job)
                for connection in wait(list(running), timeout=1.0):
                    child, job = running.pop(cast(Connection, connection))
                    idle.append(child)
                    summary = _receive(stage, child, job, attempts[job.name])
                    if summary is None:
                        todo.appendleft(job)
                        continue
                    write_bytes(folder / f"{job.name}.json", canonical(summary))
                    summaries[job.name] = summary
                    report.add([job])
                report.show()
        except BaseException:
            self.close()
            raise
        return [summaries[job.name] for job in jobs]

    def _pool(self, size: int) -> list[Child]:
        while len(self._children) < size:
            self._children.append(Child())
        return self._children[:size]

    def close(self) -> None:
        """End the workers."""
        for child in self._children:
            child.kill()
        self._children.clear()


@dataclass(slots=True, kw_only=True)
class _Report:
    stage: str
    jobs: Sequence[Job]
    progress: Progress | None
    start: float = field(default_factory=time.monotonic)
    done_jobs: int = 0
    done_bytes: int = 0

    def add(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self.done_jobs += 1
            self.done_bytes += job.num_bytes
        self.show()

    def show(self) -> None:
        if self.progress is not None:
            num_bytes = sum(job.num_bytes for job in self.jobs)
            seconds = time.monotonic() - self.start
            self.progress(self.stage, self.done_jobs, len(self.jobs), self.done_bytes, num_bytes, seconds)


def _receive(stage: str, child: Child, job: Job, attempt: int) -> dict[str, Any] | None:
    """Return the job's summary, or None when its worker died and the job shall be tried again."""
    try:
        summary: dict[str, Any] = child.receive()
    except ChildDiedError as err:
        _note_death(stage, job, err, attempt)
        return None
    return summary


def _submit(stage: str, child: Child, job: Job, *, function: str, attempt: int) -> bool:
    """Give a job to a worker; False when the worker died before it had the job."""
    try:
        child.submit(function, job.argument)
    except ChildDiedError as err:
        _note_death(stage, job, err, attempt)
        return False
    return True


def _note_death(stage: str, job: Job, err: ChildDiedError, attempt: int) -> None:
    """Log that a worker died over a job; raise BuildError when that was the last attempt."""
    if attempt >= MAX_ATTEMPTS:
        raise BuildError(
            f"{stage}: task {job.name} killed its worker {attempt} times (exit code {err.exit_code}); "
            "a medium it reads may crash its decoder or need more memory than there is"
        ) from err
    _logger.warning("%s: the worker of task %s died (exit code %s); trying again", stage, job.name, err.exit_code)


def _marker(folder: Path, job: Job) -> dict[str, Any] | None:
    if not all(path.exists() for path in job.outputs):
        return None
    try:
        return dict(json.loads((folder / f"{job.name}.json").read_bytes()))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
