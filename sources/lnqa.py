"""LNQA: questions on OpenImages, written by a model from Localized Narratives, many for each image.

Parquet, `data/train-*.parquet`, columns `image` and `qa` (list of {answer, question}, answer first). Rows are large:
94 GB for 300,000. Pairs without an answer or repeated cost only themselves, as in The Cauldron.

Licence: CC BY 4.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from curation.records import Card, Drop, Location, Sample, Task
from curation.sources.cauldron import OPTIONS, pair_samples, pair_tasks

CARD = Card(
    name="lnqa",
    title="LNQA",
    kinds=("image",),
    license="CC BY 4.0",
    hub_id="vikhyatk/lnqa",
    layout="Parquet, data/train-*.parquet",
    columns={
        "image": "struct<bytes: binary, path: string>",
        "qa": "list<struct<answer: string, question: string>>",
    },
    options=OPTIONS,
    quirks=("many questions for one image",),
    citation="vikhyatk/lnqa on the Hugging Face hub, 2024",
)


def tasks(location: Location) -> list[Task]:
    """List runs of row groups over all Parquet files. Raises ManifestError and SourceError."""
    return pair_tasks(location, CARD, required=("image", "qa"))


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task in the order of its rows."""
    return pair_samples(task, prepare=lambda row: {**row, "texts": _texts(row.get("qa"))}, reads=("qa",))


def _texts(pairs: Any) -> Any:
    """Return the pairs under The Cauldron's names, or what stands in their place, to be judged there."""
    if not isinstance(pairs, list):
        return pairs
    return [
        {"user": pair.get("question"), "assistant": pair.get("answer")} if isinstance(pair, Mapping) else pair
        for pair in pairs
    ]
