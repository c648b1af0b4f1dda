"""SQL predicates from the manifest: one expression over the stage's tables, and nothing else."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from curation.errors import ManifestError, nearest
from curation.filters.filter import MEDIA_COLUMNS, SAMPLE_COLUMNS
from curation.tables import MEDIA, SAMPLES

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

TABLES = ("samples", "media", "kept", "source_priority")

_SECONDS = 10.0

# Parts of a SELECT around its WHERE that a predicate must not smuggle in by closing our parenthesis.
_CLAUSES = ("modifiers", "group_expressions", "having", "qualify", "sample")


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """A checked predicate: the columns of `samples` that it names, in their order, and whether it asks `media`."""

    columns: tuple[str, ...]
    reads_media: bool


@cache
def parse_predicate(sql: str) -> Predicate:
    """Check a predicate against empty tables, before there is any data. Raises ManifestError.

    Refused: statements and clauses, tables other than the stage's, table functions (files, settings), functions whose
    value changes from run to run, unknown columns, wrong types, and what takes more than 10 s on tables without rows.
    """
    import duckdb

    with duckdb.connect(config={"enable_external_access": "false", "memory_limit": "1GB"}) as connection:
        tree = _tree(sql, connection)
        _check_tables(tree, sql)
        _check_functions(tree, sql, connection)
        for name, table in _empty_tables().items():
            connection.register(name, table)
        try:
            with _interrupting(connection):
                connection.execute(f"select 1 from samples where not ({sql}\n)").fetchall()
                kind = str(connection.execute(f"select ({sql}\n) from samples").description[0][1])
        except duckdb.InterruptException as err:
            raise ManifestError(
                f"filters.where: '{sql}' does not end within {_SECONDS} s on tables without rows; write a simpler one"
            ) from err
        except duckdb.Error as err:
            raise ManifestError(explain(sql, err)) from err
    if kind not in ("BOOLEAN", "NULL", '"NULL"'):
        raise ManifestError(
            f"filters.where: '{sql}' is no predicate but a value ({kind}); write a comparison such as turns < 9"
        )
    return Predicate(
        columns=tuple(column for column in SAMPLE_COLUMNS if column in _words(tree, "column_names")),
        reads_media="media" in _words(tree, "table_name"),
    )


@contextmanager
def _interrupting(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Interrupt what runs on a connection after `_SECONDS`, again and again: between two queries it is not heard."""
    done = threading.Event()

    def watch() -> None:
        is_done = done.wait(_SECONDS)
        while not is_done:
            connection.interrupt()
            is_done = done.wait(0.1)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def explain(sql: str, err: Exception) -> str:
    """Turn DuckDB's message about a predicate into one line that names the nearest column."""
    message = str(err)
    unknown = re.search(r'column (?:named )?"([^"]+)"', message)
    if unknown and "not found" in message:
        word = unknown.group(1)
        return (
            f"filters.where: '{sql}' names no column of samples: '{word}'{nearest(word, SAMPLE_COLUMNS)} (there are "
            f"{', '.join(SAMPLE_COLUMNS)}; a dataset's own are columns->>'NAME'; text stands in single quotes)"
        )
    first = " ".join(message.split("\n\n")[0].split())
    if ")" not in sql:  # the bracket is that of the query around the predicate
        first = first.replace('syntax error at or near ")"', "syntax error at its end")
    return f"filters.where: '{sql}': {first}; write a predicate over the columns of samples"


def _tree(sql: str, connection: duckdb.DuckDBPyConnection) -> Any:
    """Return the syntax tree of the predicate."""
    import duckdb

    query = f"select 1 where ({sql}\n)"
    try:
        duckdb.extract_statements(query)
        found = connection.execute("select json_serialize_sql($1)", [query]).fetchall()[0][0]
    except duckdb.Error as err:
        raise ManifestError(explain(sql, err)) from err
    parsed = json.loads(found)
    node = {} if parsed.get("error") else parsed["statements"][0]["node"]
    if "where_clause" not in node or len(parsed["statements"]) > 1 or any(node.get(clause) for clause in _CLAUSES):
        raise ManifestError(f"filters.where: '{sql}' is not one SQL expression; write a predicate such as turns < 9")
    return node["where_clause"]


def _check_tables(tree: Any, sql: str) -> None:
    for table in sorted(_words(tree, "table_name") - {""}):
        if table not in TABLES and table not in _words(tree, "key"):
            raise ManifestError(
                f"filters.where: '{sql}' reads '{table}'{nearest(table, TABLES)}; there are {', '.join(TABLES)}"
            )
    if any(node.get("type") == "TABLE_FUNCTION" for node in _nodes(tree)):
        raise ManifestError(f"filters.where: '{sql}' calls a table function; a filter reads no files and no settings")


def _check_functions(tree: Any, sql: str, connection: duckdb.DuckDBPyConnection) -> None:
    changing = connection.execute(
        "select distinct function_name from duckdb_functions() "
        "where stability in ('VOLATILE', 'CONSISTENT_WITHIN_QUERY') and list_contains($1, function_name) order by 1",
        [sorted(_words(tree, "function_name"))],
    ).fetchall()
    if changing:
        raise ManifestError(
            f"filters.where: '{sql}' calls {changing[0][0]}(), whose value changes from run to run; "
            "use the column rank (0 to 1, seeded) to choose at random"
        )


def _empty_tables() -> dict[str, pa.Table]:
    import pyarrow as pa

    samples = pa.schema([SAMPLES.field(name) for name in SAMPLE_COLUMNS])
    priority = pa.schema([("source", pa.string()), ("priority", pa.int64()), ("position", pa.int64())])
    media = pa.schema([MEDIA.field(name) for name in MEDIA_COLUMNS])
    kept = pa.schema([SAMPLES.field("sample_id")])
    schemas = zip(TABLES, (samples, media, kept, priority), strict=True)
    return {name: schema.empty_table() for name, schema in schemas}


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for item in tree:
            yield from _nodes(item)


def _words(tree: Any, key: str) -> set[str]:
    """Return the strings under a key anywhere in a syntax tree (lists of strings flattened)."""
    found = (node[key] for node in _nodes(tree) if key in node)
    return {
        word for value in found for word in (value if isinstance(value, list) else [value]) if isinstance(word, str)
    }
