"""Which engine runs the tasks, and with what: checked before anything is read."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from curation.engine.events import Recorder
from curation.engine.jobs import Engine
from curation.engine.local import LocalEngine
from curation.errors import ManifestError, nearest

MEMORY_BYTES = 1_000_000_000

# What each engine takes with --engine-option NAME=VALUE, and what it is for.
_RANK_SECONDS = "about how long one rank shall run; default 120"
OPTIONS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "local": {},
        "ray": {
            "address": "the cluster's address; default: RAY_ADDRESS, else the cluster of this machine, else a new one",
            "rank_seconds": _RANK_SECONDS,
        },
        "slurm": {
            "partition": "the partition; required",
            "time": "the time limit of a job, HH:MM:SS; default 04:00:00",
            "account": "the account to charge",
            "qos": "the quality of service",
            "constraint": "the features that nodes must have",
            "setup": "a shell command that makes `curation` available on a node; default: this environment on PATH",
            "rank_seconds": _RANK_SECONDS,
        },
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """An engine by name, and what it may use.

    `workers`: processes of this machine (local; default one per core), jobs at once (ray; default one per CPU of the
    cluster), array elements at once (slurm; default no limit). `memory_bytes` bounds one worker, None for no bound.
    """

    name: str = "local"
    workers: int | None = None
    memory_bytes: int | None = MEMORY_BYTES
    options: Mapping[str, str] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """Return what a run tells of its engine; options are left out, they may say who pays."""
        return {"engine": self.name, "workers": self.workers, "memory_bytes": self.memory_bytes}

    def check(self) -> None:
        """Raise ManifestError for an engine or an option that there is not."""
        if self.name not in OPTIONS:
            names = ", ".join(sorted(OPTIONS))
            raise ManifestError(f"no engine named '{self.name}'{nearest(self.name, OPTIONS)}; there are {names}")
        known = OPTIONS[self.name]
        for name in self.options:
            if name not in known:
                there = f"it takes {', '.join(known)}" if known else "it takes none"
                raise ManifestError(f"engine {self.name}: no option named '{name}'{nearest(name, known)}; {there}")
        seconds = self.options.get("rank_seconds", "1")
        if not re.fullmatch(r"\d+(\.\d+)?", seconds) or float(seconds) <= 0:
            raise ManifestError(f"engine {self.name}: rank_seconds '{seconds}' is no number of seconds above 0")
        if self.name == "slurm" and "partition" not in self.options:
            raise ManifestError("engine slurm: no partition; add --engine-option partition=NAME (sinfo lists them)")


def open_engine(settings: EngineSettings, recorder: Recorder) -> Engine:
    """Make an engine. Raises ManifestError, and BuildError where its scheduler can't be reached."""
    settings.check()
    if settings.name == "local":
        workers = settings.workers or os.cpu_count() or 1
        return LocalEngine(workers=workers, memory_bytes=settings.memory_bytes, recorder=recorder)
    from curation.engine.cluster import ClusterEngine
    from curation.engine.ray import RayLauncher
    from curation.engine.slurm import SlurmLauncher, check_scheduler

    if settings.name == "slurm":
        check_scheduler()
    launchers = {"ray": RayLauncher, "slurm": SlurmLauncher}
    return ClusterEngine(settings=settings, launcher=launchers[settings.name](settings), recorder=recorder)
