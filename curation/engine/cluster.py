"""Engines of many machines: datatrove's executors start the ranks, the driver checks what they left and counts."""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from curation.engine.choice import EngineSettings
from curation.engine.counting import ProgressCount
from curation.engine.events import Recorder
from curation.engine.jobs import GROUP_SECONDS, MAX_ATTEMPTS, Job, grouped, markers
from curation.engine.rank import BEAT_SECONDS, EventTail, Run
from curation.errors import BuildError

RUNS = "runs"
_SECONDS_BETWEEN_LOOKS = 0.5
_logger = logging.getLogger("curation.engine")


class Launcher(Protocol):
    """What starts the ranks of a run on a cluster and waits for them."""

    @property
    def parallel(self) -> int:
        """About how many ranks can run at once."""

    def launch(self, folder: Path, num_ranks: int, *, name: str) -> None:
        """Run the ranks 0 … num_ranks-1 of the run in `folder` and return when none runs any more.

        Whether they did their jobs is not for the launcher to say.
        """

    def cancel(self) -> None:
        """End ranks that still run."""

    def close(self) -> None:
        """Let go of the cluster."""


@dataclass(slots=True, kw_only=True)
class ClusterEngine:
    """Runs stages on a cluster whose nodes share the file system of the workspace, of the output and of local sources.

    Jobs are grouped into ranks of about two minutes. When the ranks have ended, however they ended, the driver looks
    for the jobs' markers and outputs itself, and runs what is missing again, `MAX_ATTEMPTS` rounds in all.
    """

    settings: EngineSettings
    launcher: Launcher
    recorder: Recorder

    def map(self, stage: str, function: str, jobs: Sequence[Job], folder: Path) -> list[dict[str, Any]]:
        """Run `module:name`(argument) for the jobs without a marker in `folder`; return all summaries in job order.

        Raises what a job raised, and BuildError that names stage and tasks when some are not done after all rounds.
        """
        with self.recorder.stage(stage, jobs):
            summaries = markers(folder, jobs)
            count = ProgressCount(stage=stage, jobs=jobs, progress=self.recorder.progress)
            count.start_with(job for job in jobs if job.name in summaries)
            problem: Exception | None = None
            for attempt in range(1, MAX_ATTEMPTS + 1):
                todo = [job for job in jobs if job.name not in summaries]
                if not todo:
                    break
                if attempt > 1:
                    _logger.warning(
                        "%s: %d of %d tasks were not done (first: %s); running them again, round %d of %d",
                        *(stage, len(todo), len(jobs), todo[0].name, attempt, MAX_ATTEMPTS),
                    )
                problem = self._round(stage, function, todo, folder=folder, count=count) or problem
                summaries = markers(folder, jobs)
            missing = [job.name for job in jobs if job.name not in summaries]
            if missing:
                raise _not_done(stage, missing, num_jobs=len(jobs), folder=folder) from problem
            return [summaries[job.name] for job in jobs]

    def close(self) -> None:
        """End ranks that still run, and let go of the cluster."""
        self.launcher.cancel()
        self.launcher.close()

    def _round(
        self, stage: str, function: str, todo: Sequence[Job], *, folder: Path, count: ProgressCount
    ) -> Exception | None:
        """Run jobs once; return what went wrong with the cluster. Raises what a job raised."""
        seconds = float(self.settings.options.get("rank_seconds", GROUP_SECONDS))
        groups = grouped(todo, workers=self.launcher.parallel, seconds=seconds)
        run = Run(
            folder=folder / RUNS / secrets.token_hex(4),
            stage=stage,
            function=function,
            markers=folder,
            memory_bytes=self.settings.memory_bytes,
            profile=self.recorder.profile and self.recorder.profile / "tasks",
        )
        run.write(groups)
        problem = self._launch(run, groups, count)
        if errors := run.errors():
            raise errors[0]
        if len(markers(folder, todo)) == len(todo):
            shutil.rmtree(run.folder, ignore_errors=True)  # else its logs are what tells why
        return problem

    def _launch(self, run: Run, groups: Sequence[Sequence[Job]], count: ProgressCount) -> Exception | None:
        """Have the ranks run, passing on what they tell; return what the launcher raised."""
        problems: list[Exception] = []

        def launch() -> None:
            try:
                self.launcher.launch(run.folder, len(groups), name=run.stage)
            except Exception as err:
                problems.append(err)

        tail = EventTail(folder=run.folder)
        by_name = {job.name: job for group in groups for job in group}
        thread = threading.Thread(target=launch, daemon=True)
        run.beat()
        beaten = time.monotonic()
        thread.start()
        try:
            while thread.is_alive():
                thread.join(_SECONDS_BETWEEN_LOOKS)
                if time.monotonic() - beaten >= BEAT_SECONDS:
                    run.beat()
                    beaten = time.monotonic()
                self._pass_on(tail, by_name, count)
        except BaseException:
            run.stop()
            self.launcher.cancel()
            raise
        self._pass_on(tail, by_name, count)
        for problem in problems:
            if isinstance(problem, BuildError):  # of the settings: another round changes nothing
                raise problem
            _logger.warning("%s: %s: %s", run.stage, type(problem).__name__, problem)
            return problem
        return None

    def _pass_on(self, tail: EventTail, by_name: dict[str, Job], count: ProgressCount) -> None:
        for event in tail.read():
            self.recorder.task(event)
            if event.kind == "task_done" and event.task in by_name:
                count.add(by_name.pop(event.task))
        count.show()


def _not_done(stage: str, missing: Sequence[str], *, num_jobs: int, folder: Path) -> BuildError:
    named = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
    return BuildError(
        f"{stage}: {len(missing)} of {num_jobs} tasks left no marker in {MAX_ATTEMPTS} rounds ({named}); see "
        f"the logs in {folder / RUNS}, and whether every node sees {folder} and has this toolkit installed"
    )
