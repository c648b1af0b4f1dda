"""A folder of images with questions and answers beside them: annotation files, or a sidecar for each image.

`uri` is the folder. Annotations: `metadata.jsonl` or `.csv` with `file_name` (as Hugging Face's image folders have
it), any JSON, JSON lines or CSV named by the option `annotations`, or sidecars of the same stem: `page.txt` (the
answer), `page.json` (a row, or a list of rows). Rows hold a question and an answer under one of their usual names or
those of the options; where rows have no question the option `question` gives it. See `curation.sources.annotations`
for the names.

Licence: the folder's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from curation.media_root import IMAGE_SUFFIXES
from curation.records import Address, Card, Drop, Image, Location, Sample, Task
from curation.sources.annotations import OPTIONS
from curation.sources.folder import Entry, Form, folder_samples, folder_tasks, list_media

CARD = Card(
    name="images",
    title="A folder of images with annotations",
    kinds=("image",),
    license="the folder's own",
    layout="images in folders; metadata.jsonl or .csv, an annotations file, or sidecars .txt and .json",
    columns={"file_name": "the image", "question": "the question", "answer": "the answer; of a list the first"},
    options=OPTIONS,
    quirks=("an image without annotation and an annotation without image are ledger rows",),
)


def _medium(entry: Entry, _fps: float) -> Image:
    return Image(content=Address(path=entry.paths[0]), name=entry.key)


_FORM = Form(card=CARD, entries=partial(list_media, suffixes=IMAGE_SUFFIXES), medium=_medium)


def tasks(location: Location) -> list[Task]:
    """List slices of the images and one task for each annotation file. Raises ManifestError and SourceError."""
    return folder_tasks(location, _FORM)


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield a sample for each annotation of each image, by the images' natural order."""
    return folder_samples(task, _FORM)
