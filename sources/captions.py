"""A table of images and their captions: CSV, TSV, Parquet or JSON lines, one row for each image.

The image is a path below `media` (default: the table's folder), a URL, or bytes in a Parquet cell; the caption is the
answer. Without the option `question` (or a column of questions) the image alone is the question: nothing is made up.
A URL is read when the source is pulled; one that is gone is a ledger row.

Licence: the table's own; give it in the manifest.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from curation.records import Card, Drop, Location, Sample, Task
from curation.sources import delimited, jsonl, parquet
from curation.sources.defects import build_samples
from curation.sources.delimited import DELIMITED_OPTIONS, delimited_rows, delimited_tasks
from curation.sources.fields import FIELD_OPTIONS, IMAGE_FIELDS, fields_of
from curation.sources.files import list_files
from curation.sources.media_cells import MEDIA_OPTIONS, check_media, media_reader
from curation.sources.options import check_options
from curation.sources.rows import file_tasks, read_rows

CARD = Card(
    name="captions",
    title="A table of images and captions",
    kinds=("image", "multi_image", "video"),
    license="the table's own",
    layout="CSV, TSV, JSON lines or list (.gz, .zst), Parquet; images in folders, archives, cells or at URLs",
    columns={
        "image": "path, URL or bytes (option `image_field`; file_name, path, url and others are known too)",
        "caption": "string (option `answer_field`; text, label, description and others are known too)",
        "question": "string, if the table has one (option `question_field`)",
    },
    options={**FIELD_OPTIONS, **DELIMITED_OPTIONS, **MEDIA_OPTIONS},
    quirks=(
        "the TSV files of Conceptual Captions begin without names: option `header: [caption, image]`",
        "links rot: see the ledger for `missing_media`",
    ),
)
_IMAGE_FIELDS = (*IMAGE_FIELDS, "file_name", "filename", "filepath", "img_path", "imgname", "path", "url")
_SUFFIXES = (*delimited.SUFFIXES, *parquet.SUFFIXES, *jsonl.SUFFIXES)


def tasks(location: Location) -> list[Task]:
    """List byte ranges and runs of row groups over all tables. Raises ManifestError and SourceError."""
    check_options(CARD, location.options)
    fields_of(location, image=_IMAGE_FIELDS)
    delimited.check_delimited(location)
    check_media(location)
    return [
        task
        for file in list_files(location.uri, suffixes=_SUFFIXES)
        for task in (delimited_tasks if _is_delimited(file.path) else file_tasks)(file, location)
    ]


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task in the order of its rows."""
    fields = fields_of(task.location, image=_IMAGE_FIELDS)
    rows = delimited_rows(task) if _is_delimited(task.path) else read_rows(task, fields.names)
    return build_samples(rows, partial(fields.sample, reader=media_reader(task)))


def _is_delimited(path: str) -> bool:
    return path.lower().endswith(delimited.SUFFIXES)
