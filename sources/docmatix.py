"""Docmatix: 9.5 million questions on 2.4 million scanned pages of 1.3 million PDFs, in the shape of The Cauldron.

Parquet, config `images`: `data/train-*.parquet` with columns `images` (up to four pages of one PDF) and `texts` (list
of {user, assistant, source}). The questions do not say which page they are about, so the pages stay together, first
in the first question. The `pdf` config holds PDF bytes instead of images and is not read by this adapter.

Licence: MIT. Questions and answers were written by Phi-3-small from OCR text.
"""

from __future__ import annotations

from collections.abc import Iterator

from curation.records import Card, Drop, Location, Sample, Task
from curation.sources.cauldron import OPTIONS, pair_samples, pair_tasks

CARD = Card(
    name="docmatix",
    title="Docmatix",
    kinds=("document",),
    license="MIT",
    hub_id="HuggingFaceM4/Docmatix",
    configs=("images", "zero-shot-exp"),
    layout="Parquet, data/train-*.parquet (config images)",
    columns={
        "images": "list<struct<bytes: binary, path: string>>: the pages",
        "texts": "list<struct<user: string, assistant: string, source: string>>",
    },
    options=OPTIONS,
    quirks=(
        "up to four pages a row; the questions do not say which page they mean",
        "no row id; the questions of a row overlap",
        "long PDFs are cut to their first pages",
    ),
    citation="Laurençon et al., Building and better understanding vision-language models, 2024",
)


def tasks(location: Location) -> list[Task]:
    """List runs of row groups over all Parquet files. Raises ManifestError and SourceError."""
    return pair_tasks(location, CARD)


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task in the order of its rows."""
    return pair_samples(task)
