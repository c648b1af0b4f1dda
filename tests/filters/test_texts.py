"""The words of kept samples, found by file and row whatever the row groups and files are."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.filters.texts import read_exchanges, read_texts
from curation.tables import PULLED, from_rows
from tests.filters.rows import Row


def kept_samples(places: list[tuple[int, int]]) -> duckdb.DuckDBPyConnection:
    """Open a connection whose `samples` are these rows of files."""
    connection = duckdb.connect()
    rows = pa.table(
        {
            "sample_id": pa.array([f"a/{file}:{row}" for file, row in places], pa.string()),
            "file": pa.array([file for file, _ in places], pa.int32()),
            "file_row": pa.array([row for _, row in places], pa.int64()),
        }
    )
    connection.register("given", rows)
    connection.execute("create table samples as from given")
    return connection


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(0, 40), min_size=1, max_size=4), group=st.integers(1, 50), data=st.data())
def test_each_kept_sample_is_read_once_in_the_order_of_files(sizes: list[int], group: int, data: st.DataObject) -> None:
    every = [(file, row) for file, size in enumerate(sizes) for row in range(size)]
    kept = data.draw(st.lists(st.sampled_from(every), unique=True) if every else st.just([]))
    asked = data.draw(st.lists(st.sampled_from(kept), unique=True) if kept else st.just([]))
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for file, size in enumerate(sizes):
            rows = [Row(sample_id=f"a/{file}:{row}", question=f"{file}?", answer=f"{row}!") for row in range(size)]
            paths.append(Path(folder) / f"{file}.parquet")
            table = from_rows([row.pulled(1) for row in rows], PULLED)
            pq.write_table(table, paths[-1], row_group_size=group)
        connection = kept_samples(kept)
        whole = read_texts(connection, paths).read_all().to_pylist()
        part = read_exchanges(connection, paths, sample_ids=[f"a/{file}:{row}" for file, row in asked])
        expected = [
            {"sample_id": f"a/{file}:{row}", "question": f"{file}?", "answer": f"{row}!"} for file, row in sorted(kept)
        ]
        wanted = {f"a/{file}:{row}" for file, row in asked}
        assert whole == expected
        assert part.read_all().to_pylist() == [row for row in expected if row["sample_id"] in wanted]
