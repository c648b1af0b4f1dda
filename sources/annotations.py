"""Questions and answers for media that lie in folders: annotation files (JSON, JSON lines, CSV) and sidecars."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from curation.errors import SourceError
from curation.records import Drop, Flag, Location, Role, Task
from curation.sources.conversation import read_messages, texts_of, with_system
from curation.sources.defects import RowDefect
from curation.sources.files import is_remote, open_binary
from curation.sources.jsonl import json_rows
from curation.sources.options import COLUMNS_OPTION, names_option, text_option
from curation.sources.row_values import as_mapping, first_value

# Names that mean one thing: the file, the question, the answer.
NAME_FIELDS = ("file_name", "filename", "image", "img_path", "imgname", "video", "video_path", "path", "folder", "id")
QUESTION_FIELDS = ("question", "instruction", "query", "prompt")
ANSWER_FIELDS = ("answer", "answers", "output", "response", "caption", "text", "label", "description")
DEFAULT_FILES = tuple(
    f"{name}.{end}" for name in ("metadata", "annotations", "captions") for end in ("jsonl", "json", "csv")
)
OPTIONS = {
    "annotations": "annotation files below the folder; default: {metadata,annotations,captions}.{jsonl,json,csv}",
    "answer": "the answer for every medium that has no annotation",
    "answer_field": f"where a row's answer is; default: the first of {', '.join(ANSWER_FIELDS)}",
    **COLUMNS_OPTION,
    "name_field": f"where a row names its medium; default: the first of {', '.join(NAME_FIELDS)}",
    "question": "the question for rows that have none",
    "question_field": f"where a row's question is; default: the first of {', '.join(QUESTION_FIELDS)}",
    "sidecars": "folder of the sidecars, relative to the folder; default: beside the media",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How annotations are read: the options of a location."""

    question: str | None
    answer: str | None
    name_fields: tuple[str, ...]
    question_fields: tuple[str, ...]
    answer_fields: tuple[str, ...]
    sidecars: str | None

    def talk(self, row: Any, flags: list[Flag]) -> list[tuple[Role, str]]:
        """Return the (role, text) messages of a row: its conversation, or its question and answer. Raises RowDefect."""
        if isinstance(row, str):
            row = {self.answer_fields[0]: row}
        row = as_mapping(row)
        talk = first_value(row, ("conversations", "messages"))
        if talk is not None:
            return with_system(texts_of(read_messages(talk)), row.get("system"))
        question = first_value(row, self.question_fields)
        question = self.question if question is None else question
        answer = one_answer(first_value(row, self.answer_fields), flags)
        if not isinstance(question, str) or not question.strip():
            raise RowDefect("no_question", "the row has no question; give the option `question` or `question_field`")
        if answer is None or answer == [] or (isinstance(answer, str) and not answer.strip()):
            raise RowDefect("no_answer", f"none of {', '.join(self.answer_fields)} has a text")
        if not isinstance(answer, str):
            raise RowDefect("invalid_row", f"the answer is {type(answer).__name__}, not a string")
        return [("user", question), ("assistant", answer)]


def one_answer(answer: Any, flags: list[Flag]) -> Any:
    """Return the first of a list of answers, with the flag `several_answers` where it has more; else the answer."""
    if not isinstance(answer, list) or not answer:
        return answer
    if len(answer) > 1:
        flags.append(Flag(reason="several_answers", measured=len(answer)))
    return answer[0]


def reading_of(location: Location) -> Reading:
    """Read the options. Raises ManifestError."""
    return Reading(
        question=text_option(location, "question"),
        answer=text_option(location, "answer"),
        name_fields=_one_or(text_option(location, "name_field"), NAME_FIELDS),
        question_fields=_one_or(text_option(location, "question_field"), QUESTION_FIELDS),
        answer_fields=_one_or(text_option(location, "answer_field"), ANSWER_FIELDS),
        sidecars=text_option(location, "sidecars"),
    )


@dataclass(slots=True, kw_only=True)
class Annotations:
    """The rows of annotation files by the name of the medium, and what of the files can't be read."""

    by_name: dict[str, list[Any]] = field(default_factory=dict)
    unreadable: list[Drop] = field(default_factory=list)


def annotation_files(location: Location, root: str) -> list[str]:
    """Return the annotation files: those of the option, which must exist, or the default names that are there."""
    named = names_option(location, "annotations")
    if named:
        return [name if is_remote(name) or name.startswith("/") else f"{root}/{name}" for name in named]
    return [f"{root}/{name}" for name in DEFAULT_FILES if _read_if_there(f"{root}/{name}", 1) is not None]


def read_annotations(path: str, reading: Reading, location: Location) -> Annotations:
    """Read one annotation file: rows that name their medium, or an object {name: row or answer}."""
    found = Annotations()
    for key, row in _rows_of(path, location):
        if isinstance(row, Drop):
            found.unreadable.append(row)
            continue
        if isinstance(row, Mapping) and not any(row.get(name) is not None for name in reading.name_fields):
            plain = {name: value for name, value in row.items() if isinstance(value, str | list)}
            if len(plain) == len(row) and row:
                for name, value in plain.items():
                    found.by_name.setdefault(name.removeprefix("./"), []).extend(_as_rows(value))
                continue
        name = first_value(row, reading.name_fields) if isinstance(row, Mapping) else None
        if isinstance(name, int) and not isinstance(name, bool):
            name = str(name)
        if not isinstance(name, str) or not name:
            detail = {"detail": f"none of {', '.join(reading.name_fields)} names a medium"}
            found.unreadable.append(Drop(row_key=key, reason="invalid_row", detail=detail))
            continue
        found.by_name.setdefault(name.removeprefix("./"), []).append(row)
    return found


def sidecar_rows(media_path: str, root: str, key: str, reading: Reading) -> list[Any]:
    """Return the rows of a medium's sidecar: `.txt` is the answer, `.json` a row or a list of rows; none: []."""
    stem = key.rpartition(".")[0] or key
    if reading.sidecars is not None:
        base = f"{root}/{reading.sidecars}/{stem.rpartition('/')[2]}"
    elif media_path.endswith(key):
        base = media_path[: len(media_path) - len(key)] + stem
    else:  # a folder of frames: its sidecar stands beside the folder
        base = media_path.rpartition("/")[0]
    text = _read_if_there(f"{base}.txt")
    if text is not None:
        return [text.decode("utf-8-sig", "replace").strip("\r\n")]
    data = _read_if_there(f"{base}.json")
    if data is None:
        return []
    try:
        return _as_rows(orjson.loads(data.removeprefix(b"\xef\xbb\xbf")))
    except orjson.JSONDecodeError as err:
        raise RowDefect("invalid_json", f"{base}.json: {err}") from err


def _rows_of(path: str, location: Location) -> Iterator[tuple[str, Any]]:
    key = path.rpartition("/")[2]
    if not path.lower().endswith(".csv"):
        for row in json_rows(Task(path=path, key=key, num_bytes=0, location=location)):
            yield (row.row_key, row) if isinstance(row, Drop) else (row.key, row.value)
        return
    with open_binary(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
        for number, values in enumerate(csv.DictReader(text)):
            yield f"{key}:{number}", {name: value for name, value in values.items() if isinstance(name, str)}


def _as_rows(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _one_or(name: str | None, names: tuple[str, ...]) -> tuple[str, ...]:
    return (name,) if name else names


def _read_if_there(path: str, size: int = -1) -> bytes | None:
    try:
        with open_binary(path) as file:
            return file.read(size)
    except SourceError as err:
        if isinstance(err.__cause__, FileNotFoundError | NotADirectoryError):
            return None
        raise
