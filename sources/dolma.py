"""Dolma: documents of the web, books, papers and code, with attributes beside them.

Gzip JSON lines with `id`, `text`, `source` and perhaps `added`, `created`, `metadata`. Attributes stand in files of
the same name below another folder: `documents/a.json.gz` has `attributes/<name>/a.json.gz`, row by row in the same
order, each `{id, attributes: {key: value}}`. The option `attributes` names those to join. A number becomes the column
of its key; a list of spans [start, end, score] becomes `<key>_max` (the highest score; 0 without spans) and
`<key>_share` (the part of the characters that spans of a score above 0 cover). A row whose attributes are
those of another id is `attributes_misaligned`, one without them `no_attributes`.

Books are whole: see `over_length`. Ids repeat across the parts.

Licence: ODC-By 1.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from msgspec import structs

from curation.errors import SourceError
from curation.records import Card, Drop, Location, Sample, Task
from curation.sources.defects import Row, RowDefect, build_samples
from curation.sources.documents import DOCUMENT_OPTIONS, Documents
from curation.sources.files import list_files, source_root
from curation.sources.options import names_option, text_option
from curation.sources.row_values import as_mapping
from curation.sources.rows import SUFFIXES, read_rows

CARD = Card(
    name="dolma",
    title="Dolma",
    kinds=("text",),
    license="ODC-By 1.0",
    hub_id="allenai/dolma",
    configs=("v1_7", "v1_6", "v1_5", "v1 (gutenberg-books and others)"),
    layout="JSON lines, .json.gz below documents/; attributes/<name>/ with files of the same names",
    columns={
        "text": "string",
        "id": "string, kept as row_id; repeats across parts",
        "source": "string, kept as a column",
        "metadata": "struct that differs by part; option `columns` (metadata.language)",
        "attributes": "numbers, or lists of [start, end, score]; option `attributes`",
    },
    options={
        **DOCUMENT_OPTIONS,
        "attributes": "names of the attributes to join, the folders below attributes_folder",
        "attributes_folder": "where the attributes are; default: ../attributes beside the documents",
    },
    quirks=(
        "a gzip file is one task: it can't be split",
        "whole books stand in one row",
        "the hub holds lists of URLs and a loading script, not the files",
    ),
    citation="Soldaini et al., Dolma: an Open Corpus of Three Trillion Tokens, 2024",
)
_SET = Documents(card=CARD, columns=("source",))


def tasks(location: Location) -> list[Task]:
    """List the tasks over all files; a file of attributes that is not there is a SourceError."""
    for path in further_files(location):
        list_files((path,))
    return _SET.tasks(location)


def further_files(location: Location) -> list[str]:
    """List the files of attributes that the location's options name: they are read besides the documents."""
    if not names_option(location, "attributes"):
        return []
    files = list_files(location.uri, suffixes=SUFFIXES)
    return [path for file in files for path in _attribute_files(location, file.key).values()]


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task in the order of its rows."""
    paths = _attribute_files(task.location, task.key)
    if not paths:
        return _SET.samples(task)
    read = _SET.reader(task.location)

    def build(row_key: str, value: Any) -> Sample:
        row, found = value
        sample = read(row_key, row)
        columns: dict[str, Any] = dict(sample.columns)
        for name in paths:
            columns |= attribute_columns(name, row, found.get(name), len(row["text"]))
        return structs.replace(sample, columns=columns)

    return build_samples(_joined(task, paths), build)


def attribute_columns(name: str, row: Mapping[str, Any], found: Any, num_chars: int) -> dict[str, float]:
    """Return the columns of a row's attributes. Raises RowDefect."""
    if found is None:
        raise RowDefect("no_attributes", f"{name} has no row for it")
    found = as_mapping(found)
    if found.get("id") != row.get("id"):
        raise RowDefect(
            "attributes_misaligned", f"{name} has {found.get('id')!r} where the document is {row.get('id')!r}"
        )
    columns: dict[str, float] = {}
    for key, value in as_mapping(found.get("attributes")).items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            columns[key] = value
        elif isinstance(value, list) and all(_is_span(span) for span in value):
            columns[f"{key}_max"] = max((span[2] for span in value), default=0)
            columns[f"{key}_share"] = _covered(value) / num_chars
        else:
            raise RowDefect("invalid_row", f"attribute {key} is neither a number nor a list of spans")
    return columns


def _is_span(span: Any) -> bool:
    return isinstance(span, list) and len(span) == 3 and all(isinstance(value, int | float) for value in span)


def _covered(spans: list[Any]) -> int:
    covered, reached = 0, 0
    for start, end, score in sorted(spans):
        if score > 0 and end > reached:
            covered += end - max(start, reached)
            reached = end
    return covered


def _attribute_files(location: Location, key: str) -> dict[str, str]:
    names = names_option(location, "attributes")
    root = source_root(location.uri)
    folder = text_option(location, "attributes_folder") or f"{root.rpartition('/')[0]}/attributes"
    if names and "::" in folder:
        raise SourceError(f"source: attributes can't be found beside '{root}'; give `attributes_folder`")
    return {name: f"{folder.rstrip('/')}/{name}/{key}" for name in names}


def _joined(task: Task, paths: Mapping[str, str]) -> Iterator[Row | Drop]:
    """Yield the documents' rows with those of the attributes that have the same number."""
    readers = {name: _numbered(task, path) for name, path in paths.items()}
    heads: dict[str, tuple[int, Any]] = dict.fromkeys(paths, (-1, None))
    for row in read_rows(task):
        if isinstance(row, Drop):
            yield row
            continue
        number, found = _line_number(row), {}
        for name, reader in readers.items():
            while heads[name][0] < number:
                heads[name] = next(reader, (number + 1, None))
            if heads[name][0] == number:
                found[name] = heads[name][1]
        yield Row(row.key, (row.value, found))


def _numbered(task: Task, path: str) -> Iterator[tuple[int, Any]]:
    whole = replace(task, path=path, offset=0, length=None, first_row=0)
    for row in read_rows(whole):
        yield _line_number(row), None if isinstance(row, Drop) else row.value


def _line_number(row: Row | Drop) -> int:
    """Return the number of a row in its file, as its key says."""
    return int((row.row_key if isinstance(row, Drop) else row.key).rpartition(":")[2])
