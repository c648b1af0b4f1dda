"""How far a stage is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from curation.engine.jobs import Job, Progress


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
        self.num_bytes = sum(_num_bytes(job) for job in self.jobs)

    def start_with(self, jobs: Iterable[Job]) -> None:
        """Count what was finished before, and show it."""
        for job in jobs:
            self.done_jobs += 1
            self.done_bytes += _num_bytes(job)
        self.show()

    def add(self, job: Job) -> None:
        """Count a finished job."""
        self.done_jobs += 1
        self.done_bytes += _num_bytes(job)
        self.show()

    def show(self) -> None:
        """Tell the display."""
        if self.progress is not None:
            seconds = time.monotonic() - self.start
            self.progress(self.stage, self.done_jobs, len(self.jobs), self.done_bytes, self.num_bytes, seconds)


def _num_bytes(job: Job) -> int:
    """Return a job's size where it is one in bytes: displays would call frames bytes."""
    return job.num_bytes if job.unit == "bytes" else 0
