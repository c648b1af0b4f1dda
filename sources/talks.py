"""Named sets of conversations: what the adapters share that differ in their card, their columns and little else.

The row's conversation is read by the rules of `curation.sources.llava`, or where a message's content is a list of
typed parts, by those of `curation.sources.chat`. In sets of chains of thought a part of the type `reasoning` before a
text is written into it as `<think>…</think>`, and the option `trace` (see `curation.sources.traces`) is obeyed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from curation.records import Card, Drop, Location, Sample, Task
from curation.sources import chat, llava
from curation.sources.defects import RowDefect, build_samples
from curation.sources.media_cells import STILL_OPTIONS, MediaReader, check_media, media_reader
from curation.sources.options import COLUMNS_OPTION, check_options, names_option
from curation.sources.row_values import as_mapping, first_value
from curation.sources.rows import read_rows, row_tasks
from curation.sources.traces import Mode, Notation, trace_mode, with_traces, write_trace

TALK_OPTIONS = COLUMNS_OPTION
SEEN_OPTIONS = {**TALK_OPTIONS, **STILL_OPTIONS}
TALK_COLUMNS = {
    "conversations | messages": "list<struct<from: string, value: string>> or list<struct<role, content>>",
}
_TALKS = ("conversations", "messages", "conversation")


def pair(question: Any, answer: Any) -> dict[str, Any]:
    """Return the conversation of one question and its answer, to be checked like any other."""
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Talks:
    """One set: its card, the columns it keeps, and how its row becomes a row with a conversation.

    `prepare` gets the row and the option `trace`, and returns the fields to put over the row's own; `reads` names the
    columns that it needs; `notation` is that of the rows' traces where the texts do not show it.
    """

    card: Card
    columns: tuple[str, ...] = ()
    has_traces: bool = False
    reads: tuple[str, ...] = ()
    prepare: Callable[[Mapping[str, Any], Mode], Mapping[str, Any]] | None = None
    notation: Notation | None = None

    def tasks(self, location: Location) -> list[Task]:
        """List the tasks over all files of the location. Raises ManifestError and SourceError."""
        check_options(self.card, location.options)
        names_option(location, "columns")
        trace_mode(location)
        check_media(location)
        return row_tasks(location)

    def samples(self, task: Task) -> Iterator[Sample | Drop]:
        """Yield the samples of a task in the order of its rows."""
        extra = tuple(dict.fromkeys((*self.columns, *names_option(task.location, "columns"))))
        mode, reader = trace_mode(task.location), media_reader(task)
        rows = read_rows(task, tuple(dict.fromkeys((*llava.COLUMNS, *self.reads, *extra))))
        return build_samples(rows, lambda key, value: self._sample(key, value, reader=reader, mode=mode, extra=extra))

    def _sample(self, row_key: str, value: Any, *, reader: MediaReader, mode: Mode, extra: tuple[str, ...]) -> Sample:
        row = as_mapping(value)
        if self.prepare:
            row = {**row, **self.prepare(row, mode)}
        name = next((name for name in _TALKS if row.get(name) is not None), "")
        talk = row.get(name)
        if not chat.has_typed_parts(talk):
            made = llava.sample_of(row_key, row, reader=reader, extra=extra)
            return with_traces(made, mode, notation=self.notation) if self.has_traces else made
        merged = [_merged(message) for message in talk] if self.has_traces else talk
        made = chat.sample_of(row_key, {**row, name: merged}, reader=reader, extra=extra)
        return with_traces(made, mode, notation=None if merged == talk else "parts") if self.has_traces else made


def _merged(message: Any) -> Any:
    """Return a message whose reasoning part is written into the text part that follows it."""
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list) or [_type(part) for part in content] != ["reasoning", "text"]:
        return message
    reasoning, answer = (first_value(part, ("text", "value", "content")) for part in content)
    if not isinstance(reasoning, str) or not isinstance(answer, str):
        raise RowDefect("invalid_row", "a reasoning or text part holds no string")
    return {**message, "content": write_trace(reasoning.strip(), answer.strip(), mode="think")}


def _type(part: Any) -> Any:
    return part.get("type") if isinstance(part, dict) else None
