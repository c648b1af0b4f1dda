"""FineVision: 24 million samples of 185 sets in one shape, with ratings of every turn.

Parquet, `<config>/train-*.parquet`, columns `images`, `texts` (list of {user, assistant}, whose order of keys differs
between configs), `source`, and for relevance, image_correspondence, visual_dependency and formatting a list
`X_ratings` (1 to 5, one a turn) and its least value `X_min`. The least values are kept as columns, so that `where:
"relevance_min >= 3"` works; they may be null.

Text-only configs have empty or null `images`. Internal duplicates between configs are kept by its makers.

Licence: each source's own; the prompts CC BY 4.0.
"""

from __future__ import annotations

from collections.abc import Iterator

from curation.records import Card, Drop, Location, Sample, Task
from curation.sources.cauldron import OPTIONS, pair_samples, pair_tasks

RATINGS = ("relevance", "image_correspondence", "visual_dependency", "formatting")
_COLUMNS = ("source", *(f"{name}_min" for name in RATINGS))

CARD = Card(
    name="finevision",
    title="FineVision",
    kinds=("image", "multi_image", "text"),
    license="each source's own; prompts CC BY 4.0",
    hub_id="HuggingFaceM4/FineVision",
    layout="Parquet, <config>/train-*.parquet",
    columns={
        "images": "list<struct<bytes: binary, path: string>>, empty or null in text-only configs",
        "texts": "list<struct<user: string, assistant: string>>",
        "source": "string, kept as a column",
        "X_min": "int64 or null, X one of relevance, image_correspondence, visual_dependency, formatting; columns",
    },
    options=OPTIONS,
    quirks=(
        "the order of keys inside texts differs between configs",
        "ratings may be null, whole or in places",
        "measured leakage of benchmark images; whether the hub copy was cleaned is unclear",
    ),
    citation="Wiedmann et al., FineVision: Open Data Is All You Need, 2025",
)


def tasks(location: Location) -> list[Task]:
    """List runs of row groups over all Parquet files. Raises ManifestError and SourceError."""
    return pair_tasks(location, CARD)


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task in the order of its rows."""
    return pair_samples(task, _COLUMNS)
