"""Text: documents, or pairs of a question and an answer, as JSON lines or Parquet.

A document (FineWeb-Edu, DCLM, Dolma, FineMath, The Stack …) is the string in `field` (default `text`) and becomes one
assistant turn without a question. With `prompt_field` and `answer_field` a row becomes a question and its answer:
GSM8K is `options: {prompt_field: question, answer_field: answer}`. A field inside a struct is named with dots
(`metadata.text`).

Files: .jsonl, .json, .ndjson, also .gz and .zst, and .parquet. Licence: each dataset's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from curation.errors import ManifestError
from curation.records import Card, Drop, Location, Sample, Task
from curation.sources.conversation import text_turn
from curation.sources.defects import RowDefect, build_samples
from curation.sources.options import check_options, names_option, text_option
from curation.sources.row_values import as_mapping, row_id_of, scalar_columns
from curation.sources.rows import read_rows, row_tasks

CARD = Card(
    name="text",
    title="Text documents, or questions with answers",
    kinds=("text", "math", "cot"),
    license="each dataset's own",
    layout="JSON lines (.gz, .zst), JSON list or Parquet",
    columns={"text": "the document (option `field`)", "id": "kept as row_id; need not be unique"},
    options={
        "answer_field": "where the answer is; goes with prompt_field",
        "columns": "names of further scalar values of a row to keep for filters, e.g. int_score",
        "field": "where the document is; default text",
        "prompt_field": "where the question is; goes with answer_field",
        "system_field": "where a system prompt is, if rows have one; goes with prompt_field",
    },
    quirks=("ids repeat across the sources of Dolma", "whole books stand in one row: see `over_length`"),
)
READS_MEDIA = False  # rows name no files, so what else stands in their folder changes nothing


def tasks(location: Location) -> list[Task]:
    """List the tasks over all files of the location. Raises ManifestError and SourceError."""
    check_options(CARD, location.options)
    names_option(location, "columns")
    fields = _fields(location)
    return row_tasks(location, columns=[field.partition(".")[0] for field in fields if field])


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task in the order of its rows."""
    extra = names_option(task.location, "columns")
    document, prompt, answer = _fields(task.location)
    system = text_option(task.location, "system_field")
    tops = [name.partition(".")[0] for name in (document, prompt, answer, system) if name]
    rows = read_rows(task, (*tops, "id", *extra))
    if document:
        return build_samples(rows, partial(_document, field=document, extra=extra))
    return build_samples(rows, partial(_pair, prompt=prompt or "", answer=answer or "", system=system, extra=extra))


def _fields(location: Location) -> tuple[str | None, str | None, str | None]:
    """Return (field of the document, of the prompt, of the answer): the first, or the other two."""
    prompt, answer = text_option(location, "prompt_field"), text_option(location, "answer_field")
    if prompt is None and answer is None:
        if "system_field" in location.options:
            raise ManifestError(
                "source options: system_field without prompt_field; give prompt_field and answer_field too"
            )
        return text_option(location, "field", "text"), None, None
    if prompt is None or answer is None or "field" in location.options:
        raise ManifestError("source options: give prompt_field and answer_field together, or field alone")
    return None, prompt, answer


def _document(row_key: str, value: Any, *, field: str, extra: tuple[str, ...]) -> Sample:
    row = as_mapping(value)
    turn = text_turn("assistant", text_at(row, field, reason="no_text"))
    columns = scalar_columns(row, extra)
    return Sample(row_key=row_key, row_id=row_id_of(row, "id"), turns=(turn,), columns=columns)


def _pair(row_key: str, value: Any, *, prompt: str, answer: str, system: str | None, extra: tuple[str, ...]) -> Sample:
    row = as_mapping(value)
    turns = [
        text_turn("user", text_at(row, prompt, reason="no_question")),
        text_turn("assistant", text_at(row, answer, reason="no_answer")),
    ]
    if system and value_at(row, system):
        turns.insert(0, text_turn("system", text_at(row, system, reason="invalid_row")))
    columns = scalar_columns(row, extra)
    return Sample(row_key=row_key, row_id=row_id_of(row), turns=tuple(turns), columns=columns)


def text_at(row: Mapping[str, Any], field: str, *, reason: str) -> str:
    """Return the text of a field of a row; without one, raise RowDefect with the reason."""
    text = row[field] if field in row else value_at(row, field)
    if type(text) is str and text and not text.isspace():
        return text
    if text is None and field.partition(".")[0] not in row:
        raise RowDefect("invalid_row", f"no field '{field}'; the row has {', '.join(map(str, row))}")
    if text is None or (isinstance(text, str) and (not text or text.isspace())):
        raise RowDefect(reason, f"{field} is {'null' if text is None else 'blank'}")
    if not isinstance(text, str):
        raise RowDefect("invalid_row", f"{field} is {type(text).__name__}, not a string")
    return text


def value_at(row: Mapping[str, Any], field: str) -> Any:
    """Return the value of a field, which may stand inside structs (`metadata.text`); null where the way ends."""
    if field in row:
        return row[field]
    value: Any = row
    for part in field.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
