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


def read_exchanges(
    connection: duckdb.DuckDBPyConnection, pulled: Sequence[Path], *, sample_ids: Sequence[str] | None = None
) -> pa.RecordBatchReader:
    """Read as `read_texts`, but a row for each answer of a sample: what the user said since the last one, and it.

    What a system turn says is no question. A user's last words without an answer make a row with an empty answer.
    """
    if sample_ids is None:
        wanted = connection.sql("select sample_id from kept").to_arrow_table()["sample_id"]
    else:
        wanted = pa.array(sample_ids, pa.string())
    return pa.RecordBatchReader.from_batches(TEXTS, _exchange_batches(pulled, wanted))


def _exchange_batches(pulled: Sequence[Path], wanted: pa.Array) -> Iterator[pa.RecordBatch]:
    for ids, conversations in _conversations(pulled, wanted):
        rows = [
            (name, *pair) for name, said in zip(ids.to_pylist(), conversations, strict=True) for pair in _split(said)
        ]
        columns = list(zip(*rows, strict=True)) or [(), (), ()]
        yield pa.record_batch([pa.array(column, pa.string()) for column in columns], schema=TEXTS)


def _batches(pulled: Sequence[Path], wanted: pa.Array) -> Iterator[pa.RecordBatch]:
    for ids, conversations in _conversations(pulled, wanted):
        questions, answers = zip(*(words(said) for said in conversations), strict=True)
        yield pa.record_batch([ids, pa.array(questions, pa.string()), pa.array(answers, pa.string())], schema=TEXTS)


def _conversations(pulled: Sequence[Path], wanted: pa.Array) -> Iterator[tuple[pa.Array, list[str]]]:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    for path in pulled:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=["sample_id", "conversation"], use_threads=False):
                rows = batch.filter(pc.is_in(batch["sample_id"], value_set=wanted))
                if len(rows):
                    yield rows["sample_id"], rows["conversation"].to_pylist()


def _split(conversation: str) -> list[tuple[str, str]]:
    """Return the exchanges of a pulled conversation.

    >>> _split('[["user",[0,"One?"]],["assistant",["1"]],["user",["Two?"]],["assistant",["2"]]]')
    [('One?', '1'), ('Two?', '2')]
    """
    import orjson

    pairs: list[tuple[str, str]] = []
    asked: list[str] = []
    for role, parts in orjson.loads(conversation):
        text = "".join(part for part in parts if isinstance(part, str))
        if role == "assistant":
            pairs.append(("\n".join(asked), text))
            asked = []
        elif role == "user":
            asked.append(text)
    return [*pairs, ("\n".join(asked), "")] if asked else pairs


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
