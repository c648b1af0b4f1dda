"""Read-only SQL over the Parquet files of an index: locked-down DuckDB connections and errors that help."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from curation.errors import BuildError, CurationError, nearest

if TYPE_CHECKING:
    import duckdb
    import polars
    import pyarrow

READING = frozenset({"SELECT", "EXPLAIN", "MULTI"})
_EXPLAIN = re.compile(r"\s*explain\s+(analyze\b|\([^)]*\))?", re.IGNORECASE)
MACROS = {
    "share(amount)": "sum(amount) / nullif(sum(sum(amount)) over (), 0)",
    "quantiles(amount)": "{'least': min(amount), 'p05': quantile_cont(amount, 0.05), "
    "'p25': quantile_cont(amount, 0.25), 'median': quantile_cont(amount, 0.5), 'p75': quantile_cont(amount, 0.75), "
    "'p95': quantile_cont(amount, 0.95), 'p99': quantile_cont(amount, 0.99), 'most': max(amount)}",
}
"""What queries may call besides DuckDB's own functions: a group's share of all groups, and the usual quantiles."""
_NAME = re.compile(r"[a-z_][a-z0-9_]*", re.IGNORECASE)
_POSITION = re.compile(r"^LINE (\d+): (.*)\n(\s*)\^", re.MULTILINE)


class QueryError(CurationError):
    """A query can't be answered; the message gives line, column and the nearest name."""


def connect(
    files: Mapping[str, Sequence[Path]],
    schemas: Mapping[str, pyarrow.Schema],
    *,
    variables: Mapping[str, int | str] | None = None,
    also: Mapping[str, Mapping[str, Sequence[Path]]] | None = None,
) -> duckdb.DuckDBPyConnection:
    """Open DuckDB with one view per table over its Parquet files, then lock it.

    A table of `schemas` without files becomes an empty one. After this returns, SQL can read the given files and
    nothing else: no other file, no network, no extension, no changed setting. `variables` are there for saved queries
    as `getvariable('name')`, `MACROS` as functions; the files of each name in `also` are views `name.table`. Large
    sorts spill into a folder of their own under the system's temp folder. Raises `BuildError` when a file is no Parquet
    file, `QueryError` for a name that can't be a schema's.
    """
    import duckdb

    connection = duckdb.connect(":memory:", config={"autoload_known_extensions": "false"})
    spill = Path(tempfile.gettempdir()) / f"curation-sql-{uuid4().hex}"
    connection.execute(f"set temp_directory = {literal(str(spill))}")
    connection.execute("set enable_progress_bar = false")
    for name, value in (variables or {}).items():
        connection.execute(f"set variable {name} = {value if isinstance(value, int) else literal(value)}")
    for macro, meaning in MACROS.items():
        connection.execute(f"create macro {macro} as {meaning}")
    attached = {"": files, **{f"{_new_schema(connection, name)}.": beside for name, beside in (also or {}).items()}}
    for prefix, tables in attached.items():
        _create_views(connection, tables, schemas, prefix=prefix)
    allowed = [str(path.resolve()) for tables in attached.values() for paths in tables.values() for path in paths]
    connection.execute(f"set allowed_paths = [{', '.join(literal(path) for path in allowed)}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def _new_schema(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """Make a schema of that name and return it as SQL; refuse one that is taken or no plain name."""
    import duckdb

    try:
        if not _NAME.fullmatch(name):
            raise QueryError(f"sql: '{name}' is no plain SQL name; give it one: --also other={name}")
        connection.execute(f'create schema "{name}"')
    except duckdb.Error as err:
        raise QueryError(f"sql: the name '{name}' is taken; give the build another: --also other=…") from err
    return f'"{name}"'


def _create_views(
    connection: duckdb.DuckDBPyConnection,
    files: Mapping[str, Sequence[Path]],
    schemas: Mapping[str, pyarrow.Schema],
    *,
    prefix: str,
) -> None:
    """Make a view per table over its files, or an empty table."""
    import duckdb

    for name, schema in schemas.items():
        listed = ", ".join(literal(str(path.resolve())) for path in files.get(name, ()))
        if listed:
            reading = f"from read_parquet([{listed}], hive_partitioning = false)"
            try:
                connection.execute(f"create view {prefix}{name} as {reading}")
            except duckdb.Error as err:
                reason = str(err).splitlines()[0]
                raise BuildError(f"table {name} can't be read ({reason}); build again with --replace") from err
        else:
            connection.register("nothing", schema.empty_table())
            connection.execute(f"create table {prefix}{name} as from nothing")
            connection.unregister("nothing")


def split_statements(connection: duckdb.DuckDBPyConnection, text: str) -> list[str]:
    """Split text at its semicolons; raise `QueryError` for what is no SQL or would change something."""
    import duckdb

    try:
        statements = connection.extract_statements(text)
        for statement in statements:
            kind = statement.type.name
            if kind == "EXPLAIN":
                kind = _kind_of_explained(connection, statement.query)
            if kind not in READING:
                raise QueryError(
                    f"sql: '{_shorten(statement.query)}' is not a query; only select, from, with, values, describe, "
                    "summarize, show, pivot and explain are allowed"
                )
    except duckdb.Error as err:
        raise QueryError(explain_error(str(err), text, {})) from err
    return [statement.query.strip().rstrip(";").strip() for statement in statements]


def _kind_of_explained(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """Say what an EXPLAIN explains: EXPLAIN ANALYZE carries it out."""
    inner = connection.extract_statements(_EXPLAIN.sub("", query, count=1))
    names = {statement.type.name for statement in inner}
    return names.pop() if len(names) == 1 and not names & {"EXPLAIN"} else "NOT_A_QUERY"


def run_query(connection: duckdb.DuckDBPyConnection, query: str) -> polars.DataFrame:
    """Answer one query as a polars DataFrame; raise `QueryError` with the place of a mistake."""
    import duckdb
    import polars

    statements = split_statements(connection, query)
    if len(statements) != 1:
        raise QueryError(f"sql: {len(statements)} statements given; give exactly one query")
    try:
        table = connection.sql(statements[0]).to_arrow_table()
    except duckdb.Error as err:
        message = explain_error(
            _message_with_place(connection, statements[0], err), statements[0], columns_by_table(connection)
        )
        raise QueryError(message) from err
    try:
        frame = polars.from_arrow(table)
    except polars.exceptions.PolarsError as err:
        raise QueryError(f"sql: a result column has a type that has no data frame form ({err}); cast it") from err
    assert isinstance(frame, polars.DataFrame)
    return _with_plain_integers(frame)


def _with_plain_integers(frame: polars.DataFrame) -> polars.DataFrame:
    """Make sums of integers Int64 again, where they fit: DuckDB's 128 bits arrive as decimals."""
    import polars

    wide = [
        column.name
        for column in frame.get_columns()
        if column.dtype == polars.Decimal(38, 0) and _fits(column.min()) and _fits(column.max())
    ]
    return frame.cast(dict.fromkeys(wide, polars.Int64)) if wide else frame


def _fits(value: object) -> bool:
    return value is None or (isinstance(value, int | Decimal) and -(2**63) <= value < 2**63)


def _message_with_place(connection: duckdb.DuckDBPyConnection, query: str, err: Exception) -> str:
    """Return the message of a failed query with its `LINE`, which only `execute` gives."""
    import duckdb

    try:
        connection.execute(query)
    except duckdb.Error as again:
        return str(again)
    return str(err)


def columns_by_table(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Return the names of the tables and of their columns, in order; those of another build as `other.samples`."""
    rows = connection.execute(
        "select if(schema_name = 'main', '', schema_name || '.') || table_name as name, "
        "list(column_name order by column_index) from duckdb_columns() where not internal group by all order by all"
    ).fetchall()
    return {str(name): list(columns) for name, columns in rows}


def explain_error(message: str, query: str, tables: Mapping[str, Sequence[str]]) -> str:
    """Turn DuckDB's message into one line: where, what, and the nearest table or column.

    >>> explain_error('Catalog Error: Table with name sample does not exist!', 'from sample', {'samples': ['kind']})
    "sql: no table named 'sample'; did you mean 'samples'?"
    """
    where = _position(message, query)
    first, _, rest = message.partition("\n")
    first = first.partition(": ")[2] or first
    if found := re.search(r"Table with name (\S+) does not exist", first):
        hint = nearest(found[1], tables) or f"; the tables are {', '.join(tables)}"
        return f"sql: {where}no table named '{found[1]}'{hint}"
    if found := re.search(r'Referenced column "(.+?)" not found|does not have a column named "(.+?)"', first):
        name = found[1] or found[2]
        offered = re.findall(r'"([^"]+)"', rest.partition("Candidate bindings:")[2].partition("\n")[0])
        every = {column for columns in tables.values() for column in columns}
        return f"sql: {where}no column named '{name}'{nearest(name, [*offered, *sorted(every)])}"
    if found := re.search(r'Function with name "?(\w+)"? does not exist', first):
        offered = re.findall(r'Did you mean "(.+?)"', rest)
        hint = f"; did you mean '{offered[0]}'?" if offered else ""
        return f"sql: {where}no function named '{found[1]}'{hint}"
    if "disabled by configuration" in first or "disabled through configuration" in first:
        return f"sql: {where}only the build's own tables can be read ({first})"
    return f"sql: {where}{first}"


def _position(message: str, query: str) -> str:
    """Return `line 2, column 7: ` from DuckDB's caret; long lines are cut by it, so its snippet is looked up."""
    found = _POSITION.search(message)
    if not found:
        return ""
    number, snippet = int(found[1]), found[2]
    column = len(found[3]) - len(f"LINE {number}: ")
    cut = snippet.removeprefix("...").removesuffix("...").strip()
    lines = query.splitlines()
    line = lines[number - 1] if number <= len(lines) else ""
    if snippet.startswith("...") and cut in line:
        column += line.index(cut) - snippet.index(cut)
    return f"line {number}, column {column + 1}: "


def literal(text: str) -> str:
    """Write text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def _shorten(text: str, length: int = 40) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
