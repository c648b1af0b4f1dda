"""LLaVA-style conversations: the form of most instruction sets, with an image, images, a video or nothing.

A row is `{id, image, conversations: [{from: human|gpt, value}]}` or `{messages: [{role, content}], images: [...]}`,
in a JSON list (of any size, streamed), JSON lines (.gz and .zst too) or Parquet. `image` and `images` hold a name, a
list of names, null, `{bytes, path}`, bytes, base64 or a data URI; `video` and `videos` a name, a folder of frames, or
a list of frames. The rules for roles, order and placeholders are those of `curation.sources.conversation`.

Licence: each dataset's own; give it in the manifest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from curation.media_root import IMAGE_SUFFIXES
from curation.records import Card, Drop, Flag, Image, Location, Sample, Task, Video
from curation.sources.conversation import check_turns, place_media, read_messages, texts_of, with_system
from curation.sources.defects import RowDefect, build_samples
from curation.sources.media_cells import MEDIA_OPTIONS, MediaReader, check_media, media_reader
from curation.sources.options import COLUMNS_OPTION, check_options, names_option
from curation.sources.plain import plain_turns
from curation.sources.row_values import as_mapping, first_value, row_id_of, scalar_columns
from curation.sources.rows import read_rows, row_tasks

CARD = Card(
    name="llava",
    title="LLaVA-style conversations with images or videos",
    kinds=("image", "multi_image", "video", "text"),
    license="each dataset's own",
    layout="JSON list, JSON lines (.gz, .zst) or Parquet; media in a folder, tar, zip, tar.gz, or in the rows",
    columns={
        "conversations | messages": "list of {from, value} or {role, content}",
        "image | images": "name, list of names, {bytes, path}, base64, data URI, or null",
        "video | videos": "name of a video or of a folder of frames, list of frames, or null",
        "id": "kept as row_id; need not be unique",
        "system": "system prompt, if any",
        "fps": "frames a second of a folder of frames, if any",
    },
    options={
        **MEDIA_OPTIONS,
        **COLUMNS_OPTION,
        "placeholder": "what stands for an image in the text, one or several; default <image>",
    },
    quirks=(
        "<image> often stands for a video; VISTA-400K names videos under `image`",
        "placeholders may be missing, too many or too few; rows name files that are not there",
        "ids repeat or are absent",
    ),
    citation="Liu et al., Visual Instruction Tuning, 2023",
)
_TALKS = ("conversations", "messages", "conversation")
_MEDIA_KEYS = ("image", "images", "video", "videos")
_BESIDE_TURNS = frozenset((*_MEDIA_KEYS, "system"))
COLUMNS = (*_TALKS, *_MEDIA_KEYS, "id", "sample_id", "question_id", "system", "fps", "source_fps")


def tasks(location: Location) -> list[Task]:
    """List the tasks over all files of the location. Raises ManifestError and SourceError."""
    check_options(CARD, location.options)
    names_option(location, "columns")
    check_media(location)
    return row_tasks(location)


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task in the order of its rows."""
    extra = names_option(task.location, "columns")
    placeholders = names_option(task.location, "placeholder") or ("<image>",)
    build = partial(sample_of, reader=media_reader(task), placeholders=placeholders, extra=extra)
    return build_samples(read_rows(task, (*COLUMNS, *extra)), build)


def sample_of(
    row_key: str,
    value: Any,
    *,
    reader: MediaReader,
    placeholders: tuple[str, ...] = ("<image>",),
    extra: tuple[str, ...] = (),
) -> Sample:
    """Build the sample of one row. Raises RowDefect and MediaError."""
    row = as_mapping(value)
    talk = first_value(row, _TALKS)
    if talk is None:
        raise RowDefect("invalid_row", f"none of {', '.join(_TALKS)} is there")
    if len(placeholders) == 1 and placeholders[0].startswith("<") and _is_bare(row):
        plain = plain_turns(talk, placeholders[0])
        if plain is not None:
            columns = scalar_columns(row, extra)
            return Sample(row_key=row_key, row_id=row_id_of(row), turns=plain, columns=columns)
    texts = with_system(texts_of(read_messages(talk)), row.get("system"))
    flags: list[Flag] = []
    images, videos = row_media(row, reader, flags)
    turns, odd = place_media(
        texts, images, videos, placeholders=placeholders, names_media=any(name in row for name in _MEDIA_KEYS)
    )
    check_turns(turns)
    return Sample(
        row_key=row_key,
        row_id=row_id_of(row),
        turns=turns,
        columns=scalar_columns(row, extra),
        flags=(*flags, *odd),
    )


def _is_bare(row: Mapping[str, Any]) -> bool:
    """Say whether a row holds neither media nor a system prompt, only turns."""
    return _BESIDE_TURNS.isdisjoint(row) or not any(row.get(name) is not None for name in _BESIDE_TURNS)


def row_media(row: Mapping[str, Any], reader: MediaReader, flags: list[Flag]) -> tuple[list[Image], list[Video]]:
    """Read the images and videos that a row holds or names, each in the row's order."""
    media: list[Image | Video] = [reader.medium(cell, flags, key="image") for cell in _cells(row, "image")]
    fps = row.get("fps") or row.get("source_fps")
    media += [reader.medium(cell, flags, key="video", fps=fps) for cell in _cells(row, "video")]
    images = [medium for medium in media if isinstance(medium, Image)]
    return images, [medium for medium in media if isinstance(medium, Video)]


def _cells(row: Mapping[str, Any], key: str) -> list[Any]:
    one, many = row.get(key), row.get(f"{key}s")
    if one is None and many is None:
        return []
    one, many = (None if value in ("", []) else value for value in (one, many))
    if one is not None and many is not None and one != many:
        raise RowDefect("invalid_row", f"both {key} and {key}s are given")
    value = one if one is not None else many
    if value is None:
        return []
    if not isinstance(value, list):
        return [value]
    is_frames = (
        key == "video"
        and many is None
        and all(isinstance(v, str) and v.lower().endswith(IMAGE_SUFFIXES) for v in value)
    )
    return [value] if is_frames else value
