"""Docmatix: 9.5 million questions on 2.4 million scanned pages of 1.3 million PDFs, in the shape of The Cauldron.

Parquet. Configs `images` (`data/train-*.parquet`) and `zero-shot-exp` have `images` (up to four pages of one PDF) and
`texts` (list of {user, assistant, source}); config `pdf` (`pdf/train-*.parquet`) has the PDF's bytes as `pdf` instead:
its first `pages` pages are drawn at `dpi` (extra `pdf`). Which form a file has is seen by its columns. The questions do
not say which page they are about, so the pages stay together, first in the first question.

Licence: MIT. Questions and answers were written by Phi-3-small from OCR text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from curation.errors import MediaError
from curation.records import Card, Drop, Image, Location, Sample, Task
from curation.sources.cauldron import OPTIONS, pair_samples, pair_tasks
from curation.sources.options import count_option

CARD = Card(
    name="docmatix",
    title="Docmatix",
    kinds=("document",),
    license="MIT",
    hub_id="HuggingFaceM4/Docmatix",
    configs=("images", "pdf", "zero-shot-exp"),
    layout="Parquet, data/train-*.parquet (config images), pdf/train-*.parquet, zero-shot-exp/{train,test}-*.parquet",
    columns={
        "images": "list<struct<bytes: binary, path: string>>: the pages",
        "pdf": "binary, in the config pdf instead of images",
        "texts": "list<struct<user: string, assistant: string, source: string>>",
    },
    options={
        **OPTIONS,
        "dpi": "dots an inch at which pages of the config pdf are drawn; default 150, as the config images has them",
        "pages": "how many pages of a PDF are drawn at most; default 4, as the config images has them",
    },
    quirks=(
        "up to four pages a row; the questions do not say which page they mean",
        "no row id; the questions of a row overlap",
        "long PDFs are cut to their first pages",
        "the card's number of rows of the config pdf (125 thousand) contradicts the viewer's (1.27 million)",
    ),
    citation="Laurençon et al., Building and better understanding vision-language models, 2024",
)


def tasks(location: Location) -> list[Task]:
    """List runs of row groups over all Parquet files. Raises ManifestError and SourceError."""
    _drawing(location)
    return pair_tasks(location, CARD)


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task in the order of its rows."""
    dpi, pages = _drawing(task.location)
    return pair_samples(task, prepare=partial(_with_pages, dpi=dpi, max_pages=pages), reads=("pdf",))


def _with_pages(row: Mapping[str, Any], *, dpi: int, max_pages: int) -> Mapping[str, Any]:
    """Return a row of the config pdf with its pages drawn; other rows as they are."""
    if "pdf" not in row or row.get("images") is not None:
        return row
    from curation.sources.pdf_pages import page_images

    if not isinstance(row["pdf"], bytes):
        raise MediaError("missing_media", f"the pdf is {type(row['pdf']).__name__}, not bytes")
    drawn = page_images(row["pdf"], dpi=dpi, max_pages=max_pages)
    return {**row, "images": [Image(content=page, name=f"page-{number}.png") for number, page in enumerate(drawn, 1)]}


def _drawing(location: Location) -> tuple[int, int]:
    return count_option(location, "dpi", 150, least=1), count_option(location, "pages", 4, least=1)
