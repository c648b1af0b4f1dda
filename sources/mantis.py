"""Mantis-Instruct: 721 thousand conversations over interleaved images from 14 sets.

Parquet or JSON in a folder for each subset, images in the rows or in a zip beside them. Rows hold `images` and
`conversation` ({role, content}) on the hub, `image` and `conversations` ({from, value}) in the authors' examples;
both are read.

Licence: Apache-2.0 by its tag; each subset's origin has its own.
"""

from __future__ import annotations

from curation.records import Card
from curation.sources.talks import SEEN_OPTIONS, Talks

CARD = Card(
    name="mantis",
    title="Mantis-Instruct",
    kinds=("multi_image", "image"),
    license="Apache-2.0 tag; each subset's origin has its own",
    hub_id="TIGER-Lab/Mantis-Instruct",
    layout="<subset>/*.parquet or .json; images in the rows, in folders or in a zip beside them",
    columns={
        "id": "string: need not be unique",
        "images | image": "list of paths or of {bytes, path}",
        "conversation | conversations": "list of {role, content} or {from, value}, <image> for each image",
        "source": "string, kept as a column",
    },
    options=SEEN_OPTIONS,
    quirks=("which of the two forms a subset has, and where its images lie, is uncertain",),
    citation="Jiang et al., MANTIS: Interleaved Multi-Image Instruction Tuning, 2024",
)


_SET = Talks(card=CARD, columns=("source",))
tasks = _SET.tasks
samples = _SET.samples
