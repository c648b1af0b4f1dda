"""PixMo-Cap: long captions of images, spoken by people and written up by a model.

Parquet with `image_url`, `caption` and `transcripts`. The images are not in it: they are read from their addresses
when the source is pulled, and many are gone (`missing_media`). Mirrors that hold them have a column `image` too.
With `answer: transcript` the answer is the first transcript of what was said.

Licence: ODC-By 1.0; the images' own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from curation.records import Card, Drop, Location, Sample, Task
from curation.sources.fields import Fields
from curation.sources.options import choice_option
from curation.sources.questions import IMAGE_COLUMN, Questions, asked_options

_QUESTION = "Describe this image in detail."
CARD = Card(
    name="pixmo_cap",
    title="PixMo-Cap",
    kinds=("image",),
    license="ODC-By 1.0; the images' own",
    hub_id="allenai/pixmo-cap",
    configs=("default", "and anthracite-org/pixmo-cap-images"),
    layout="Parquet, data/train-*.parquet",
    columns={
        "image": f"{IMAGE_COLUMN}, in mirrors only",
        "image_url": "string",
        "caption": "string",
        "transcripts": "list<string>",
    },
    options={**asked_options(_QUESTION), "answer": "caption (default) or transcript"},
    quirks=("images are links, which rot: of 0.72 million about 0.71 were there for the mirror",),
    citation="Deitke et al., Molmo and PixMo: Open Weights and Open Data, 2024",
)
_SET = Questions(
    card=CARD,
    fields=Fields(image=("image", "image_url"), answer=("caption",), asked=_QUESTION),
)


def tasks(location: Location) -> list[Task]:
    """List the tasks over all files of the location. Raises ManifestError and SourceError."""
    return _set_of(location).tasks(location)


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task in the order of its rows."""
    return _set_of(task.location).samples(task)


def _set_of(location: Location) -> Questions:
    if choice_option(location, "answer", ("caption", "transcript")) == "caption":
        return _SET
    return replace(_SET, fields=replace(_SET.fields, answer=("transcripts",)))
