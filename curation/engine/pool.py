"""A pool of watched worker processes: workers that die or take too much memory cost one attempt at one task."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.child import Child
from curation.engine.attempts import StageRun
from curation.engine.events import TaskEvent
from curation.engine.jobs import Job

SECONDS_BETWEEN_LOOKS = 0.2


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
        run = StageRun(
            stage=stage,
            function=function,
            folder=folder,
            tell=tell,
            memory_bytes=self.memory_bytes,
            profile=self.profile,
            todo=deque(sorted(jobs, key=lambda job: -job.num_bytes)),
            idle=self._grown(min(self.workers, len(jobs))),
        )
        looked = time.monotonic()
        while run.is_unfinished:
            run.start_jobs()
            yield from run.finished_jobs(seconds=SECONDS_BETWEEN_LOOKS)
            if time.monotonic() - looked >= SECONDS_BETWEEN_LOOKS:
                looked = time.monotonic()
                run.kill_oversized()
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
