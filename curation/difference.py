"""What changed between two builds, plans or manifests: settings key by key, samples, tokens, places in packs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.builds import Build, open_build

if TYPE_CHECKING:
    import polars

EXAMPLES = 3
ABSENT = "absent"
MANIFESTS = (".yaml", ".yml")
_COMPARED = ("samples", "packs", "shards")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A setting, or a digest, that is not the same; None stands for a key that is not there."""

    key: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChange:
    """One source in both mixtures: selected samples, and tokens with repeats counted.

    Of the samples that both select, `repeated` are those in another number of packs, `resized` those with another
    number of tokens, `rewritten` those whose question, answer or media are not the same bytes.
    """

    source: str
    samples_before: int
    samples_after: int
    tokens_before: int
    tokens_after: int
    samples_out: int
    samples_in: int
    repeated: int
    resized: int
    rewritten: int

    @property
    def is_same(self) -> bool:
        """Whether the same samples stand in both, with the same content."""
        return not (self.samples_out or self.samples_in or self.repeated or self.resized or self.rewritten)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Samples of a source that only one of the two selects, and what became of them in the other.

    `reason` is the other's `drop_reason`, or `absent` when the other does not know them. `examples` are sample ids.
    """

    source: str
    direction: str  # out: only in the first; in: only in the second
    reason: str
    samples: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resized:
    """A sample that both select, with other tokens."""

    sample_id: str
    tokens_before: int
    tokens_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """All that is not the same. `places` counts places in packs that hold another sample or none in one of the two."""

    settings: tuple[Change, ...]
    digests: tuple[Change, ...] = ()
    sources: tuple[SourceChange, ...] = ()
    moved: tuple[Moved, ...] = ()
    resized: tuple[Resized, ...] = ()
    packs_before: int = 0
    packs_after: int = 0
    places: int = 0
    shards: int = 0

    @property
    def is_same(self) -> bool:
        """Whether nothing differs that reaches training: settings, samples, tokens, packs, bytes of shards."""
        is_changed = self.settings or self.digests or self.places or self.shards
        return not is_changed and all(source.is_same for source in self.sources)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return {"same": self.is_same, **asdict(self)}


def diff(before: str | Path, after: str | Path) -> Difference:
    """Compare two builds or plans, or the settings alone when one of the two is a manifest.

    Nothing is read but the indexes. Raises BuildError or ManifestError for what can't be opened.
    """
    if any(Path(each).suffix in MANIFESTS for each in (before, after)):
        return Difference(settings=tuple(_changes(_settings(before), _settings(after))))
    return compare(open_build(before), open_build(after))


def compare(before: Build, after: Build) -> Difference:
    """Compare two builds, or plans. A plan has no shards, so only two builds are compared by their shards' bytes."""
    from curation.queries import connect, run_query
    from curation.tables import PUBLIC

    files = {
        f"{side}_{table}": build.table_files()[table]
        for side, build in (("before", before), ("after", after))
        for table in _COMPARED
    }
    with connect(files, {name: PUBLIC[name.partition("_")[2]] for name in files}) as connection:
        ask = partial(run_query, connection)
        packs = ask(_PACKS).row(0)
        return Difference(
            settings=tuple(_changes(before.settings, after.settings)),
            digests=tuple(_changes(before.digests, after.digests)),
            sources=tuple(SourceChange(**row) for row in ask(_SOURCES).to_dicts()),
            moved=tuple(_moved(ask(_MOVED))),
            resized=tuple(Resized(**row) for row in ask(_RESIZED).to_dicts()),
            packs_before=packs[0],
            packs_after=packs[1],
            places=packs[2],
            shards=ask(_SHARDS).item() if _has_shards(before) and _has_shards(after) else 0,
        )


def _has_shards(build: Build) -> bool:
    return bool(build.table_files()["shards"])


def _settings(path: str | Path) -> Mapping[str, Any]:
    if Path(path).suffix not in MANIFESTS:
        return open_build(path).settings
    from curation.manifest_names import load_manifest

    return load_manifest(path).resolved()


def _changes(before: Any, after: Any, path: str = "") -> Iterator[Change]:
    """Go down both trees; what only one of them has is one change, however much hangs on it."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _changes(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
    elif path == "filters" and isinstance(before, list) and isinstance(after, list):
        yield from _filter_changes(before, after)
    elif before != after:
        yield Change(key=path, before=before, after=after)


def _filter_changes(before: list[Any], after: list[Any]) -> Iterator[Change]:
    first, second = _by_name(before), _by_name(after)
    yield from _changes(first, second, "filters")
    common = [[name for name in one if name in other] for one, other in ((first, second), (second, first))]
    if common[0] != common[1]:
        yield Change(key="filters (order)", before=common[0], after=common[1])


def _by_name(filters: list[Any]) -> dict[str, Any]:
    """Name each filter; the second `where` is `where#2`."""
    named: dict[str, Any] = {}
    for entry in filters:
        ((name, options),) = entry.items()
        count = sum(known.partition("#")[0] == name for known in named)
        named[f"{name}#{count + 1}" if count else name] = options
    return named


def _moved(frame: polars.DataFrame) -> Iterator[Moved]:
    for row in frame.iter_rows(named=True):
        yield Moved(**{**row, "examples": tuple(row["examples"])})


_BOTH = """
    with both_sides as (
        select coalesce(a.sample_id, b.sample_id) as sample_id, coalesce(a.source, b.source) as source,
            coalesce(a.selected, false) as was, coalesce(b.selected, false) as now,
            a.sample_id is null as is_new, b.sample_id is null as is_gone,
            a.drop_reason as reason_before, b.drop_reason as reason_after,
            coalesce(a.repeats, 0) as repeats_before, coalesce(b.repeats, 0) as repeats_after,
            a.tokens as tokens_before, b.tokens as tokens_after,
            (a.answer_sha256, a.question_sha256, a.media_sha256)
                is distinct from (b.answer_sha256, b.question_sha256, b.media_sha256) as is_rewritten
        from before_samples as a full join after_samples as b using (sample_id)
        where coalesce(a.selected, false) or coalesce(b.selected, false)
    )
"""

_SOURCES = f"""{_BOTH}
    select source,
        count(*) filter (was) as samples_before,
        count(*) filter (now) as samples_after,
        coalesce(sum(tokens_before * repeats_before) filter (was), 0) as tokens_before,
        coalesce(sum(tokens_after * repeats_after) filter (now), 0) as tokens_after,
        count(*) filter (was and not now) as samples_out,
        count(*) filter (now and not was) as samples_in,
        count(*) filter (was and now and repeats_before <> repeats_after) as repeated,
        count(*) filter (was and now and tokens_before <> tokens_after) as resized,
        count(*) filter (was and now and is_rewritten) as rewritten
    from both_sides group by source order by source
"""

_MOVED = f"""{_BOTH}
    select source, if(was, 'out', 'in') as direction,
        if(was, if(is_gone, '{ABSENT}', reason_after), if(is_new, '{ABSENT}', reason_before)) as reason,
        count(*) as samples, min(sample_id, {EXAMPLES}) as examples
    from both_sides where was <> now group by all order by all
"""

_RESIZED = f"""{_BOTH}
    select sample_id, tokens_before, tokens_after from both_sides
    where was and now and tokens_before <> tokens_after
    order by abs(tokens_after - tokens_before) desc, sample_id limit {EXAMPLES}
"""

_PACKS = """
    select (select count(distinct pack) from before_packs), (select count(distinct pack) from after_packs), count(*)
    from before_packs as a full join after_packs as b using (pack, position)
    where (a.sample_id, a.repeat) is distinct from (b.sample_id, b.repeat)
"""

_SHARDS = """
    select count(*) from (select sha256 from before_shards) as a full join (select sha256 from after_shards) as b
    using (sha256) where a.sha256 is null or b.sha256 is null
"""
