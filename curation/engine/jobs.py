"""What engines run: the jobs of a stage, their markers, and how jobs are grouped for a cluster."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from curation.engine.events import Recorder

MAX_ATTEMPTS = 3
GROUP_SECONDS = 120.0  # of a rank on a cluster

# stage, done tasks, tasks, done bytes, bytes, seconds since the stage began
Progress = Callable[[str, int, int, int, int, float], None]

Unit = Literal["bytes", "frames", "rows"]

# What a core does in a second at least, measured on pull with images, on decoding 720p videos, on writing shards: only
# for the size of groups, so a factor of two costs nothing.
RATES: dict[Unit, float] = {"bytes": 16e6, "frames": 24.0, "rows": 2000.0}
_JOB_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One task of a stage: its name (unique in the stage), the function's argument, and its size for balancing.

    `num_bytes` is the size in `unit`s. `outputs` are the files that it leaves behind; where one is gone, the job is run
    again although it has a marker.
    """

    name: str
    argument: Any
    num_bytes: int = 1
    outputs: tuple[Path, ...] = ()
    unit: Unit = "bytes"

    @property
    def seconds(self) -> float:
        """About how long one core takes."""
        return _JOB_SECONDS + self.num_bytes / RATES[self.unit]


class Engine(Protocol):
    """What runs the jobs of a stage and returns their summaries in job order."""

    @property
    def recorder(self) -> Recorder:
        """What takes where the time goes."""

    def map(self, stage: str, function: str, jobs: Sequence[Job], folder: Path) -> list[dict[str, Any]]: ...

    def close(self) -> None: ...


def marker(folder: Path, job: Job) -> dict[str, Any] | None:
    """Return the summary that a finished job left, or None when it is not finished or its outputs are gone."""
    if not all(path.exists() for path in job.outputs):
        return None
    try:
        return dict(json.loads((folder / f"{job.name}.json").read_bytes()))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def markers(folder: Path, jobs: Sequence[Job]) -> dict[str, dict[str, Any]]:
    """Return the summaries of the finished jobs by name."""
    return {job.name: summary for job in jobs if (summary := marker(folder, job)) is not None}


def grouped(jobs: Sequence[Job], *, workers: int, seconds: float = GROUP_SECONDS) -> list[list[Job]]:
    """Spread jobs over groups of about `seconds` each, or down to half of that where `workers` would have no group.

    In each group the largest job is the first. The same jobs give the same groups.
    """
    total = sum(job.seconds for job in jobs)
    count = max(1, round(total / seconds), min(workers, int(2 * total / seconds)))
    groups: list[list[Job]] = [[] for _ in range(min(count, len(jobs)))]
    loads = [(0.0, number) for number in range(len(groups))]
    for job in sorted(jobs, key=lambda job: (-job.seconds, job.name)):
        load, number = heapq.heappop(loads)
        groups[number].append(job)
        heapq.heappush(loads, (load + job.seconds, number))
    return groups
