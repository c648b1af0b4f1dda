"""The encode stage of one source, on the driver's side, and the samples of it that become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from curation.engine import Engine, Job
from curation.filters.merging import VERSION as PLAN_VERSION
from curation.filters.merging import MergeLimits, plan_merges
from curation.fingerprint import fingerprint
from curation.manifests import Manifest
from curation.merges import MERGES, MERGES_LEDGER, touched_files
from curation.mixtures.candidates import Files
from curation.mixtures.encode import EncodeSettings
from curation.mixtures.encode_stage import ENDINGS as ENCODE_ENDINGS
from curation.mixtures.encode_stage import VERSION as ENCODE_VERSION
from curation.mixtures.encode_stage import EncodeTask
from curation.mixtures.merge_stage import ENDINGS as MERGE_ENDINGS
from curation.mixtures.merge_stage import ROWS, MergeTask
from curation.mixtures.merge_stage import VERSION as MERGE_VERSION
from curation.mixtures.tokenizer import Tokenizer
from curation.sources.stage import Pulled
from curation.workspace import Stage, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A pulled source's tokens: one file of lengths, one of tokens and one ledger file per task.

    The tasks of `merged_tasks` have theirs, and their rows, in the stage `merged`.
    """

    pulled: Pulled
    stage: Stage
    key: str
    settings: EncodeSettings
    tokenizer: str
    merged: Stage | None = None
    merged_tasks: frozenset[str] = frozenset()

    @property
    def fingerprint(self) -> str:
        """The identity of the rows and their tokens."""
        return self.merged.fingerprint if self.merged else self.stage.fingerprint

    def task(self, name: str, folder: Path) -> EncodeTask:
        """Return what encodes a task into a folder."""
        return EncodeTask(
            pulled=self.pulled.rows_path(name),
            output=folder / name,
            settings=self.settings,
            settings_key=self.key,
            tokenizer=self.tokenizer,
        )

    def files(self) -> list[Files]:
        """Return the files of each task, in task order."""
        return [
            Files(
                source=self.pulled.source.name,
                pulled=self._folder(task) / f"{task}{ROWS}" if self._is_merged(task) else self.pulled.rows_path(task),
                encoded=self._folder(task) / f"{task}.parquet",
                num_rows=num_rows,
            )
            for task, num_rows in zip(self.pulled.tasks, self.pulled.num_rows, strict=True)
        ]

    def ledger_path(self, task: str) -> Path:
        """Return the file of a task's ledger rows of encode."""
        return self._folder(task) / f"{task}.ledger.parquet"

    def encode_ledgers(self) -> list[Path]:
        """Return the ledger files of encode, in task order."""
        return [self.ledger_path(task) for task in self.pulled.tasks]

    def ledgers(self) -> list[Path]:
        """Return the ledger files of pull and encode, task by task."""
        return [path for task in self.pulled.tasks for path in (self.pulled.ledger_path(task), self.ledger_path(task))]

    def _is_merged(self, task: str) -> bool:
        return self.merged is not None and task in self.merged_tasks

    def _folder(self, task: str) -> Path:
        return self.merged.folder if self.merged and task in self.merged_tasks else self.stage.folder


def encode_source(
    pulled: Pulled,
    settings: EncodeSettings,
    tokenizer: Tokenizer,
    manifest: Manifest,
    workspace: Workspace,
    engine: Engine,
) -> Encoded:
    """Encode a source, or find it encoded. Video settings count only where there are videos."""
    key = fingerprint(ENCODE_VERSION, tokenizer.digest, settings.identity(with_video=pulled.has_videos))
    stage = workspace.stage("encode", pulled.stage.fingerprint, key)
    encoded = Encoded(
        pulled=pulled,
        stage=stage,
        key=key,
        settings=settings,
        tokenizer=manifest.tokenizer or settings.profile.tokenizer,
    )
    jobs = [
        Job(
            name=task,
            num_bytes=max(pulled.rows_path(task).stat().st_size, 1),
            argument=encoded.task(task, stage.folder),
            outputs=tuple(stage.folder / f"{task}{ending}" for ending in ENCODE_ENDINGS),
        )
        for task in pulled.tasks
    ]
    engine.map(f"encode {pulled.source.name}", "curation.mixtures.encode_stage:encode", jobs, stage.folder)
    stage.finish({})
    return encoded


def merge_samples(
    encoded: Sequence[Encoded], max_questions: int, manifest: Manifest, workspace: Workspace, engine: Engine
) -> tuple[tuple[Encoded, ...], Path]:
    """Make one sample of those about the same images, of at most `max_questions`, and encode the tasks they are in.

    Returns the sources, with what changed, and the ledger file of the samples that are no longer of their own. Each
    has at most as many tokens as fit, for which the lengths of the samples as they were are needed. A source without
    shared images stays as it is.
    """
    priorities = {name: source.priority for name, source in manifest.sources.items()}
    limits = MergeLimits(questions=max_questions, tokens=encoded[0].settings.max_tokens)
    guard = manifest.guard.max_dropped_fraction
    identity = [list(priorities.items()), limits.questions, limits.tokens, guard]
    stage = workspace.stage("merge", PLAN_VERSION, [each.fingerprint for each in encoded], *identity)
    if not stage.is_done:
        files = [file for each in encoded for file in each.files()]
        digests = plan_merges(
            stage.folder,
            limits,
            pulled=[file.pulled for file in files],
            encoded=[file.encoded for file in files],
            dropped=[path for each in encoded for path in each.encode_ledgers()],
            priorities=priorities,
            max_dropped_fraction=guard if guard < 1 else None,
        )
        stage.finish(digests)
    digests = stage.summary()
    touched = touched_files(stage.folder / MERGES)
    merged: list[Encoded] = []
    first = 0
    for each in encoded:
        name = each.pulled.source.name
        tasks = {task: first + at for at, task in enumerate(each.pulled.tasks) if first + at in touched}
        first += len(each.pulled.tasks)
        is_merged = name in digests
        merged.append(_merged(each, tasks, stage, digests[name], workspace, engine) if is_merged else each)
    return tuple(merged), stage.folder / MERGES_LEDGER


def _merged(
    encoded: Encoded, tasks: Mapping[str, int], plan: Stage, digest: str, workspace: Workspace, engine: Engine
) -> Encoded:
    stage = workspace.stage("encode", encoded.stage.fingerprint, MERGE_VERSION, digest)
    jobs = [
        Job(
            name=task,
            num_bytes=max(encoded.pulled.rows_path(task).stat().st_size, 1),
            argument=MergeTask(encode=encoded.task(task, stage.folder), merges=plan.folder / MERGES, file=file),
            outputs=tuple(stage.folder / f"{task}{ending}" for ending in MERGE_ENDINGS),
        )
        for task, file in tasks.items()
    ]
    engine.map(f"merge {encoded.pulled.source.name}", "curation.mixtures.merge_stage:merge", jobs, stage.folder)
    stage.finish({})
    return replace(encoded, merged=stage, merged_tasks=frozenset(tasks))
