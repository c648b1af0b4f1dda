"""The local engine: a pool of worker processes on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.engine.counting import ProgressCount
from curation.engine.events import Recorder
from curation.engine.jobs import Job, markers
from curation.engine.pool import Pool


@dataclass(slots=True, kw_only=True)
class LocalEngine:
    """`workers` processes on this machine; see `Pool` for `memory_bytes`."""

    workers: int
    memory_bytes: int | None = None
    recorder: Recorder = field(default_factory=Recorder)
    _pool: Pool = field(init=False)

    def __post_init__(self) -> None:
        profile = self.recorder.profile and self.recorder.profile / "tasks"
        self._pool = Pool(workers=self.workers, memory_bytes=self.memory_bytes, profile=profile)

    def map(self, stage: str, function: str, jobs: Sequence[Job], folder: Path) -> list[dict[str, Any]]:
        """Run `module:name`(argument) for the jobs without a marker in `folder`; return all summaries in job order.

        Raises what a job raised, and BuildError that names stage and task when one has cost its worker too often.
        After an error the workers are gone and finished jobs keep their markers.
        """
        with self.recorder.stage(stage, jobs):
            summaries = markers(folder, jobs)
            count = ProgressCount(stage=stage, jobs=jobs, progress=self.recorder.progress)
            count.start_with(job for job in jobs if job.name in summaries)
            todo = [job for job in jobs if job.name not in summaries]
            try:
                for job, summary in self._pool.run(
                    stage, function, todo, folder=folder, tell=self.recorder.task, tick=count.show
                ):
                    summaries[job.name] = summary
                    count.add(job)
            except BaseException:
                self.close()
                raise
            return [summaries[job.name] for job in jobs]

    def close(self) -> None:
        """End the workers."""
        self._pool.close()
