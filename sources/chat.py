"""OpenAI-style chats: messages whose content is a string or a list of typed parts.

A row is `{messages: [{role, content}]}` (or the list alone). Parts: `text` (`text`, `value` or `content`),
`image_url` / `image` / `input_image`, `video` / `video_url`; the payload is a string, `{url}`, or stands under
`value`, `path` or `url`: a path below the media root, a data URI, or a web address. An `{type: image}` without
payload takes the next of the row's `images` (likewise `videos`). A video given as a list of frames may say its `fps`;
`video_start` and `video_end` are seconds. Other parts (audio, reasoning, tool calls) can't be kept honestly:
`unknown_part`. Text stays as it is; with option `placeholder` a word such as `<IMG_CONTEXT>` says where in the text
of its turn each image stands.

Files: JSON lines, JSON list (.gz, .zst) or Parquet. Licence: each dataset's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeGuard

from msgspec import structs

from curation.records import Card, Drop, Flag, Image, Location, Part, Sample, Task, Text, Turn, Video
from curation.sources.conversation import check_turns, read_messages, split_text
from curation.sources.defects import RowDefect, build_samples
from curation.sources.media_cells import MEDIA_OPTIONS, MediaReader, check_media, media_reader
from curation.sources.options import COLUMNS_OPTION, check_options, names_option
from curation.sources.row_values import first_value, row_id_of, scalar_columns
from curation.sources.rows import read_rows, row_tasks

CARD = Card(
    name="chat",
    title="OpenAI-style chats with typed parts",
    kinds=("text", "image", "multi_image", "video"),
    license="each dataset's own",
    layout="JSON lines, JSON list (.gz, .zst) or Parquet",
    columns={
        "messages": "list of {role, content}; content a string or a list of typed parts",
        "images, videos": "payloads for parts that have none",
        "id": "kept as row_id; need not be unique",
    },
    options={
        **MEDIA_OPTIONS,
        **COLUMNS_OPTION,
        "placeholder": "words in the text that say where the images of the turn stand; removed with one newline",
    },
    quirks=(
        "tool calls, reasoning parts and audio drop the row",
        "a blank turn beside others is kept as it is; without any question or answer the row is dropped",
        "`pretrain` and `tool` are no roles of a chat",
    ),
)
_KEYS = ("messages", "conversations", "conversation")
_PAYLOADS = ("image_url", "video_url", "input_image", "image", "video", "url", "path", "value", "file_name", "bytes")
_TEXT_PARTS = ("text", "input_text", "output_text")
_MEDIA_PARTS: dict[str, Literal["image", "video"]] = {
    "image": "image",
    "image_url": "image",
    "input_image": "image",
    "input_video": "video",
    "video": "video",
    "video_url": "video",
}


def tasks(location: Location) -> list[Task]:
    """List the tasks over all files of the location. Raises ManifestError and SourceError."""
    check_options(CARD, location.options)
    names_option(location, "columns")
    names_option(location, "placeholder")
    check_media(location)
    return row_tasks(location)


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task in the order of its rows."""
    extra = names_option(task.location, "columns")
    placeholders = names_option(task.location, "placeholder")
    build = partial(
        sample_of,
        reader=media_reader(task),
        placeholders=placeholders,
        extra=extra,
    )
    return build_samples(read_rows(task, (*_KEYS, "images", "videos", "id", *extra)), build)


def has_typed_parts(talk: Any) -> TypeGuard[list[Any]]:
    """Say whether a conversation has a message whose content is a list of parts."""
    if not isinstance(talk, list):
        return False
    for message in talk:
        if isinstance(message, dict) and (type(message.get("content")) is list or type(message.get("value")) is list):
            return True
    return False


def sample_of(
    row_key: str,
    value: Any,
    *,
    reader: MediaReader,
    placeholders: tuple[str, ...] = (),
    extra: tuple[str, ...] = (),
) -> Sample:
    """Build the sample of one row. Raises RowDefect and MediaError."""
    row: Mapping[str, Any] = {"messages": value} if isinstance(value, list) else value
    if not isinstance(row, Mapping):
        raise RowDefect("invalid_row", f"the row is {type(value).__name__}, not an object or a list of messages")
    talk = first_value(row, _KEYS)
    if talk is None:
        raise RowDefect("invalid_row", f"none of {', '.join(_KEYS)} is there")
    parts = _Parts(reader=reader, flags=[], rest={key: list(row.get(f"{key}s") or ()) for key in ("image", "video")})
    turns = []
    for role, content in read_messages(talk):
        turn = Turn(role=role, parts=parts.read(content))
        if role != "user" and any(not isinstance(part, Text) for part in turn.parts):
            raise RowDefect("media_in_answer" if role == "assistant" else "media_in_system")
        turns.append(_placed(turn, placeholders) if placeholders and role == "user" else turn)
    if left := sum(map(len, parts.rest.values())):
        raise RowDefect("placeholder_mismatch", f"{left} of the row's media have no part", measured=left, threshold=0)
    check_turns(turns, keep_blank=True)
    return Sample(
        row_key=row_key,
        row_id=row_id_of(row),
        turns=tuple(turns),
        columns=scalar_columns(row, extra),
        flags=tuple(parts.flags),
    )


@dataclass(slots=True, kw_only=True)
class _Parts:
    reader: MediaReader
    flags: list[Flag]
    rest: dict[str, list[Any]]

    def read(self, content: Any) -> tuple[Part, ...]:
        if content is None:
            return ()
        if isinstance(content, str):
            return (Text(text=content),)
        if not isinstance(content, list):
            raise RowDefect("invalid_row", f"a message's content is {type(content).__name__}")
        return tuple(part for part in map(self._part, content) if part != Text(text=""))

    def _part(self, part: Any) -> Part:
        if isinstance(part, str):
            return Text(text=part)
        if not isinstance(part, Mapping):
            raise RowDefect("invalid_row", f"a part is {type(part).__name__}, not an object")
        kind = part.get("type")
        if not isinstance(kind, str):
            raise RowDefect("unknown_part", f"the type of a part is {type(kind).__name__}")
        if kind in _TEXT_PARTS:
            text = first_value(part, ("text", "value", "content"))
            if not isinstance(text, str):
                raise RowDefect("invalid_row", f"a text part holds {type(text).__name__}")
            return Text(text=text)
        if kind not in _MEDIA_PARTS:
            raise RowDefect("unknown_part", str(kind))
        return self._medium(part, _MEDIA_PARTS[kind])

    def _medium(self, part: Mapping[str, Any], key: Literal["image", "video"]) -> Image | Video:
        payload = first_value(part, _PAYLOADS)
        if payload is None and self.rest[key]:
            payload = self.rest[key].pop(0)
        medium = self.reader.medium(payload, self.flags, key=key, fps=part.get("fps"))
        start, end = (_seconds(part.get(name)) for name in ("video_start", "video_end"))
        if isinstance(medium, Video) and (start is not None or end is not None):
            return structs.replace(medium, start_seconds=start, end_seconds=end)
        return medium


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise RowDefect("invalid_row", f"a time is {value!r}, not seconds")
    return float(value)


def _placed(turn: Turn, placeholders: tuple[str, ...]) -> Turn:
    """Move a turn's media to where their placeholders stand, if it has placeholders."""
    media = [part for part in turn.parts if not isinstance(part, Text)]
    pieces = [piece for part in turn.parts if isinstance(part, Text) for piece in split_text(part.text, placeholders)]
    count = sum(piece is None for piece in pieces)
    if not count:
        return turn
    if count != len(media):
        raise RowDefect("placeholder_mismatch", measured=count, threshold=len(media))
    queue = iter(media)
    return Turn(role=turn.role, parts=tuple(next(queue) if piece is None else Text(text=piece) for piece in pieces))
