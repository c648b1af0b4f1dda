"""The pull stage of one source, on the driver's side: list the tasks, have them pulled, check the counts."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from curation.engine import Engine, Job
from curation.errors import BuildError, SourceError
from curation.fingerprint import fingerprint
from curation.records import Card, Kind, Location, Task
from curation.sources import load_adapter
from curation.sources.changes import noted_changes
from curation.sources.files import source_root
from curation.sources.inputs import files_fingerprint, folder_fingerprint, place_of, revision
from curation.sources.named_errors import naming
from curation.sources.options import check_options
from curation.sources.pull import ENDINGS, VERSION, PullTask, take_hash
from curation.storage import stamp
from curation.workspace import Stage, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the manifest says of one source, resolved."""

    name: str
    adapter: str
    location: Location
    kind: Kind | None
    license: str | None
    take: int | float | None
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """A source that has been pulled: one file of sample rows and one ledger file per task."""

    source: Source
    card: Card
    stage: Stage
    tasks: tuple[str, ...]
    num_rows: tuple[int, ...]
    rows_read: int
    rows_unreadable: int
    drops: dict[str, int]
    has_videos: bool
    revision: str

    def rows_path(self, task: str) -> Path:
        """Return the file of a task's sample rows."""
        return self.stage.folder / f"{task}.parquet"

    def ledger_path(self, task: str) -> Path:
        """Return the file of a task's ledger rows."""
        return self.stage.folder / f"{task}.ledger.parquet"


def list_tasks(source: Source) -> list[Task]:
    """List a source's tasks. Raises SourceError, ManifestError."""
    adapter = load_adapter(source.adapter)
    with naming(source.name):
        check_options(adapter.CARD, source.location.options)
        tasks = adapter.tasks(source.location)
    if not tasks:
        raise SourceError(f"sources.{source.name}: {', '.join(source.location.uri)} holds no rows")
    return tasks


def pull_source(source: Source, workspace: Workspace, engine: Engine, *, max_unreadable: float) -> Pulled:
    """Pull a source or find it pulled. Raises SourceError, and BuildError when the guard stops it."""
    source = replace(source, location=replace(source.location, cache=str(workspace.cache / "archives")))
    tasks = list_tasks(source)
    stage = workspace.stage("pull", VERSION, _identity(source, tasks) | noted_changes(workspace, source.location))
    take_below = _take_below(source, tasks, engine, stage)
    seen = {path: stamp(path, is_fresh=False) for path in dict.fromkeys(task.path for task in tasks)}
    jobs = []
    for number, work in enumerate(_work(source, tasks, stage)):
        work = replace(work, kind=source.kind, license=source.license, take_below=take_below, seen=seen[work.task.path])
        outputs = tuple(stage.folder / f"{number:06d}{ending}" for ending in ENDINGS)
        jobs.append(_job(f"{number:06d}", work, outputs))
    summaries = engine.map(f"pull {source.name}", "curation.sources.pull:pull", jobs, stage.folder)
    pulled = _pulled(source, stage, tasks, jobs, summaries)
    _check(pulled, max_unreadable)
    stage.finish({"samples": sum(pulled.num_rows), "rows_read": pulled.rows_read})
    return pulled


def _work(source: Source, tasks: Sequence[Task], stage: Stage) -> Iterator[PullTask]:
    """Yield what a worker has to know of each task, whether it counts the task's rows or pulls them."""
    for number, task in enumerate(tasks):
        output = stage.folder / f"{number:06d}"
        yield PullTask(task=task, adapter=source.adapter, source=source.name, seed=source.seed, output=output)


def _job(name: str, work: PullTask, outputs: tuple[Path, ...] = ()) -> Job:
    return Job(name=name, num_bytes=max(work.task.num_bytes, 1), argument=work, outputs=outputs)


def _pulled(
    source: Source, stage: Stage, tasks: Sequence[Task], jobs: Sequence[Job], summaries: Sequence[dict[str, Any]]
) -> Pulled:
    drops: dict[str, int] = {}
    for summary in summaries:
        for reason, count in summary["drops"].items():
            drops[reason] = drops.get(reason, 0) + count
    return Pulled(
        source=source,
        card=load_adapter(source.adapter).CARD,
        stage=stage,
        tasks=tuple(job.name for job in jobs),
        num_rows=tuple(summary["samples"] for summary in summaries),
        rows_read=sum(summary["rows_read"] for summary in summaries),
        rows_unreadable=sum(summary["rows_unreadable"] for summary in summaries),
        drops=dict(sorted(drops.items())),
        has_videos=any(summary["videos"] for summary in summaries),
        revision=revision((task.key, task.num_bytes) for task in tasks),
    )


def _check(pulled: Pulled, max_unreadable: float) -> None:
    name, read, bad = pulled.source.name, pulled.rows_read, pulled.rows_unreadable
    reasons = ", ".join(
        f"{reason} {count}" for reason, count in sorted(pulled.drops.items(), key=lambda item: -item[1])
    )
    if read == 0:
        raise SourceError(f"sources.{name}: {', '.join(pulled.source.location.uri)} yields no rows")
    if bad / read > max_unreadable:
        raise BuildError(
            f"sources.{name}: {bad} of {read} rows are unreadable ({bad / read:.1%}), more than "
            f"guard.max_unreadable_fraction {max_unreadable:g}: {reasons}; see {pulled.stage.folder}/*.ledger.parquet, "
            "mend the source or raise the guard"
        )


def _identity(source: Source, tasks: Sequence[Task]) -> dict[str, Any]:
    """Return all that the pulled rows depend on."""
    adapter = load_adapter(source.adapter)
    location = source.location
    media = location.media
    further = getattr(adapter, "further_files", lambda _location: ())  # what the adapter reads besides its tasks' files
    if media is None and set(adapter.CARD.kinds) != {"text"} and getattr(adapter, "READS_MEDIA", True):
        media = source_root(location.uri)
    return {
        "adapter": source.adapter,
        "version": getattr(adapter, "VERSION", 1),
        "source": source.name,
        "seed": source.seed,
        "kind": source.kind,
        "license": source.license or adapter.CARD.license,
        "take": source.take,
        "uri": list(location.uri),
        "where": fingerprint([place_of(uri) for uri in (*location.uri, media or "")]),
        "media": location.media,
        "options": dict(location.options),
        "tasks": fingerprint([{**asdict(task), "location": None} for task in tasks]),
        "files": files_fingerprint(dict.fromkeys([*(task.path for task in tasks), *further(location)])),
        "media_files": folder_fingerprint(media) if media is not None else None,
    }


def _take_below(source: Source, tasks: Sequence[Task], engine: Engine, stage: Stage) -> float | None:
    """Return the largest hash that `take` keeps: the fraction itself, or the n-th smallest hash of all rows.

    Where tasks know their numbers of rows, the row keys and so the hashes are known without reading anything.
    """
    take = source.take
    if take is None or isinstance(take, float):
        return take
    if all(task.num_rows is not None for task in tasks):
        hashes = (
            take_hash(source.seed, source.name, f"{task.key}:{task.first_row + row}")
            for task in tasks
            for row in range(task.num_rows or 0)
        )
        smallest = heapq.nsmallest(take, hashes)
    else:
        jobs = [_job(f"count-{number:06d}", work) for number, work in enumerate(_work(source, tasks, stage))]
        counted = engine.map(f"count {source.name}", "curation.sources.pull:count_taken", jobs, stage.folder)
        smallest = heapq.nsmallest(take, (value for summary in counted for value in summary["hashes"]))
    return smallest[-1] if len(smallest) == take else None
