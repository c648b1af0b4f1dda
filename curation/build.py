"""Plan and build: call the stages in order and nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.builds import Build, open_build
from curation.cost import EVENTS
from curation.engine import Engine, EngineSettings, Progress, Recorder, open_engine
from curation.errors import ManifestError
from curation.manifest_names import load_manifest
from curation.manifests import Manifest
from curation.runs import recorded
from curation.seen import Seen
from curation.storage import is_url
from curation.workspace import Workspace, open_workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything up to packing: `folder` holds the same index as a build, and no shards.

    `stages` has the fingerprint of each source's encoded rows, `events` the file that says how long what took.
    """

    folder: Path
    fingerprint: str
    stages: Mapping[str, str]
    events: Path

    def sql(self, query: str) -> Any:
        """Answer one query over the plan's tables, as a polars.DataFrame."""
        return open_build(self.folder).sql(query)


def plan(
    manifest: str | Path | Manifest,
    *,
    workspace: str | Path | None = None,
    workers: int | None = None,
    engine: str | EngineSettings = "local",
    overrides: Sequence[str] = (),
    seen: Seen | None = None,
    progress: Progress | None = None,
    recorder: Recorder | None = None,
) -> Plan:
    """Carry a manifest out up to packing, in the workspace; nothing is written to its output.

    Samples that were seen (`curation.seen`) are left out. Videos are not decoded, so a video that turns out broken in a
    build is still in the plan.
    """
    from curation.decisions import decide
    from curation.output import write_plan

    with (
        _opened(manifest, workspace, workers, engine, overrides, progress, recorder) as (read, space, running),
        recorded(space, read.path, settings=read.resolved()) as run,
    ):
        with running.recorder.stage("prepare"):
            decided = decide(read, run.workspace, running, seen=seen)
        with running.recorder.stage("index"):
            folder, digest = write_plan(run.workspace, decided)
        run.finish(digest)
        stages = {each.pulled.source.name: each.fingerprint for each in decided.encoded}
        return Plan(folder=folder, fingerprint=digest, stages=stages, events=space.root / EVENTS)


def build(
    manifest: str | Path | Manifest,
    *,
    output: str | Path | None = None,
    workspace: str | Path | None = None,
    workers: int | None = None,
    engine: str | EngineSettings = "local",
    overrides: Sequence[str] = (),
    replace: bool = False,
    seen: Seen | None = None,
    progress: Progress | None = None,
    recorder: Recorder | None = None,
) -> Build:
    """Build a manifest into `output` (default: the manifest's) and return the finished build.

    Samples that were seen (`curation.seen`) are left out. Interrupted, the same call resumes. A folder that holds
    another finished build is refused unless `replace`. `engine` names one or gives its settings; `recorder` takes where
    the time went. Raises CurationError.
    """
    from curation.decisions import decide
    from curation.output import write_build
    from curation.output_folder import check_room

    with _opened(manifest, workspace, workers, engine, overrides, progress, recorder) as (read, space, running):
        folder = output or read.output.path
        if folder is None:
            raise ManifestError(f"manifest {read.path}: no output.path; give one or build with -o DIR")
        if not is_url(str(folder)):
            check_room(Path(folder))  # before hours of work that could not be written
        with recorded(space, read.path, settings=read.resolved(), output=folder) as run:
            with running.recorder.stage("prepare"):
                decided = decide(read, run.workspace, running, with_frames=True, seen=seen)
            with running.recorder.stage("index"):
                made = write_build(folder, decided, run.workspace, running, replace=replace)
            run.finish(made.fingerprint)
            return made


@contextmanager
def _opened(
    manifest: str | Path | Manifest,
    workspace: str | Path | None,
    workers: int | None,
    engine: str | EngineSettings,
    overrides: Sequence[str],
    progress: Progress | None,
    recorder: Recorder | None,
) -> Iterator[tuple[Manifest, Workspace, Engine]]:
    read = manifest if isinstance(manifest, Manifest) else load_manifest(manifest, overrides=overrides)
    settings = engine if isinstance(engine, EngineSettings) else EngineSettings(name=engine)
    settings = dataclasses.replace(settings, workers=workers or settings.workers)
    settings.check()
    space = open_workspace(workspace, read.path)
    recorder = recorder or Recorder(progress=progress)
    with recorder.recording(space.root, manifest=str(read.path or ""), **settings.told()):
        running = open_engine(settings, recorder)
        try:
            yield read, space, running
        finally:
            running.close()
