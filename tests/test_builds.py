"""Builds opened for reading, and SQL over them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.builds import open_build, read_batches
from curation.errors import BuildError
from curation.queries import QueryError
from curation.tables import PUBLIC
from tests.cli.tiny_build import CONTEXT, SHARD, shard_rows, write_build


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_build(tmp_path_factory.mktemp("build") / "tiny")


def test_every_public_table_is_a_view_with_its_columns(folder: Path) -> None:
    build = open_build(folder)
    for name, schema in PUBLIC.items():
        assert build.sql(f"from {name}").columns == schema.names


def test_a_query_gives_a_data_frame(folder: Path) -> None:
    frame = open_build(folder).sql(
        "select kind, sum(tokens) as tokens from samples where selected group by kind order by 1"
    )
    assert frame.to_dicts() == [
        {"kind": "document", "tokens": 104},
        {"kind": "text", "tokens": 60},
        {"kind": "video", "tokens": 178},
    ]


def test_saved_queries_see_the_context(folder: Path) -> None:
    assert open_build(folder).sql("select getvariable('context')").item() == CONTEXT


def test_a_table_without_files_is_empty_and_has_its_columns(folder: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    plan.mkdir()
    described = json.loads((folder / "build.json").read_text())
    (plan / "plan.json").write_text(json.dumps({**described, "files": {}}))
    frame = open_build(plan).sql("from shards")
    assert frame.is_empty()
    assert frame.columns == PUBLIC["shards"].names


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_text('{folder}/build.json')",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from glob('/etc/*')",
        "select * from read_parquet('https://example.com/x.parquet')",
        "copy samples to '{folder}/index/sources.parquet'",
        "copy (select 1) to '{folder}/stolen.csv'",
        "explain analyze copy samples to '{folder}/index/sources.parquet'",
        "explain (analyze) copy samples to '{folder}/index/sources.parquet'",
        "/* hidden */ explain analyze copy samples to '{folder}/index/sources.parquet'",
        "export database '{folder}/out'",
        "attach '{folder}/x.db'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "drop view samples",
        "create table t as select 1",
        "pragma database_list",
        "call pragma_version()",
    ],
)
def test_sql_reads_the_tables_and_nothing_else(folder: Path, query: str) -> None:
    before = sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    with pytest.raises(QueryError):
        open_build(folder).sql(query.format(folder=folder))
    assert sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file()) == before


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select kindd from samples", "sql: line 1, column 8: no column named 'kindd'; did you mean 'kind'?"),
        ("select s.tokenz from samples s", "sql: line 1, column 8: no column named 'tokenz'; did you mean 'tokens'?"),
        ("select *\nfrom sample", "sql: line 2, column 6: no table named 'sample'; did you mean 'samples'?"),
        ("selec 1", 'sql: line 1, column 1: syntax error at or near "selec"'),
        ("select summ(tokens) from samples", "sql: line 1, column 8: no function named 'summ'; did you mean 'sum'?"),
        ("select 1; select 2", "sql: 2 statements given; give exactly one query"),
        ("", "sql: 0 statements given; give exactly one query"),
        (
            "drop view samples",
            "sql: 'drop view samples' is not a query; only select, from, with, values, describe, summarize, show, "
            "pivot and explain are allowed",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_the_nearest_name(folder: Path, query: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        open_build(folder).sql(query)
    assert str(caught.value) == message


def test_a_mistake_far_into_a_long_line_has_its_true_column(folder: Path) -> None:
    query = "select kind from samples where " + "tokens > 1 and " * 30 + "tokenz > 1" + " and tokens > 1" * 30
    with pytest.raises(QueryError, match=f"line 1, column {query.index('tokenz') + 1}: no column named 'tokenz'"):
        open_build(folder).sql(query)


def test_any_text_is_answered_or_refused_with_one_line() -> None:
    from curation.queries import connect, run_query

    with connect({}, PUBLIC) as connection:

        @given(st.text(max_size=60))
        @settings(max_examples=60, deadline=None)
        def answer_or_refuse(text: str) -> None:
            try:
                run_query(connection, text)
            except QueryError as err:
                assert "\n" not in str(err)

        answer_or_refuse()


def test_a_row_of_a_shard_is_read_alone(folder: Path) -> None:
    build = open_build(folder)
    for at, row in enumerate(shard_rows()):
        assert build.read_row(0, at) == row
    with pytest.raises(BuildError, match="shard 0 has no row 3"):
        build.read_row(0, 3)
    with pytest.raises(BuildError, match="no shard 7"):
        build.read_row(7, 0)


def test_arrow_shards_are_read_like_parquet(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(shard_rows(), schema=SHARD)
    path = tmp_path / "shard-00000.arrow"
    with pyarrow.ipc.new_file(str(path), SHARD) as writer:
        writer.write_table(table, max_chunksize=2)
    for skipped in range(3):
        rows = [row for batch in read_batches(path, skip_rows=skipped) for row in batch.to_pylist()]
        assert rows == shard_rows()[skipped:]


def test_a_file_that_build_json_does_not_list_is_no_part_of_a_table(tmp_path: Path) -> None:
    added = write_build(tmp_path / "added")
    part = added / "index" / "samples" / "part-00000.parquet"
    part.with_name("part-00001.parquet").write_bytes(part.read_bytes())
    assert open_build(added).sql("select count(*) from samples").item() == 5


def test_an_index_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    broken = write_build(tmp_path / "broken")
    (broken / "index" / "sources.parquet").write_bytes(b"not parquet")
    with pytest.raises(BuildError, match=r"table sources can't be read .*sources.parquet.*; build again"):
        open_build(broken).sql("from samples")


def test_a_missing_folder_says_how_to_make_a_build(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"no such folder; `curation build MANIFEST -o .*none` makes a build there"):
        open_build(tmp_path / "none")


def test_an_unfinished_build_says_that_the_same_command_resumes(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "half" / "shards").mkdir(parents=True)
    with pytest.raises(BuildError, match="not finished; run the same `curation build` again, it resumes"):
        open_build(tmp_path / "half")


def test_a_folder_of_builds_names_them(folder: Path) -> None:
    with pytest.raises(BuildError, match="this is no build but holds some: tiny"):
        open_build(folder.parent)


def test_the_path_of_build_json_opens_its_build(folder: Path) -> None:
    assert open_build(folder / "build.json").folder == folder


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema_version": 99}', "schema version 99, this toolkit reads 2"),
        ('{"schema_version": 1}', "schema version 1, this toolkit reads 2; build again with --replace, or use"),
        ("{", "not a build's description"),
        ("[]", "not a build's description"),
        ("{}", "not a build's description"),
    ],
)
def test_a_description_of_another_version_is_refused_with_the_way_out(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "build.json").write_text(text)
    with pytest.raises(BuildError, match=message) as caught:
        open_build(tmp_path)
    assert "--replace" in str(caught.value)


def test_a_shard_that_has_moved_is_named_with_its_base(folder: Path, tmp_path: Path) -> None:
    moved = write_build(tmp_path / "moved")
    description = json.loads((moved / "build.json").read_text())
    del description["files"]["shards/shard-00000.parquet"]
    (moved / "build.json").write_text(json.dumps({**description, "base": ["../other"]}))
    (moved / "shards" / "shard-00000.parquet").unlink()
    fix = r"it is borrowed from \.\./other; where that build was moved: curation subset \S+moved --base "
    with pytest.raises(BuildError, match=r"shard-00000.parquet is missing; " + fix):
        open_build(moved).read_row(0, 0)


def test_sums_of_integers_are_integers(folder: Path) -> None:
    frame = open_build(folder).sql(
        "select sum(tokens) as fits, sum(170000000000000000000::hugeint) as wide from packs, samples"
    )
    assert str(frame.schema["fits"]) == "Int64"
    assert frame.item(0, "wide") == 20 * 170000000000000000000
