"""The prompt of `curation sql`: several lines until `;`, history, completion, `.tables`, `.schema`, `.quit`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from curation.errors import CurationError, nearest
from curation.visible import visible

if TYPE_CHECKING:
    import duckdb

COMMANDS = {
    ".tables": "name the tables and their sizes",
    ".schema [TABLE]": "name the columns and their types",
    ".help": "this list",
    ".quit": "leave (so does Ctrl-D)",
}
# What hands type that know other prompts; none of them begins a query.
BARE = {"help": ".help", "exit": ".quit", "quit": ".quit", "\\q": ".quit", "\\d": ".tables", "\\dt": ".tables"}


def _bare(line: str) -> str:
    return line.strip().rstrip(";").rstrip().lower()


def run_prompt(connection: duckdb.DuckDBPyConnection, *, form: str, name: str) -> None:
    """Read queries until `.quit` or the end of input and print each answer; a mistake is printed and forgotten.

    A query ends with `;`. Ctrl-C clears what was typed. On a terminal there is line editing, completion of table and
    column names, and a history in the user's state folder.
    """
    is_terminal = sys.stdin.isatty()
    if is_terminal:
        _begin_editing(connection)
        click.echo("Queries end with ;  .help lists the commands.", err=True)
    typed: list[str] = []
    try:
        while True:
            lead = f"{name}> " if not typed else "...> ".rjust(len(name) + 2)
            try:
                line = input(lead if is_terminal else "")
            except EOFError:
                break
            except KeyboardInterrupt:
                click.echo("", err=True)
                typed.clear()
                continue
            if not typed and (line.strip().startswith((".", "\\")) or _bare(line) in BARE):
                command = BARE.get(_bare(line), line)
                if command.split()[0] in (".quit", ".exit"):
                    return
                _attempt(partial(run_command, connection, command))
                continue
            typed.append(line)
            text = "\n".join(typed)
            if is_complete(text):
                typed.clear()
                _attempt(partial(_answer, connection, text, form))
            elif not text.strip():
                typed.clear()
        if typed:
            _attempt(partial(_answer, connection, "\n".join(typed), form))
    finally:
        if is_terminal:
            _save_history()


def is_complete(text: str) -> bool:
    """Say whether typed text ends with a `;` that is not inside quotes or a comment.

    >>> is_complete("select ';'"), is_complete("select 1; -- one"), is_complete("select 1 -- ;")
    (False, True, False)
    """
    at, is_ended = 0, False
    while at < len(text):
        character = text[at]
        if character in "'\"":
            end = text.find(character, at + 1)
            if end < 0:
                return False
            at, is_ended = end, False
        elif text.startswith("--", at):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif text.startswith("/*", at):
            end = text.find("*/", at + 2)
            if end < 0:
                return False
            at = end + 1
        elif not character.isspace():
            is_ended = character == ";"
        at += 1
    return is_ended


def run_command(connection: duckdb.DuckDBPyConnection, line: str) -> None:
    """Carry out a dot command; an unknown one is a `CurationError` with the nearest."""
    from curation.cli.printing import print_frame
    from curation.queries import columns_by_table, run_query

    word, *rest = line.split()
    names = list(columns_by_table(connection))
    if word == ".help":
        for usage, does in COMMANDS.items():
            click.echo(f"{usage:<16} {does}")
    elif word == ".tables":
        sizes = " union all ".join(f"select '{name}' as \"table\", count(*) as num_rows from {name}" for name in names)
        print_frame(run_query(connection, f"{sizes} order by 1"))
    elif word == ".schema":
        table = rest[0].rstrip(";") if rest else None
        if table is not None and table not in names:
            raise CurationError(f"sql: no table named '{table}'{nearest(table, names)}")
        for name in [table] if table else names:
            query = f"select column_name, column_type from (describe {name})"
            print_frame(run_query(connection, query), title=f"\n{name}" if table is None else "")
    else:
        known = [usage.split()[0] for usage in COMMANDS]
        raise CurationError(f"sql: no command {word}{nearest(word, known) or '; .help lists them'}")


def _attempt(action: Callable[[], None]) -> None:
    try:
        action()
    except CurationError as err:
        click.echo(visible(f"error: {err}"), err=True)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)


def _answer(connection: duckdb.DuckDBPyConnection, text: str, form: str) -> None:
    from curation.cli.sql import print_result
    from curation.queries import run_query, split_statements

    if form == "parquet":
        raise CurationError("sql: the prompt can't print parquet; give the query as an argument")
    for statement in split_statements(connection, text):
        print_result(run_query(connection, statement), form)


def _history_path() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "curation" / "sql_history"


def _begin_editing(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        import readline
    except ImportError:  # not on every platform; the prompt works without
        return
    words = completion_words(connection)

    def complete(start: str, state: int) -> str | None:
        fitting = completions(start, words)
        return fitting[state] if state < len(fitting) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n,()=<>+-*/;")
    readline.parse_and_bind("tab: complete")
    with suppress(OSError):
        readline.read_history_file(_history_path())


def completion_words(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return what the prompt completes: tables, columns, functions of ours, SQL's words, dot commands."""
    from curation.queries import MACROS, columns_by_table

    tables = columns_by_table(connection)
    keywords = connection.execute("select keyword_name from duckdb_keywords() where keyword_category = 'reserved'")
    words = {*tables, *(column for columns in tables.values() for column in columns)}
    words |= {str(row[0]) for row in keywords.fetchall()} | {usage.split()[0] for usage in COMMANDS}
    return sorted(words | {macro.partition("(")[0] + "(" for macro in (*MACROS, "histogram(table)")})


def completions(start: str, words: Sequence[str]) -> list[str]:
    """Return the words that begin so; after the dot of an alias, its columns.

    >>> completions("tok", ["samples", "tokens"]), completions("s.tok", ["samples", "tokens"])
    (['tokens'], ['s.tokens'])
    """
    fitting = [word for word in words if word.startswith(start)]
    alias, dot, column = start.partition(".")
    if not fitting and alias and dot:
        fitting = [f"{alias}.{word}" for word in words if word.startswith(column) and "." not in word]
    return fitting


def _save_history() -> None:
    with suppress(ImportError, OSError):
        import readline

        _history_path().parent.mkdir(parents=True, exist_ok=True)
        readline.set_history_length(2000)
        readline.write_history_file(_history_path())
