"""Ranks as elements of a Slurm array job, submitted by datatrove's SlurmPipelineExecutor."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from curation.engine.choice import EngineSettings
from curation.errors import BuildError

POLL_SECONDS = 10.0
_FAILED_POLLS = 30  # squeue may be out of reach for five minutes
_UNLIMITED = 1 << 20
_logger = logging.getLogger("curation.engine")


@dataclass(slots=True)
class SlurmLauncher:
    """Submits an array job of one CPU an element and asks `squeue` until no element is pending or running."""

    settings: EngineSettings
    poll_seconds: float = POLL_SECONDS
    _job_ids: list[str] = field(default_factory=list)
    _is_cancelled: bool = False

    @property
    def parallel(self) -> int:
        """The elements that may run at once."""
        return self.settings.workers or _UNLIMITED

    def launch(self, folder: Path, num_ranks: int, *, name: str) -> None:
        """Run the ranks; see `Launcher`. Raises BuildError when the scheduler refuses or can't be reached."""
        _check_scheduler()
        if re.search(r"\s", str(folder)):
            raise BuildError(
                f"engine slurm: '{folder}' holds a blank, which srun can't pass on; use another --workspace"
            )
        from curation.engine.transport import ArrayExecutor, RunJobs, quiet_datatrove

        self._is_cancelled = False
        executor = ArrayExecutor(
            pipeline=[RunJobs(str(folder))],
            tasks=num_ranks,
            time=self.settings.options.get("time", "04:00:00"),
            partition=self.settings.options["partition"],
            workers=self.settings.workers or -1,
            qos=self.settings.options.get("qos"),
            mem_per_cpu_gb=_gigabytes(self.settings.memory_bytes),
            job_name="curation-" + re.sub("[^0-9A-Za-z]+", "-", name),
            env_command=self.settings.options.get("setup", _activation()),
            logging_dir=str(folder),
            sbatch_args={
                option: self.settings.options[option]
                for option in ("account", "constraint")
                if option in self.settings.options
            },
            job_id_retriever=self._note_job,
        )
        with quiet_datatrove():
            try:
                executor.run()
            except subprocess.CalledProcessError as err:
                raise BuildError(f"engine slurm: sbatch ended with {err.returncode}; see its message above") from err
        while not self._is_cancelled and self._is_queued():
            time.sleep(self.poll_seconds)
        if self._is_cancelled:
            self.cancel()
        self._job_ids.clear()

    def cancel(self) -> None:
        """Cancel the jobs that were submitted and have not ended."""
        self._is_cancelled = True
        if self._job_ids:
            subprocess.run(["scancel", *self._job_ids], capture_output=True, check=False)

    def close(self) -> None:
        """Do nothing: jobs that have ended leave nothing behind."""

    def _note_job(self, printed: str) -> str:
        self._job_ids.append(printed.split()[-1].partition(";")[0])
        return self._job_ids[-1]

    def _is_queued(self) -> bool:
        """Ask whether any element is pending or running; Slurm forgets jobs some minutes after they end."""
        command = ["squeue", "--noheader", "--format=%T", "--jobs", ",".join(self._job_ids)]
        for attempt in range(_FAILED_POLLS):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return bool(done.stdout.strip())
            if "Invalid job id" in done.stderr:
                return False
            _logger.warning("squeue: %s (%d of %d)", done.stderr.strip(), attempt + 1, _FAILED_POLLS)
            time.sleep(self.poll_seconds)
        raise BuildError(
            f"engine slurm: squeue does not answer about job {', '.join(self._job_ids)}: {done.stderr.strip()}"
        )


def _check_scheduler() -> None:
    missing = [program for program in ("sbatch", "squeue", "scontrol") if shutil.which(program) is None]
    if missing:
        raise BuildError(f"engine slurm: no {', '.join(missing)} on PATH; run this on a login node of the cluster")
    if "SLURM_ARRAY_TASK_ID" in os.environ:
        raise BuildError("engine slurm: this is an element of an array job itself; run the build from a login node")


def _activation() -> str:
    """Return the command with which a node finds this interpreter's programs."""
    return f'export PATH="{Path(sys.executable).parent}:$PATH"'


def _gigabytes(memory_bytes: int | None) -> int:
    """Round a worker's memory up to whole GiB and add one for the process that watches it."""
    return 1 + -(-(memory_bytes or 1 << 30) // (1 << 30))
