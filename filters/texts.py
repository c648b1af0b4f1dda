"""The words of samples, read back from what pull wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    import duckdb

TEXTS = pa.schema([("sample_id", pa.string()), ("question", pa.string()), ("answer", pa.string())])
BATCH_ROWS = 5000


def read_texts(
    connection: duckdb.DuckDBPyConnection, pulled: Sequence[Path], *, sample_ids: Sequence[str] | None = None
) -> pa.RecordBatchReader:
    """Read (sample_id, question, answer) of the kept samples, or of `sample_ids`, in batches of 5,000 rows or fewer.

    The question is what user and system turns say, the answer what the assistant says; turns are joined by newlines.
    Order follows the files. The ids that are wanted are held in memory once.
    """
    if sample_ids is None:
        wanted = connection.sql("select sample_id from kept").to_arrow_table()["sample_id"]
    else:
        wanted = pa.array(sample_ids, pa.string())
    return pa.RecordBatchReader.from_batches(TEXTS, _batches(pulled, wanted))


def _batches(pulled: Sequence[Path], wanted: pa.Array) -> Iterator[pa.RecordBatch]:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    for path in pulled:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=["sample_id", "conversation"], use_threads=False):
                rows = batch.filter(pc.is_in(batch["sample_id"], value_set=wanted))
                if len(rows):
                    pairs = [words(conversation) for conversation in rows["conversation"].to_pylist()]
                    questions, answers = zip(*pairs, strict=True)
                    yield pa.record_batch(
                        [rows["sample_id"], pa.array(questions, pa.string()), pa.array(answers, pa.string())],
                        schema=TEXTS,
                    )


def words(conversation: str) -> tuple[str, str]:
    """Return the question and the answer of a pulled conversation (JSON [[role, [part, ...]], ...]).

    >>> words('[["user",[0,"What is it?"]],["assistant",["A cat."]]]')
    ('What is it?', 'A cat.')
    """
    import orjson

    question: list[str] = []
    answer: list[str] = []
    for role, parts in orjson.loads(conversation):
        target = answer if role == "assistant" else question
        target.append("".join(part for part in parts if isinstance(part, str)))
    return "\n".join(question), "\n".join(answer)
