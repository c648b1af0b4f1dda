"""What a filter matched, read from the sources again: a sample and its evidence, side by side."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.errors import CurationError, MediaError
from curation.queries import literal
from curation.records import Image, Sample, Text

if TYPE_CHECKING:
    import polars

    from curation.builds import Build
    from curation.records import Task
    from curation.sources.stage import Source

Ask = Callable[[str], "polars.DataFrame"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a match: who it is, what became of it, its turns as (role, text), its rows of `media`.

    `problem` says why there are no turns.
    """

    name: str
    state: str
    turns: tuple[tuple[str, str], ...] = ()
    media: tuple[dict[str, Any], ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A ledger row that names its evidence, and both sides of it."""

    row: Mapping[str, Any]
    sample: Side
    evidence: Side


def find_matches(build: Build, sample: Mapping[str, Any], ledger: Sequence[Mapping[str, Any]], ask: Ask) -> list[Match]:
    """Return the matches that the ledger rows of a sample tell of.

    The words of dropped samples are in no shard, so both sides are read from their sources again: as much as a task
    of each. What can't be read any more has its problem said.
    """
    rows = [row for row in ledger if row["evidence_sample_id"] or _benchmark(row)]
    if not rows:
        return []
    ids = [sample["sample_id"], *dict.fromkeys(row["evidence_sample_id"] for row in rows if row["evidence_sample_id"])]
    listed = ", ".join(map(literal, ids))
    known = {each["sample_id"]: each for each in ask(f"from samples where sample_id in ({listed})").to_dicts()}
    media: dict[str, list[dict[str, Any]]] = {}
    for medium in ask(f"from media where sample_id in ({listed}) order by sample_id, position").to_dicts():
        media.setdefault(medium["sample_id"], []).append(medium)
    found = _read_again(build.folder / "manifest.yaml", known.values())
    sides = {name: _side(name, known.get(name), media.get(name, []), found.get(name)) for name in ids}
    return [
        Match(
            row=row,
            sample=sides[sample["sample_id"]],
            evidence=sides[row["evidence_sample_id"]] if row["evidence_sample_id"] else _item(row),
        )
        for row in rows
    ]


def read_images(build: Build, sample_ids: Iterable[str]) -> dict[str, tuple[bytes, ...]]:
    """Read the images of samples from their sources again, by sample_id; those that can't be read are left out."""
    from curation.media import read

    split = ((name, *name.partition("/")) for name in sample_ids)
    rows = [{"sample_id": name, "source": source, "row_key": key} for name, source, slash, key in split if slash]
    images: dict[str, tuple[bytes, ...]] = {}
    for name, sample in _read_again(build.folder / "manifest.yaml", rows).items():
        if isinstance(sample, str):  # it can't be read any more
            continue
        contents = [part.content for turn in sample.turns for part in turn.parts if isinstance(part, Image)]
        try:
            images[name] = tuple(each if isinstance(each, bytes) else read(each) for each in contents)
        except MediaError:
            continue
    return images


def _benchmark(row: Mapping[str, Any]) -> bool:
    return row["filter"] == "contamination" and bool(row["detail"])


def _item(row: Mapping[str, Any]) -> Side:
    """Return a benchmark's item as contamination's ledger row tells of it."""
    detail = json.loads(row["detail"])
    name = " ".join(str(detail[key]) for key in ("benchmark", "item") if detail.get(key) is not None)
    turns = (("user", detail["question"]),) if detail.get("question") else ()
    return Side(name=name, state=f"benchmark item of {detail.get('file', 'an unknown file')}", turns=turns)


def _side(
    name: str, row: Mapping[str, Any] | None, media: Iterable[dict[str, Any]], found: Sample | str | None
) -> Side:
    if row is None:
        return Side(name=name, state="not in this build", problem="it is a sample of another build")
    by = f" by {row['dropped_by']}" if row["dropped_by"] else ""
    state = "selected" if row["selected"] else f"not selected: {row['drop_reason']}{by}"
    if not isinstance(found, Sample):
        problem = found or "its source has no such row any more"
        return Side(name=name, state=state, media=tuple(media), problem=problem)
    turns = tuple((turn.role, _words(turn.parts)) for turn in found.turns)
    return Side(name=name, state=state, turns=turns, media=tuple(media))


def _words(parts: Iterable[object]) -> str:
    return "".join(part.text if isinstance(part, Text) else f"[{type(part).__name__.lower()}]" for part in parts)


def _read_again(manifest: Path, rows: Iterable[Mapping[str, Any]]) -> dict[str, Sample | str]:
    """Return samples by id as their sources give them, or what went wrong."""
    from curation.manifest_names import load_manifest
    from curation.settings import source_of

    wanted: dict[str, dict[str, str]] = {}
    for row in rows:
        wanted.setdefault(row["source"], {})[row["row_key"]] = row["sample_id"]
    found: dict[str, Sample | str] = {}
    for source, ids in wanted.items():
        try:
            found |= {ids[key]: sample for key, sample in _samples(source_of(load_manifest(manifest), source), ids)}
        except (CurationError, OSError) as err:
            found |= dict.fromkeys(ids.values(), str(err))
    return found


def _samples(source: Source, keys: Mapping[str, str]) -> list[tuple[str, Sample]]:
    from curation.sources import load_adapter
    from curation.sources.stage import list_tasks

    left = set(keys)
    found: list[tuple[str, Sample]] = []
    with tempfile.TemporaryDirectory(prefix="curation-") as cache:
        source = replace(source, location=replace(source.location, cache=cache))
        adapter = load_adapter(source.adapter)
        tasks = list_tasks(source)
        for task in [task for task in tasks if any(_may_hold(task, key) for key in keys)] or tasks:
            for row in adapter.samples(task):
                if row.row_key in left and isinstance(row, Sample):
                    found.append((row.row_key, row))
                    left.discard(row.row_key)
                if not left:
                    return found
    return found


def _may_hold(task: Task, row_key: str) -> bool:
    """Say whether a task may have made a row key of the form `file:number`."""
    if not row_key.startswith(f"{task.key}:"):
        return False
    number = row_key.removeprefix(f"{task.key}:")
    if not number.isdecimal() or task.num_rows is None:
        return True
    return task.first_row <= int(number) < task.first_row + task.num_rows
