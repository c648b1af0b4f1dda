"""What a rank of a cluster run does: its share of a stage's jobs, in a watched process, as the local engine does.

A run is a folder that driver and nodes share: `run.pickle`, `jobs-N.pickle`; the ranks leave `events-N.jsonl` and, when
a job raises, `error-N.pickle`. A file `stop` asks the ranks to end before their next job, and so does a driver
that lets its file `beat` stand still: what a killed driver has submitted does not run on for hours.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from curation.child import portable
from curation.engine.events import TaskEvent, append_line
from curation.engine.jobs import Job, marker
from curation.engine.pool import Pool
from curation.workspace import write_bytes

BEAT = "beat"
BEAT_SECONDS = 5.0
SILENT_SECONDS = 180.0  # a rank whose driver has not shown itself for so long ends before its next job


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One round of a stage on a cluster: what the ranks have to know.

    `folder` is the shared folder of the run. What the driver can import, adapters of its own included, ranks find too.
    """

    folder: Path
    stage: str
    function: str
    markers: Path
    memory_bytes: int | None
    profile: Path | None
    python_path: tuple[str, ...] = field(default_factory=lambda: tuple(str(Path(path).absolute()) for path in sys.path))

    def write(self, groups: Sequence[Sequence[Job]]) -> None:
        """Write the run for its ranks, a group of jobs each."""
        self.folder.mkdir(parents=True)
        for rank, jobs in enumerate(groups):
            write_bytes(self.folder / f"jobs-{rank}.pickle", pickle.dumps(list(jobs)))
        write_bytes(self.folder / "run.pickle", pickle.dumps(self))

    def beat(self) -> None:
        """Show the ranks that the driver still waits for them."""
        (self.folder / BEAT).write_text(str(time.monotonic_ns()))

    def stop(self) -> None:
        """Ask the ranks to end before their next job."""
        (self.folder / "stop").touch()

    def errors(self) -> list[BaseException]:
        """Return what jobs raised, by rank."""
        return [pickle.loads(path.read_bytes()) for path in sorted(self.folder.glob("error-*.pickle"))]


def run_rank(folder: Path, rank: int) -> None:
    """Run the jobs of a rank that have no marker yet; what a job raises is left for the driver and raised."""
    if not (folder / "run.pickle").is_file():
        raise FileNotFoundError(f"{folder} is not there on {socket.gethostname()}; the workspace must be shared")
    run: Run = pickle.loads((folder / "run.pickle").read_bytes())
    sys.path += [path for path in run.python_path if path not in sys.path]
    pool = Pool(workers=1, memory_bytes=run.memory_bytes, profile=run.profile)
    wanted = _Wanted(folder=folder)

    def tell(event: TaskEvent) -> None:
        append_line(folder / f"events-{rank}.jsonl", asdict(event))

    try:
        jobs: list[Job] = pickle.loads((folder / f"jobs-{rank}.pickle").read_bytes())
        for job in jobs:
            if not wanted.look():
                return
            if marker(run.markers, job) is None:
                for _ in pool.run(run.stage, run.function, [job], folder=run.markers, tell=tell):
                    pass
    except Exception as err:
        write_bytes(folder / f"error-{rank}.pickle", pickle.dumps(portable(err)))
        run.stop()
        raise
    finally:
        pool.close()


@dataclass(slots=True, kw_only=True)
class _Wanted:
    """Whether anybody waits for a rank. Clocks of nodes and driver are not compared: only the rank's own runs."""

    folder: Path
    parent: int = field(default_factory=os.getppid)
    beat: str = ""
    changed: float = field(default_factory=time.monotonic)

    def look(self) -> bool:
        """Say no when the driver said stop or went silent, or when the process above this one is gone."""
        with contextlib.suppress(OSError):
            beat = (self.folder / BEAT).read_text()
            if beat != self.beat:
                self.beat, self.changed = beat, time.monotonic()
        is_silent = time.monotonic() - self.changed > SILENT_SECONDS
        return not (is_silent or (self.folder / "stop").exists() or os.getppid() != self.parent)


@contextlib.contextmanager
def taking_parent_along() -> Iterator[None]:
    """End the parent process if this one ends inside the block without leaving it.

    A Ray actor of datatrove's waits for ever for a rank that was killed. When the actor goes too, Ray notices.
    """
    script = 'read left || kill -KILL "$0"'
    command = ["/bin/sh", "-c", script, str(os.getppid())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as watcher:
        assert watcher.stdin is not None
        try:
            yield
        finally:
            watcher.stdin.write(b"left\n")
            watcher.stdin.flush()


@dataclass(slots=True, kw_only=True)
class EventTail:
    """Reads the events that ranks add to their files: each event once, only whole lines."""

    folder: Path
    _places: dict[Path, int] = field(default_factory=dict)

    def read(self) -> Iterator[TaskEvent]:
        """Give the events that are new since the last call."""
        for path in sorted(self.folder.glob("events-*.jsonl")):
            place = self._places.get(path, 0)
            with path.open("rb") as file:
                file.seek(place)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._places[path] = place + len(whole)
            for line in whole.splitlines():
                told: dict[str, Any] = json.loads(line)
                yield TaskEvent(**told)
