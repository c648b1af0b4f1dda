"""InfiMM-WebMath-40B: web pages on mathematics with their images in place.

Parquet with `URL`, `text_list`, `image_list` and `metadata`. The two lists go in step and one of the two is null at
each place: a null text means that an image stands there. Images are web addresses, and many are gone.

The option `images` says what becomes of them: `leave_out` (the default) gives the text alone, with the flag
`images_left_out`; `keep` gives a document of text and images in their order, read when the source is pulled, so that
a page with an image that is gone is `missing_media`.

Licence: ODC-By 1.0; the images' own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from curation.records import Card, Drop, Flag, Location, Part, Sample, Task, Text, Turn
from curation.sources.defects import RowDefect, build_samples
from curation.sources.media_cells import MediaReader, media_reader
from curation.sources.options import COLUMNS_OPTION, check_options, choice_option, count_option, names_option
from curation.sources.row_values import as_mapping, row_id_of, scalar_columns
from curation.sources.rows import read_rows, row_tasks

CARD = Card(
    name="infimm_webmath",
    title="InfiMM-WebMath-40B",
    kinds=("math", "multi_image", "text"),
    license="ODC-By 1.0; the images' own",
    hub_id="Infi-MM/InfiMM-WebMath-40B",
    layout="Parquet (uncertain; JSON lines are read too)",
    columns={
        "URL": "string, kept as row_id",
        "text_list": "list<string or null>",
        "image_list": "list<string or null>, in step with text_list",
        "metadata": "string of JSON; option `columns`",
    },
    options={
        **COLUMNS_OPTION,
        "images": "leave_out (default) or keep: read each image from its address",
        "min_chars": "least length of a document in characters; shorter ones are dropped: too_short. Default 0",
    },
    quirks=("images are links, which rot", "a null text means that an image stands there"),
    citation="Han et al., InfiMM-WebMath-40B: Advancing Multimodal Pre-Training…, 2024",
)


def tasks(location: Location) -> list[Task]:
    """List the tasks over all files of the location. Raises ManifestError and SourceError."""
    check_options(CARD, location.options)
    names_option(location, "columns")
    count_option(location, "min_chars", 0)
    choice_option(location, "images", ("leave_out", "keep"))
    return row_tasks(location, columns=("text_list", "image_list"))


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task in the order of its rows."""
    location = task.location
    extra = names_option(location, "columns")
    keeps = choice_option(location, "images", ("leave_out", "keep")) == "keep"
    build = partial(
        _sample,
        reader=media_reader(task) if keeps else None,
        min_chars=count_option(location, "min_chars", 0),
        extra=extra,
    )
    return build_samples(read_rows(task, ("URL", "text_list", "image_list", *extra)), build)


def _sample(row_key: str, value: Any, *, reader: MediaReader | None, min_chars: int, extra: tuple[str, ...]) -> Sample:
    row = as_mapping(value)
    flags: list[Flag] = []
    parts: list[Part] = []
    left_out = 0
    for text, image in _places(row.get("text_list"), row.get("image_list")):
        if text is not None:
            parts.append(Text(text=text))
        elif reader is None:
            left_out += 1
        else:
            parts.append(reader.medium(image, flags, key="image"))
    parts = _joined(parts)
    num_chars = sum(len(part.text) for part in parts if isinstance(part, Text))
    if not any(isinstance(part, Text) and part.text.strip() for part in parts):
        raise RowDefect("no_text", "the page has no text")
    if num_chars < min_chars:
        raise RowDefect("too_short", measured=num_chars, threshold=min_chars)
    if left_out:
        flags.append(Flag(reason="images_left_out", measured=left_out))
    return Sample(
        row_key=row_key,
        row_id=row_id_of(row, "URL"),
        turns=(Turn(role="assistant", parts=tuple(parts)),),
        columns=scalar_columns(row, extra),
        flags=tuple(flags),
    )


def _places(texts: Any, images: Any) -> Iterator[tuple[str | None, str | None]]:
    if not isinstance(texts, list) or not isinstance(images, list) or len(texts) != len(images):
        raise RowDefect("invalid_row", "text_list and image_list do not go in step")
    for text, image in zip(texts, images, strict=True):
        if (text is None) == (image is None) or not isinstance(text or image or "", str):
            raise RowDefect("invalid_row", "a place of the page holds both a text and an image, or neither")
        yield text, image


def _joined(parts: list[Part]) -> list[Part]:
    """Join texts that stand side by side with a blank line."""
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, Text) and joined and isinstance(joined[-1], Text):
            joined[-1] = Text(text=f"{joined[-1].text}\n\n{part.text}")
        else:
            joined.append(part)
    return joined
