"""From a manifest to a decided mixture: pull, encode, filter, mix, pack; videos that are chosen and broken go back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from curation.encoded import Encoded, encode_source, merge_samples
from curation.engine import Engine
from curation.errors import BuildError, ChangedError, MixtureError
from curation.filters import Filter, filter_inputs, load_filter
from curation.filters.exact_duplicates import ExactDuplicates
from curation.filters.stage import run_filters
from curation.fingerprint import fingerprint
from curation.manifests import Manifest
from curation.mixtures.candidates import Candidates, Files, load_candidates
from curation.mixtures.encode import EncodeSettings
from curation.mixtures.profile import Profile, load_profile
from curation.mixtures.selection import Selection, select
from curation.mixtures.tokenizer import Tokenizer, load_tokenizer
from curation.mixtures.videos import Decoded, decode_selected
from curation.seen import Seen, seen_ledger
from curation.settings import encode_settings, source_of
from curation.sources.changes import note_change
from curation.sources.stage import pull_source
from curation.tables import LEDGER, from_rows
from curation.workspace import Workspace

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A mixture that is decided: what a plan prints and a build writes.

    `after` says which samples of an earlier build were left out because a run had seen them; empty: none.
    """

    manifest: Manifest
    profile: Profile
    tokenizer: Tokenizer
    encoded: tuple[Encoded, ...]
    candidates: Candidates
    selection: Selection
    decisions: tuple[pa.Table, ...]
    decoded: Decoded
    identity: str
    merged: tuple[Path, ...] = ()
    after: Mapping[str, Any] = field(default_factory=dict)

    def ledgers(self) -> list[Path]:
        """Return the ledger files of the stages that run over tasks, and of the merge."""
        return [*(path for encoded in self.encoded for path in encoded.ledgers()), *self.merged]


def decide(
    manifest: Manifest,
    workspace: Workspace,
    engine: Engine,
    *,
    with_frames: bool = False,
    seen: Seen | None = None,
) -> Decided:
    """Decide a manifest's mixture, without the samples that were seen.

    With frames, the videos of the mixture are decoded; those that can't be are dropped, with a ledger row, and the
    mixture is made again without them, until all that is in it can be decoded.
    """
    profile = load_profile(manifest.profile)
    tokenizer = load_tokenizer(manifest.tokenizer or profile.tokenizer, profile)
    settings = encode_settings(manifest, profile)
    # Before anything is pulled, so that a file that a filter needs and that is not there stops the build at once.
    filters = [load_filter(each.name, each.options) for each in manifest.filters]
    read = [filter_inputs(each) for each in filters]
    encoded = _encoded(manifest, settings, tokenizer, workspace, engine)
    merged: list[Path] = []
    if max_questions := _max_questions(filters):
        with engine.recorder.stage("merge"):
            encoded, path = merge_samples(encoded, max_questions, manifest, workspace, engine)
        merged.append(path)
    files = [file for each in encoded for file in each.files()]
    identity = fingerprint(VERSION, [each.fingerprint for each in encoded], manifest.values(), read)
    dropped = [*(path for each in encoded for path in each.encode_ledgers()), *merged]
    with engine.recorder.stage("filter"):
        filtered = _filter(manifest, filters, encoded, files, dropped, workspace)
    known = seen_ledger([file.pulled for file in files], seen) if seen else from_rows([], LEDGER)
    before = [_drops(known), *(_drops(pq.read_table(path, schema=LEDGER)) for path in dropped), _drops(filtered)]
    failed = from_rows([], LEDGER)
    while True:
        drops = pl.concat([*before, _drops(failed)]).unique("sample_id", keep="first")
        with engine.recorder.stage("mix"):
            candidates = load_candidates(files, list(manifest.sources), drops)
            try:
                selection = select(candidates, manifest, context=settings.max_tokens)
            except MixtureError as err:
                raise MixtureError(f"{err}{_where_samples_went(encoded, drops)}") from err
        decoded = _decoded(candidates, selection, workspace, engine) if with_frames else Decoded()
        if not decoded.failures:
            break
        failed = pa.concat_tables([failed, from_rows(decoded.failures, LEDGER)])
        _check_failures(manifest, encoded, failed)
    parts = [failed["sample_id"].to_pylist(), with_frames, *([seen.fingerprint] if seen else [])]
    return Decided(
        manifest=manifest,
        profile=profile,
        tokenizer=tokenizer,
        encoded=encoded,
        candidates=candidates,
        selection=selection,
        decisions=(filtered, known, failed.sort_by("sample_id"), from_rows(decoded.flags, LEDGER)),
        decoded=decoded,
        identity=fingerprint(identity, *parts),
        merged=tuple(merged),
        after=seen.told if seen else {},
    )


def _encoded(
    manifest: Manifest, settings: EncodeSettings, tokenizer: Tokenizer, workspace: Workspace, engine: Engine
) -> tuple[Encoded, ...]:
    """Pull all sources, then encode them, or find them pulled and encoded."""
    limit = manifest.guard.max_unreadable_fraction
    pulled = [
        pull_source(source_of(manifest, name), workspace, engine, max_unreadable=limit) for name in manifest.sources
    ]
    return tuple(encode_source(each, settings, tokenizer, manifest, workspace, engine) for each in pulled)


def _decoded(candidates: Candidates, selection: Selection, workspace: Workspace, engine: Engine) -> Decoded:
    try:
        return decode_selected(candidates, selection, workspace, engine)
    except ChangedError as err:
        note_change(workspace, err)
        raise


def _max_questions(filters: Sequence[Filter]) -> int:
    """Return how many questions about the same images may become one sample; 0: samples stay as they are."""
    return max((each.max_questions for each in filters if isinstance(each, ExactDuplicates)), default=0)


def _filter(
    manifest: Manifest,
    filters: Sequence[Filter],
    encoded: Sequence[Encoded],
    files: Sequence[Files],
    dropped: Sequence[Path],
    workspace: Workspace,
) -> pa.Table:
    """Run the filters over all sources, or find their ledger; `dropped` are the ledgers of what is out already."""
    asked = [[each.name, dict(each.options)] for each in manifest.filters]
    priorities = {name: source.priority for name, source in manifest.sources.items()}
    limit = manifest.guard.max_dropped_fraction
    stage = workspace.stage(
        "filter",
        [each.fingerprint for each in encoded],
        asked,
        [[each.version, *filter_inputs(each)] for each in filters],
        list(priorities.items()),
        limit,
        manifest.seed,
    )
    path = stage.folder / "ledger.arrow"
    if not stage.is_done:
        ledger = run_filters(
            filters,
            pulled=[file.pulled for file in files],
            encoded=[file.encoded for file in files],
            priorities=priorities,
            seed=manifest.seed,
            dropped=dropped,
            max_dropped_fraction=limit if limit < 1 else None,
            spill=stage.folder,
        )
        with pa.OSFile(str(path), "wb") as raw, pa.ipc.new_file(raw, LEDGER) as file:
            file.write_table(ledger)
        stage.finish({"rows": ledger.num_rows})
    with pa.memory_map(str(path)) as raw, pa.ipc.open_file(raw) as file:
        return file.read_all()


def _drops(ledger: pa.Table) -> pl.DataFrame:
    """Return who a ledger drops: sample_id, dropped_by (the filter, else the stage), reason."""
    frame = pl.from_arrow(ledger.select(["sample_id", "stage", "filter", "action", "reason"]))
    assert isinstance(frame, pl.DataFrame)
    by = pl.coalesce("filter", "stage").alias("dropped_by")
    return frame.filter(pl.col("action") == "drop").select("sample_id", by, "reason").unique("sample_id", keep="first")


def _where_samples_went(encoded: Sequence[Encoded], drops: pl.DataFrame) -> str:
    """Say of the sources that have no sample left how many rows went and why; empty when every source has some."""
    said = []
    for each in (source.pulled for source in encoded):
        name = each.source.name
        gone = drops.filter(pl.col("sample_id").str.starts_with(f"{name}/"))
        if gone.height < sum(each.num_rows):
            continue
        counts = Counter(each.drops) + Counter(gone["reason"].to_list())
        told = ", ".join(f"{reason} {count}" for reason, count in counts.most_common())
        said.append(f"{name}: {told or 'no rows'}")
    return f" ({'; '.join(said)})" if said else ""


def _check_failures(manifest: Manifest, encoded: Sequence[Encoded], failed: pa.Table) -> None:
    """Stop the build when too many videos of a source can't be decoded."""
    counts = Counter(failed["source"].to_pylist())
    for each in (source.pulled for source in encoded):
        name, bad = each.source.name, counts[each.source.name] + each.rows_unreadable
        if bad / each.rows_read > manifest.guard.max_unreadable_fraction:
            reasons = sorted(set(failed["reason"].to_pylist()))
            raise BuildError(
                f"sources.{name}: {bad} of {each.rows_read} rows are unreadable ({bad / each.rows_read:.1%}) once "
                f"their videos are decoded, more than guard.max_unreadable_fraction "
                f"{manifest.guard.max_unreadable_fraction:g}: {', '.join(reasons)}; mend the source or raise the guard"
            )
