"""Write a pulled task again with the turns of merged samples, and encode it. Runs in a worker.

A row that others go on in has their turns and says so in its columns; a row that went on in another has a null
conversation, and its other columns as they were.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curation.conversations import text_columns
from curation.merges import merged_rows, merged_turns
from curation.mixtures.encode_stage import ENDINGS as ENCODE_ENDINGS
from curation.mixtures.encode_stage import EncodeTask, encode
from curation.tables import PULLED
from curation.workspace import replacing

VERSION = 1
ROWS = ".rows.parquet"
ENDINGS = (ROWS, *ENCODE_ENDINGS)
_CHANGED = ("conversation", "turns", "text_chars", "answer_sha256", "question_sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeTask:
    """What to encode, and the plan of merges, in which its pulled file has this number. Rows go to `<output>.rows…`."""

    encode: EncodeTask
    merges: Path
    file: int


def merge(work: MergeTask) -> dict[str, Any]:
    """Carry out a task and return the counts of encode."""
    rows_path = work.encode.output.with_suffix(ROWS)
    added = merged_turns(work.merges, work.file)
    gone = merged_rows(work.merges, work.file)
    with (
        replacing(rows_path) as path,
        pq.ParquetFile(work.encode.pulled) as pulled,
        pq.ParquetWriter(path, PULLED, compression="zstd") as written,
    ):
        start = 0
        for group in range(pulled.num_row_groups):
            table = pulled.read_row_group(group)
            written.write_table(with_merges(table, start, added=added, gone=gone))
            start += table.num_rows
    return encode(replace(work.encode, pulled=rows_path))


def with_merges(table: pa.Table, start: int, *, added: Mapping[int, Sequence[str]], gone: Collection[int]) -> pa.Table:
    """Return rows of `PULLED`, numbered from `start`, with turns added to some and the conversations of others gone."""
    numbers = range(start, start + table.num_rows)
    if not any(number in added or number in gone for number in numbers):
        return table
    columns = {name: table[name].to_pylist() for name in _CHANGED}
    for index, number in enumerate(numbers):
        if number in added:
            conversation = orjson.loads(columns["conversation"][index])
            for turns in added[number]:
                conversation += orjson.loads(turns)
            said = {"conversation": orjson.dumps(conversation).decode(), **text_columns(conversation)}
            for name in _CHANGED:
                columns[name][index] = said[name]
        elif number in gone:
            columns["conversation"][index] = None
    for name, values in columns.items():
        field = PULLED.field(name)
        table = table.set_column(PULLED.get_field_index(name), field, pa.array(values, field.type))
    return table
