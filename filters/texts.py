"""The words of samples, read back from what pull wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pyarrow.parquet as pq
    from numpy.typing import NDArray

TEXTS = pa.schema([("sample_id", pa.string()), ("question", pa.string()), ("answer", pa.string())])
BATCH_ROWS = 5000
CHUNK_CHARS = 100_000  # arrays of one chunk stay in the processor's cache: half the time that chunks of 400 kB take


def read_texts(
    connection: duckdb.DuckDBPyConnection, pulled: Sequence[Path], *, sample_ids: Sequence[str] | None = None
) -> pa.RecordBatchReader:
    """Read (sample_id, question, answer) of the kept samples, or of those of `sample_ids`, in batches of 5,000 or less.

    The question is what user and system turns say, the answer what the assistant says; turns are joined by newlines.
    Rows come in the order of `samples.file, samples.file_row`, by which they are found: 12 bytes a row are held.
    """
    return pa.RecordBatchReader.from_batches(TEXTS, _batches(pulled, *_places(connection, sample_ids)))


def read_exchanges(
    connection: duckdb.DuckDBPyConnection, pulled: Sequence[Path], *, sample_ids: Sequence[str] | None = None
) -> pa.RecordBatchReader:
    """Read as `read_texts`, but a row for each answer of a sample: what the user said since the last one, and it.

    What a system turn says is no question. A user's last words without an answer make a row with an empty answer.
    """
    return pa.RecordBatchReader.from_batches(TEXTS, _exchange_batches(pulled, *_places(connection, sample_ids)))


def chunks(batch: pa.RecordBatch) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """Cut a batch of `TEXTS` where what it says reaches `CHUNK_CHARS`; yield ids, questions and answers."""
    ids, questions, answers = (batch[name].to_pylist() for name in TEXTS.names)
    start = chars = 0
    for stop, (question, answer) in enumerate(zip(questions, answers, strict=True), start=1):
        chars += len(question) + len(answer)
        if chars >= CHUNK_CHARS or stop == len(ids):
            yield ids[start:stop], questions[start:stop], answers[start:stop]
            start, chars = stop, 0


def _places(
    connection: duckdb.DuckDBPyConnection, sample_ids: Sequence[str] | None
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the files of samples (positions in the list of files) and their rows there, ascending."""
    if sample_ids is None:
        found = connection.sql("select file, file_row from samples order by all").to_arrow_table()
    else:
        connection.register("wanted", pa.table({"sample_id": pa.array(sample_ids, pa.string())}))
        found = connection.sql(
            "select file, file_row from samples where sample_id in (select sample_id from wanted) order by all"
        ).to_arrow_table()
        connection.unregister("wanted")
    return found["file"].to_numpy(), found["file_row"].to_numpy()


def _exchange_batches(
    pulled: Sequence[Path], files: NDArray[np.int32], rows: NDArray[np.int64]
) -> Iterator[pa.RecordBatch]:
    for ids, conversations in _conversations(pulled, files, rows):
        found = [
            (name, *pair) for name, said in zip(ids.to_pylist(), conversations, strict=True) for pair in _split(said)
        ]
        columns = list(zip(*found, strict=True)) or [(), (), ()]
        yield pa.record_batch([pa.array(column, pa.string()) for column in columns], schema=TEXTS)


def _batches(pulled: Sequence[Path], files: NDArray[np.int32], rows: NDArray[np.int64]) -> Iterator[pa.RecordBatch]:
    for ids, conversations in _conversations(pulled, files, rows):
        questions, answers = zip(*(words(said) for said in conversations), strict=True)
        yield pa.record_batch([ids, pa.array(questions, pa.string()), pa.array(answers, pa.string())], schema=TEXTS)


def _conversations(
    pulled: Sequence[Path], files: NDArray[np.int32], rows: NDArray[np.int64]
) -> Iterator[tuple[pa.Array, list[str]]]:
    """Read the conversations of rows of files; of each file only the row groups that hold any."""
    import numpy as np
    import pyarrow.parquet as pq

    edges = np.flatnonzero(np.diff(files, prepend=-1, append=len(pulled)))
    for low, high in pairwise(edges.tolist()):
        wanted = rows[low:high]
        with pq.ParquetFile(pulled[int(files[low])]) as file:
            sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
            for group, start in enumerate(accumulate(sizes[:-1], initial=0)):
                mine = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, start + sizes[group])]
                if len(mine):
                    yield from _taken(file, group, mine - start)


def _taken(file: pq.ParquetFile, group: int, rows: NDArray[np.int64]) -> Iterator[tuple[pa.Array, list[str]]]:
    """Read rows of a row group, a batch at a time."""
    import numpy as np

    first = 0
    batches = file.iter_batches(
        BATCH_ROWS, row_groups=[group], columns=["sample_id", "conversation"], use_threads=False
    )
    for batch in batches:
        mine = rows[np.searchsorted(rows, first) : np.searchsorted(rows, first + len(batch))] - first
        first += len(batch)
        if len(mine):
            taken = batch.take(pa.array(mine)) if len(mine) < len(batch) else batch
            yield taken["sample_id"], taken["conversation"].to_pylist()


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
