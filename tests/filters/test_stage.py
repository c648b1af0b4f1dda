"""The stage: filters one after the other, the guard, the lock, the memory limit."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import BuildError
from curation.filters.cap import Cap
from curation.filters.exact_duplicates import ExactDuplicates
from curation.filters.filter import Tables
from curation.filters.stage import run_filters
from curation.filters.where import Where
from curation.tables import ENCODED, LEDGER, PULLED, empty, from_rows
from tests.filters.rows import Row, dropped, run


class Probe:
    """A third-party filter that looks at what a filter is given."""

    name: ClassVar[str] = "probe"
    version: ClassVar[int] = 1
    is_guarded: ClassVar[bool] = True
    reads_media: ClassVar[bool] = True

    def __init__(self) -> None:
        self.samples: list[tuple[object, ...]] = []
        self.media: list[tuple[object, ...]] = []
        self.texts: dict[str, tuple[str, str]] = {}
        self.refused: list[str] = []

    def ledger(self, tables: Tables) -> pa.Table:
        connection = tables.connection
        self.samples = connection.execute("select sample_id, tokens from samples order by 1").fetchall()
        self.media = connection.execute("select sample_id, position, width, tokens from media order by 1, 2").fetchall()
        for batch in tables.texts(None):
            for row in batch.to_pylist():
                self.texts[row["sample_id"]] = (row["question"], row["answer"])
        for sql in ("copy samples to '/tmp/stolen.csv'", "from read_text('/etc/passwd')", "set memory_limit = '1TB'"):
            try:
                connection.execute(sql).fetchall()
            except duckdb.Error as err:
                self.refused.append(type(err).__name__)
        return tables.rows(
            "select sample_id, source, 'probe' as filter, 'flag' as action, 'seen' as reason "
            "from kept join samples using (sample_id)"
        )


def test_a_filter_sees_what_the_ones_before_it_left(tmp_path: Path) -> None:
    probe = Probe()
    rows = [Row(sample_id=f"a/f:{index}", question=f"q{index}", media=["x", "y"], tokens=index) for index in range(4)]
    ledger = run(tmp_path, rows, Where(sql="tokens <> 1"), probe)
    assert probe.samples == [("a/f:0", 0), ("a/f:2", 2), ("a/f:3", 3)]
    assert probe.media[:2] == [("a/f:0", 0, 10, 81), ("a/f:0", 1, 20, 81)]
    assert {row[0] for row in probe.media} == {"a/f:0", "a/f:2", "a/f:3"}
    assert probe.texts == {f"a/f:{index}": (f"q{index}", "So.") for index in (0, 2, 3)}
    assert ledger["filter"].to_pylist() == ["where", "probe", "probe", "probe"]


def test_sql_of_a_filter_reads_no_files_writes_none_and_changes_no_settings(tmp_path: Path) -> None:
    probe = Probe()
    run(tmp_path, [Row(sample_id="a/f:0")], probe)
    assert probe.refused == ["PermissionException", "PermissionException", "InvalidInputException"]


def test_samples_that_an_earlier_stage_dropped_are_not_seen(tmp_path: Path) -> None:
    rows = [Row(sample_id=f"a/f:{index}") for index in range(3)]
    pq.write_table(from_rows([row.pulled(1) for row in rows], PULLED), tmp_path / "p.parquet")
    pq.write_table(from_rows([row.encoded() for row in rows], ENCODED), tmp_path / "e.parquet")
    gone: list[dict[str, object]] = [{"sample_id": "a/f:0", "action": "drop"}, {"sample_id": "a/f:1", "action": "flag"}]
    pq.write_table(from_rows(gone, LEDGER), tmp_path / "l.parquet")
    probe = Probe()
    pulled, encoded, ledger = ([tmp_path / f"{name}.parquet"] for name in "pel")
    run_filters([probe], pulled=pulled, encoded=encoded, dropped=ledger, priorities={"a": 0}, seed=1)
    assert [row[0] for row in probe.samples] == ["a/f:1", "a/f:2"]


def test_an_empty_table_passes_every_filter(tmp_path: Path) -> None:
    for name, schema in (("p", PULLED), ("e", ENCODED)):
        pq.write_table(empty(schema), tmp_path / f"{name}.parquet")
    ledger = run_filters(
        [Where(sql="tokens > 1"), ExactDuplicates(), Cap(by=("media_id",), max=1)],
        pulled=[tmp_path / "p.parquet"],
        encoded=[tmp_path / "e.parquet"],
        priorities={"a": 0},
        seed=1,
        max_dropped_fraction=0.3,
    )
    assert ledger.schema == LEDGER
    assert len(ledger) == 0


def test_all_rows_equal_leaves_one(tmp_path: Path) -> None:
    rows = [Row(sample_id=f"a/f:{index:03}", media=["same"]) for index in range(500)]
    assert len(dropped(run(tmp_path, rows, ExactDuplicates()))) == 499


def test_the_guard_names_source_filter_fraction_limit_clusters_and_the_fix(tmp_path: Path) -> None:
    rows = [Row(sample_id=f"a/f:{index}", question=f"{index}") for index in range(10)]
    rows += [Row(sample_id=f"b/f:{index}", question=f"{index % 3}", media=["x"]) for index in range(9)]
    with pytest.raises(BuildError) as error:
        run(tmp_path, rows, ExactDuplicates(), guard=0.3)
    assert str(error.value) == (
        "filter exact_duplicates: drops 66.7% of source 'b' (6 of 9), and the guard allows 30.0%; largest: "
        "duplicate of b/f:0 2 times, e.g. b/f:3, b/f:6; duplicate of b/f:1 2 times, e.g. b/f:4, b/f:7; "
        "duplicate of b/f:2 2 times, e.g. b/f:5, b/f:8; loosen the filter, or set guard.max_dropped_fraction to 0.67 "
        "if this is meant"
    )


def test_the_guard_lets_its_own_advice_pass_and_counts_only_what_a_filter_saw(tmp_path: Path) -> None:
    rows = [Row(sample_id=f"a/f:{index}", tokens=index) for index in range(9)]
    with pytest.raises(BuildError, match=r"max_dropped_fraction to 0\.34"):
        run(tmp_path, rows, Where(sql="tokens >= 3"), guard=0.3)
    assert len(run(tmp_path, rows, Where(sql="tokens >= 3"), guard=0.34)) == 3
    with pytest.raises(BuildError, match=r"50\.0% of source 'a' \(3 of 6\)"):
        run(tmp_path, rows, Where(sql="tokens >= 3"), Where(sql="tokens >= 6"), guard=0.34)


def test_flags_do_not_count_for_the_guard(tmp_path: Path) -> None:
    rows = [Row(sample_id=f"a/f:{index}") for index in range(9)]
    assert len(run(tmp_path, rows, ExactDuplicates(action="flag"), guard=0.1)) == 8


def test_a_cap_is_asked_for_and_not_guarded(tmp_path: Path) -> None:
    rows = [Row(sample_id=f"a/f:{index}") for index in range(9)]
    assert len(run(tmp_path, rows, Cap(by=("source",), max=1), guard=0.1)) == 8


def test_the_ledger_does_not_depend_on_files_threads_or_the_memory_limit(tmp_path: Path) -> None:
    rows = [Row(sample_id=f"{'abc'[index % 3]}/f:{index}", media=[f"{index % 50}"]) for index in range(3000)]
    filters = (Where(sql="rank < 0.9"), ExactDuplicates(), Cap(by=("source", "media_id"), max=3))
    whole = run(tmp_path, rows, *filters)
    assert whole.num_rows > 2000
    assert run(tmp_path, rows[::-1], *filters, num_files=5, priorities=dict.fromkeys("abc", 0)).equals(whole)
    assert run(tmp_path, rows, *filters, memory_limit="60MB").equals(whole)
    assert not list(tmp_path.glob("filters-*")), "the spill folder goes with the stage"
