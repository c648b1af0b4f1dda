"""Build variants of a manifest that share all work that does not differ, and compare them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from curation.ablation_plan import Ablations, Variant, load_variant, load_variants
from curation.build import build, plan
from curation.builds import Build, open_build
from curation.credentials import hidden
from curation.engine import EngineSettings, Progress
from curation.errors import CurationError
from curation.manifests import Manifest
from curation.mixtures.index import settings_text
from curation.storage import is_url
from curation.workspace import MARKER, Workspace, open_workspace, write_bytes

STAGES = ("pull", "encode", "filter")
_ROUNDS = 6
_NEAR = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Reuse:
    """How much of a stage's work was there already: `reused` of `used` stage folders, or of decoded videos."""

    stage: str
    reused: int
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One variant: its settings, what came of them, the seconds it took and what it reused.

    Tokens count repeats. `fill` is the share of the packs that holds tokens. `video_seconds` is the mean length of the
    used part of the mixture's videos, None without any.
    """

    variant: str
    settings: Mapping[str, Any]
    folder: str
    fingerprint: str
    samples: int
    tokens: int
    image_tokens: int
    loss_tokens: int
    tokens_by_kind: Mapping[str, int]
    packs: int
    fill: float
    video_seconds: float | None
    seconds: float
    reuse: tuple[Reuse, ...]


def ablate(
    ablations: Ablations,
    output: str | Path,
    *,
    is_planned: bool = False,
    workspace: str | Path | None = None,
    workers: int | None = None,
    engine: str | EngineSettings = "local",
    replace: bool = False,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Build every variant into a folder of its own under `output`, or only plan it, and write `comparison.json` there.

    All use one workspace, so what two variants have in common is done once. With `match`, a first round of plans finds
    the smallest mixture and the others are cut to its size. Raises CurationError; a note names the variant.
    """
    if is_url(str(output)):
        raise CurationError(f"ablate: {hidden(str(output))} is a URL; give a local folder with -o DIR")
    manifests = load_variants(ablations)
    space = open_workspace(workspace, manifests[0].path)
    run = _Run(space=space, workers=workers, engine=engine, progress=progress)
    states = [_State() for _ in manifests]
    if ablations.match is not None:
        manifests = _matched(ablations, manifests, run, states)
    outcomes = []
    for variant, manifest, state in zip(ablations.variants, manifests, states, strict=True):
        with _measured(state, space, variant):
            if is_planned:
                made = run.plan(manifest)
            else:
                made = run.build(manifest, Path(output) / variant.folder, replace=replace)
        outcomes.append(_outcome(variant, made, state))
    Path(output).mkdir(parents=True, exist_ok=True)
    told = {"base": str(ablations.base), "match": ablations.match, "variants": [asdict(each) for each in outcomes]}
    write_bytes(Path(output) / "comparison.json", settings_text(told))
    return outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """How variants are built."""

    space: Workspace
    workers: int | None
    engine: str | EngineSettings
    progress: Progress | None

    def plan(self, manifest: Manifest) -> Build:
        common = {"workers": self.workers, "engine": self.engine, "progress": self.progress}
        return open_build(plan(manifest, workspace=self.space.root, **common).folder)  # type: ignore[arg-type]

    def build(self, manifest: Manifest, folder: Path, *, replace: bool) -> Build:
        return build(
            manifest,
            output=folder,
            workspace=self.space.root,
            workers=self.workers,
            engine=self.engine,
            replace=replace,
            progress=self.progress,
        )


@dataclass(slots=True, kw_only=True)
class _State:
    """What a variant took so far: seconds, and the stages and videos that had to be made for it."""

    seconds: float = 0.0
    made: dict[str, int] = field(default_factory=dict)


@contextmanager
def _measured(state: _State, space: Workspace, variant: Variant) -> Iterator[None]:
    """Measure a part of a variant's work, and name the variant in an error."""
    before, begun = _known(space), time.monotonic()
    try:
        yield
    except CurationError as err:
        err.add_note(f"variant '{variant.name}'")
        raise
    state.seconds += time.monotonic() - begun
    for stage, _ in _known(space) - before:
        state.made[stage] = state.made.get(stage, 0) + 1


def _known(space: Workspace) -> frozenset[tuple[str, str]]:
    """Return the stages that are done and the videos that are decoded."""
    done = {(stage, path.parent.name) for stage in STAGES for path in (space.root / stage).glob(f"*/{MARKER}")}
    return frozenset(done | {("videos", path.name) for path in (space.root / "cache" / "frames").glob("*/*.arrow")})


def _matched(
    ablations: Ablations, manifests: Sequence[Manifest], run: _Run, states: Sequence[_State]
) -> list[Manifest]:
    """Give every variant the budget with which it is as large as the smallest, in the unit to match."""
    unit = ablations.match
    assert unit is not None
    sizes: list[tuple[int, int]] = []
    for variant, manifest, state in zip(ablations.variants, manifests, states, strict=True):
        with _measured(state, run.space, variant):
            sizes.append(_sizes(run.plan(manifest), unit, manifest.mixture.unit))
    target = min(size for size, _ in sizes)
    matched = []
    for variant, manifest, state, size in zip(ablations.variants, manifests, states, sizes, strict=True):
        with _measured(state, run.space, variant):
            matched.append(_fitted(ablations, variant, manifest, size=size, target=target, run=run))
    return matched


def _fitted(
    ablations: Ablations, variant: Variant, manifest: Manifest, *, size: tuple[int, int], target: int, run: _Run
) -> Manifest:
    """Set the budget of a variant, in its own unit, so that it comes as near to the target as it can."""
    unit = ablations.match
    assert unit is not None
    if manifest.mixture.unit == unit:
        return load_variant(ablations, variant, [f"mixture.budget={target}"])
    best, (got, budget) = manifest, size
    least = abs(got - target)
    for _ in range(_ROUNDS):
        if least <= _NEAR * target:
            break
        budget = max(1, round(budget * target / got))
        tried = load_variant(ablations, variant, [f"mixture.budget={budget}"])
        got, budget = _sizes(run.plan(tried), unit, manifest.mixture.unit)
        if abs(got - target) >= least:
            break
        best, least = tried, abs(got - target)
    return best


def _sizes(planned: Build, *units: str) -> tuple[int, int]:
    """Return how large a mixture is in two units."""
    sums = ", ".join(f"sum({unit}) as size_{number}" for number, unit in enumerate(units))
    first, second = planned.sql(f"select {sums} from mixture where source is not null").row(0)
    return int(first), int(second)


def _outcome(variant: Variant, made: Build, state: _State) -> Outcome:
    totals = made.sql(_TOTALS).row(0, named=True)
    kinds = made.sql("select kind, sum(tokens * repeats) from samples where selected group by kind order by kind")
    used = {"pull": totals["sources"], "encode": totals["sources"], "filter": 1, "videos": totals.pop("videos")}
    del totals["sources"]
    return Outcome(
        variant=variant.name,
        settings=variant.settings,
        folder=str(made.folder),
        fingerprint=made.fingerprint,
        tokens_by_kind=dict(kinds.rows()),
        seconds=round(state.seconds, 3),
        reuse=tuple(
            Reuse(stage=stage, reused=max(count - state.made.get(stage, 0), 0), used=count)
            for stage, count in used.items()
        ),
        **totals,
    )


_TOTALS = """
    with videos as (
        select sample_id, sum(coalesce(used_seconds, duration_seconds)) as seconds
        from media where type = 'video' and frames_used is not null group by sample_id
    )
    select
        (select count(*) from sources) as sources,
        (select count(distinct media_id) from media join samples using (sample_id)
            where samples.selected and type = 'video') as videos,
        count(*) as samples,
        coalesce(sum(tokens * repeats), 0) as tokens,
        coalesce(sum(image_tokens * repeats), 0) as image_tokens,
        coalesce(sum(loss_tokens * repeats), 0) as loss_tokens,
        (select count(distinct pack) from packs) as packs,
        (select coalesce(sum(length) / (count(distinct pack) * getvariable('context')), 0) from packs) as fill,
        sum(seconds * repeats) / sum(repeats) filter (seconds is not null) as video_seconds
    from samples left join videos using (sample_id) where selected
"""
