"""What builds and plans used of a workspace: a record per output folder or plan, and the lock that goes with a run.

A record is written before a stage is touched, so that a run that is killed leaves what it needs to resume. Those who
run share the lock `.lock`; who frees folders (`curation gc`) holds it alone.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from curation.credentials import as_written, hidden
from curation.errors import BuildError
from curation.fingerprint import canonical, fingerprint
from curation.workspace import Stage, Workspace, write_bytes

FOLDER = "runs"
LOCK = ".lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one build or plan used. `output` is None for a plan, `fingerprint` None for a run that has not finished.

    `stages` are folders relative to the workspace (`encode/0f3a…`).
    """

    path: Path
    manifest: str
    output: str | None
    fingerprint: str | None
    stages: frozenset[str]


@dataclass(slots=True, kw_only=True)
class Run:
    """A build or plan under way: use its `workspace`, then call `finish`."""

    path: Path
    workspace: Workspace
    about: dict[str, Any]
    known: set[str]
    used: set[str] = field(default_factory=set)

    def add(self, stage: Stage) -> None:
        """Record a stage before it is used."""
        name = str(stage.folder.relative_to(self.workspace.root))
        self.used.add(name)
        if name not in self.known:
            self.known.add(name)
            self._write(None, self.known)

    def finish(self, digest: str) -> None:
        """Record that the run is done: from now on only what it used itself is needed."""
        self._write(digest, self.used)

    def _write(self, digest: str | None, stages: set[str]) -> None:
        write_bytes(self.path, canonical({**self.about, "fingerprint": digest, "stages": sorted(stages)}))


@contextmanager
def recorded(
    workspace: Workspace, manifest: Path | None, *, settings: Any, output: str | Path | None = None
) -> Iterator[Run]:
    """Hold the workspace for a run and record what it uses; what earlier runs of the same used stays until it is done.

    `settings` tell the plans of a manifest apart; a build is known by its `output`.
    """
    place = None if output is None else _place(output)
    about = {"manifest": str(manifest or ""), "output": place}
    name = fingerprint("run", place or [about["manifest"], settings])[:32]
    path = workspace.root / FOLDER / f"{name}.json"
    with (workspace.root / LOCK).open("a") as lock:
        with suppress(OSError):  # a file system without locks: there `curation gc` refuses to run
            fcntl.flock(lock, fcntl.LOCK_SH)
        before = read_record(path)
        run = Run(path=path, workspace=workspace, about=about, known=set(before.stages) if before else set())
        run.workspace = replace(workspace, on_stage=run.add)
        yield run


@contextmanager
def alone(workspace: Workspace) -> Iterator[None]:
    """Hold the workspace alone. Raises BuildError while something runs in it."""
    with (workspace.root / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise BuildError(f"workspace {workspace.root}: a build or plan runs in it; wait until it is done") from err
        except OSError as err:
            raise BuildError(
                f"workspace {workspace.root}: {err.strerror}; its file system can't lock files, so nobody can tell "
                "whether something runs in it: remove folders by hand"
            ) from err
        yield


def read_records(workspace: Workspace) -> list[Record]:
    """Read all records, by name."""
    found = (read_record(path) for path in sorted((workspace.root / FOLDER).glob("*.json")))
    return [record for record in found if record is not None]


def read_record(path: Path) -> Record | None:
    """Read a record; None where there is none."""
    try:
        read = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    stages: Sequence[str] = read["stages"]
    return Record(
        path=path,
        manifest=read["manifest"],
        output=read["output"],
        fingerprint=read["fingerprint"],
        stages=frozenset(stages),
    )


def _place(output: str | Path) -> str:
    """Return where a build is written: the path in full, or the URL without what is secret in it."""
    return hidden(str(as_written(output))) if "://" in str(output) else str(Path(output).resolve())
