"""Ranks as elements of a Slurm array job, submitted by datatrove's SlurmPipelineExecutor."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from curation.engine.choice import EngineSettings
from curation.errors import BuildError

if TYPE_CHECKING:
    from curation.engine.transport import ArrayExecutor

_POLL_SECONDS = (0.5, 10.0)  # between questions to squeue: at first, at last
_FAILED_POLLS = 30  # squeue may be out of reach for five minutes
_UNLIMITED = 1 << 20
_logger = logging.getLogger("curation.engine")


@dataclass(slots=True)
class SlurmLauncher:
    """Submits an array job of one CPU an element and asks `squeue` until no element is pending or running."""

    settings: EngineSettings
    _jobs: list[str] = field(default_factory=list)
    _cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def parallel(self) -> int:
        """The elements that may run at once."""
        return self.settings.workers or _UNLIMITED

    def launch(self, folder: Path, num_ranks: int, *, name: str) -> None:
        """Run the ranks; see `Launcher`. Raises BuildError when the scheduler refuses or can't be reached."""
        from curation.engine.transport import quiet_datatrove

        if re.search(r"\s", str(folder)):
            raise BuildError(
                f"engine slurm: '{folder}' holds a blank, which the job's script can't; use another --workspace"
            )
        executor = self._executor(folder, num_ranks, name=name)
        try:
            with quiet_datatrove():
                executor.run()
        except subprocess.CalledProcessError as err:
            raise BuildError(
                f"engine slurm: sbatch refuses the job (exit code {err.returncode}, its message stands above); mend "
                "the --engine-option it names and run the same command again"
            ) from err
        self._wait()

    def _executor(self, folder: Path, num_ranks: int, *, name: str) -> ArrayExecutor:
        from curation.engine.transport import ArrayExecutor, RunJobs

        options, jobs = self.settings.options, self._jobs

        def note_job(printed: str) -> str:  # no method: the executor is pickled with it
            jobs.append(printed.split()[-1].partition(";")[0])
            return jobs[-1]

        return ArrayExecutor(
            pipeline=[RunJobs(str(folder))],
            tasks=num_ranks,
            time=options.get("time", "04:00:00"),
            partition=options["partition"],
            workers=self.settings.workers or -1,
            qos=options.get("qos"),
            mem_per_cpu_gb=_gibibytes(self.settings.memory_bytes),
            job_name="curation-" + re.sub("[^0-9A-Za-z]+", "-", name),
            env_command=options.get("setup", f'export PATH="{Path(sys.executable).parent}:$PATH"'),
            logging_dir=str(folder),
            sbatch_args={option: options[option] for option in ("account", "constraint") if option in options},
            job_id_retriever=note_job,
        )

    def cancel(self) -> None:
        """Cancel the jobs that were submitted and have not ended."""
        self._cancelled.set()
        if self._jobs:
            subprocess.run(["scancel", *self._jobs], capture_output=True, check=False)

    def close(self) -> None:
        """Do nothing: jobs that have ended leave nothing behind."""

    def _wait(self) -> None:
        """Ask squeue, ever more seldom, until no element is pending or running or all were cancelled."""
        seconds, last = _POLL_SECONDS
        while not self._cancelled.wait(seconds) and self._is_queued():
            seconds = min(1.5 * seconds, last)
        if self._cancelled.is_set():
            self.cancel()  # again: the job may have been submitted meanwhile
        self._jobs.clear()

    def _is_queued(self) -> bool:
        """Ask whether any element is pending or running; Slurm forgets jobs some minutes after they end."""
        jobs = ",".join(self._jobs)
        for attempt in range(_FAILED_POLLS):
            command = ["squeue", "--noheader", "--format=%T", "--jobs", jobs]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return bool(done.stdout.strip())
            if "Invalid job id" in done.stderr:
                return False
            _logger.warning("squeue: %s (%d of %d)", done.stderr.strip(), attempt + 1, _FAILED_POLLS)
            self._cancelled.wait(_POLL_SECONDS[1])
        raise BuildError(f"engine slurm: squeue does not answer about job {jobs}: {done.stderr.strip()}")


def check_scheduler() -> None:
    """Raise BuildError where no array job can be submitted from."""
    missing = [program for program in ("sbatch", "squeue", "scancel") if shutil.which(program) is None]
    if missing:
        raise BuildError(f"engine slurm: no {', '.join(missing)} on PATH; run this on a login node of the cluster")
    if "SLURM_ARRAY_TASK_ID" in os.environ:
        raise BuildError("engine slurm: this is an element of an array job itself; run the build on a login node")


def _gibibytes(memory_bytes: int | None) -> int:
    """Round a worker's memory up to whole GiB and add one for the process that watches it."""
    return 1 + -(-(memory_bytes or 1 << 30) // (1 << 30))
