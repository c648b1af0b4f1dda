"""Folders of media with annotation files or sidecars: what the adapters images, videos and frames share.

Every medium is found by listing, so none is overlooked: one without annotation is a Drop (`no_annotation`), and so is
an annotation whose medium is not there (`missing_media`). Nothing is made up: without a question or an answer there
is no sample. An annotation names its medium by the path relative to the folder, with or without its ending, or by the
bare file name where no other medium has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from curation.errors import MediaError, SourceError
from curation.records import Card, Drop, Flag, Image, Location, Sample, Task, Video
from curation.sources.annotations import (
    Annotations,
    Reading,
    annotation_files,
    read_annotations,
    reading_of,
    sidecar_rows,
)
from curation.sources.conversation import check_turns, place_media
from curation.sources.defects import RowDefect, drop_of
from curation.sources.files import list_files, source_root
from curation.sources.options import check_options, names_option, rate_option
from curation.sources.row_values import row_id_of, scalar_columns
from curation.sources.slices import slice_tasks

Medium = Image | Video


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A medium of a folder: its key (path relative to the root), its files in order and their bytes."""

    key: str
    paths: tuple[str, ...]
    num_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What tells one adapter of this family from another: how media are listed, and what an entry becomes."""

    card: Card
    entries: Callable[[Location], list[Entry]]
    medium: Callable[[Entry, float], Medium]
    has_fps: bool = False


def list_media(location: Location, suffixes: Sequence[str]) -> list[Entry]:
    """List the files that are media by their ending, in natural order."""
    files = list_files(location.uri, suffixes=suffixes)
    return [Entry(key=file.key, paths=(file.path,), num_bytes=file.num_bytes) for file in files]


def folder_tasks(location: Location, form: Form) -> list[Task]:
    """List slices of the media, and one task for each annotation file."""
    check_options(form.card, location.options)
    names_option(location, "columns")
    rate_option(location, "fps")
    reading_of(location)
    root = source_root(location.uri)
    files = annotation_files(location, root)
    for path in files:
        if not list_files((path,)):
            raise SourceError(f"source: annotations '{path}' can't be read; correct the option `annotations`")
    sizes = (entry.num_bytes for entry in form.entries(location))
    annotations = (Task(path=path, key=path.rpartition("/")[2], num_bytes=0, location=location) for path in files)
    return [*slice_tasks(sizes, location, path=root), *annotations]


def folder_samples(task: Task, form: Form) -> Iterator[Sample | Drop]:
    """Yield the samples of a slice of media, or what an annotation file says that can't be used."""
    location = task.location
    reading = reading_of(location)
    entries = form.entries(location)
    names = _names(entries)
    if task.length is None:
        yield from _unused(task, read_annotations(task.path, reading, location), names)
        return
    found = [read_annotations(path, reading, location) for path in annotation_files(location, task.path)]
    rows: dict[str, list[object]] = {}
    for one in found:
        for name, some in one.by_name.items():
            if name in names:
                rows.setdefault(names[name], []).extend(some)
    for entry in entries[task.offset : task.offset + task.length]:
        yield from _entry_samples(entry, rows.get(entry.key, []), task, form=form, reading=reading)


def _names(entries: Sequence[Entry]) -> dict[str, str]:
    """Return every name that means one medium, and that medium's key."""
    forms = [(entry.key, form) for entry in entries for form in dict.fromkeys(_forms(entry.key))]
    counts = Counter(form for _, form in forms)
    names = {form: key for key, form in forms if counts[form] == 1}
    return names | {entry.key: entry.key for entry in entries}


def _forms(key: str) -> tuple[str, ...]:
    name = key.rpartition("/")[2]
    return key, name, key.rpartition(".")[0] or key, name.rpartition(".")[0] or name


def _unused(task: Task, annotations: Annotations, names: dict[str, str]) -> Iterator[Drop]:
    yield from annotations.unreadable
    for name, rows in annotations.by_name.items():
        for number in range(len(rows) if name not in names else 0):
            yield Drop(row_key=f"{task.key}/{name}:{number}", reason="missing_media", detail={"detail": name})


def _entry_samples(
    entry: Entry, rows: list[object], task: Task, *, form: Form, reading: Reading
) -> Iterator[Sample | Drop]:
    try:
        rows = rows or sidecar_rows(entry.paths[0], task.path, entry.key, reading)
    except RowDefect as err:
        yield drop_of(f"{entry.key}:0", err)
        return
    if not rows and reading.answer is not None:
        rows = [reading.answer]
    if not rows:
        yield Drop(row_key=f"{entry.key}:0", reason="no_annotation")
    for number, row in enumerate(rows):
        row_key = f"{entry.key}:{number}"
        try:
            yield _sample(row_key, row, entry, location=task.location, form=form, reading=reading)
        except (RowDefect, MediaError) as err:
            yield drop_of(row_key, err)


def _sample(row_key: str, row: object, entry: Entry, *, location: Location, form: Form, reading: Reading) -> Sample:
    flags: list[Flag] = []
    texts = reading.talk(row, flags)
    values = row if isinstance(row, dict) else {}
    medium = form.medium(entry, _fps(values.get("fps"), location, flags) if form.has_fps else 1.0)
    images = [medium] if isinstance(medium, Image) else []
    videos = [medium] if isinstance(medium, Video) else []
    turns, odd = place_media(texts, images, videos)
    check_turns(turns)
    flags += [flag for flag in odd if flag.reason != "placeholder_added"]  # here it is the form, not an oddity
    return Sample(
        row_key=row_key,
        row_id=row_id_of(values, "question_id", "questionId", "id"),
        turns=turns,
        columns=scalar_columns(values, names_option(location, "columns")),
        flags=tuple(flags),
    )


def _fps(value: object, location: Location, flags: list[Flag]) -> float:
    """Return the frame rate that the row gives, else the option's, else 1 with a flag."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf"):
        return float(value)
    fps = rate_option(location, "fps")
    if fps is None:
        flags.append(Flag(reason="assumed_fps", measured=1.0))
    return fps or 1.0
