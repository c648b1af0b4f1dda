"""`where`: predicates that keep, drop, flag, and those that are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.errors import FilterError, ManifestError
from curation.filters.filter import MEDIA_COLUMNS
from curation.filters.where import Where
from tests.filters.rows import Row, dropped, run

ROWS = [
    Row(sample_id="a/f:0", question="short?", answer="x", columns={"relevance": 1}),
    Row(sample_id="a/f:1", question="a longer question?", answer="with words", columns={"relevance": 5}),
    Row(sample_id="a/f:2", question="", answer="doc", kind="text", media=()),
    Row(sample_id="a/f:3", question="two images", answer="yes", media=("one", "two")),
]


def test_rows_for_which_the_predicate_is_false_are_dropped_with_the_values_that_decided(tmp_path: Path) -> None:
    ledger = run(tmp_path, ROWS, Where(sql="text_chars > 10 or kind = 'text'"))
    assert dropped(ledger) == ["a/f:0"]
    row = ledger.to_pylist()[0]
    assert (row["stage"], row["filter"], row["reason"], row["source"]) == ("filter", "where", "where", "a")
    assert json.loads(row["detail"])["values"] == {"kind": "image", "text_chars": 7}


def test_an_unknown_value_keeps_its_row(tmp_path: Path) -> None:
    """Rows without video have no duration: a rule about durations says nothing about them."""
    rows = [*ROWS, Row(sample_id="a/f:4", video_seconds=400.0)]
    assert dropped(run(tmp_path, rows, Where(sql="video_seconds < 210"))) == ["a/f:4"]


def test_a_dataset_s_own_columns_can_be_asked(tmp_path: Path) -> None:
    assert dropped(run(tmp_path, ROWS, Where(sql="(columns->>'relevance')::int >= 2"))) == ["a/f:0"]


def test_media_can_be_asked_in_a_subquery(tmp_path: Path) -> None:
    sql = "not exists (from media m where m.sample_id = samples.sample_id and m.width >= 20)"
    assert dropped(run(tmp_path, ROWS, Where(sql=sql))) == ["a/f:3"]


@pytest.mark.parametrize("name", MEDIA_COLUMNS)
def test_every_column_of_media_that_a_check_lets_pass_is_there(name: str, tmp_path: Path) -> None:
    sql = f"exists (from media m where m.sample_id = samples.sample_id and m.{name} is null)"
    assert run(tmp_path, ROWS, Where(sql=sql)).num_rows


def test_what_only_a_mixture_decides_about_media_can_not_be_asked() -> None:
    with pytest.raises(ManifestError, match="is_first_use"):
        Where(sql="exists (from media m where m.is_first_use)")


def test_flag_keeps_the_rows_for_later_filters(tmp_path: Path) -> None:
    ledger = run(tmp_path, ROWS, Where(sql="false", action="flag"), Where(sql="kind <> 'text'"))
    assert ledger["action"].to_pylist() == ["flag"] * 4 + ["drop"]


def test_a_comment_at_the_end_does_not_swallow_the_query(tmp_path: Path) -> None:
    assert dropped(run(tmp_path, ROWS, Where(sql="kind <> 'text' -- no documents"))) == ["a/f:2"]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("text_char > 4", "did you mean 'text_chars'?"),
        ("kind = document", "names no column of samples: 'document'"),
        ("text_chars >", "syntax error at its end;"),
        ("sum(tokens) > 4", "aggregates"),
        ("tokens", "is no predicate but a value (INTEGER)"),
        ("true); drop table samples; select (1", "not one SQL expression"),
        ("1) union select (2", "not one SQL expression"),
        ("true) order by (tokens", "not one SQL expression"),
        ("true) limit (1", "not one SQL expression"),
        ("copy samples to 'stolen.csv'", "filters.where"),
        ("exists (from read_csv('/etc/passwd'))", "table function"),
        ("exists (from '/etc/passwd')", "reads '/etc/passwd'"),
        ("exists (from sample)", "did you mean 'samples'?"),
        ("exists (from duckdb_settings())", "table function"),
        ("exists (from information_schema.tables)", "reads 'tables'"),
        ("random() < 0.5", "use the column rank"),
        ("now() > '2020-01-01'::timestamptz", "changes from run to run"),
    ],
)
def test_what_is_no_predicate_over_the_samples_is_refused_before_any_data(sql: str, message: str) -> None:
    with pytest.raises(ManifestError) as error:
        Where(sql=sql)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_value_that_does_not_convert_is_an_error_that_shows_it(tmp_path: Path) -> None:
    rows = [Row(sample_id="a/f:0", columns={"score": "high"})]
    with pytest.raises(FilterError, match="Could not convert string 'high'"):
        run(tmp_path, rows, Where(sql="(columns->>'score')::int > 2"))
