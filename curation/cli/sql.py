"""`curation sql`: queries over a build, one at a time or at a prompt."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from curation.errors import CurationError
from curation.visible import visible

if TYPE_CHECKING:
    import polars

    from curation.builds import Build

FORMATS = ("table", "csv", "json", "parquet", "markdown")
MAX_TABLE_ROWS = 1000


@click.command()
@click.argument("build", type=click.Path())
@click.argument("query", required=False)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="Form of the result."
)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("--also", multiple=True, metavar="[NAME=]BUILD", help="Another build, as NAME.samples …; repeatable.")
def command(build: str, query: str | None, form: str, as_json: bool, also: tuple[str, ...]) -> None:
    """Ask a build in SQL.

    The tables are samples, media, ledger, packs, mixture, sources and shards. `-` reads the query from stdin; without
    one there is a prompt. Nothing but the build's tables can be read, and nothing is written. Besides DuckDB's
    functions there are share(amount), a group's part of all groups, and quantiles(amount); DuckDB's own
    histogram(table, column) draws bars.

    \b
    Examples:
      curation sql builds/small "select kind, sum(tokens) from samples where selected group by kind"
      curation sql builds/small "select reason, count(*) from ledger group by all" --format markdown
      curation sql builds/small "select source, share(tokens * repeats) from samples where selected group by all"
      curation sql builds/small --also old=builds/last "from samples anti join old.samples using (sample_id)"
      curation sql builds/small "from samples where tokens > 8000" --format parquet > long.parquet
    """
    from curation.builds import open_build

    opened = open_build(build)
    form = "json" if as_json else form
    with opened.connect(open_others(also)) as connection:
        if query is None:
            from curation.cli.prompt import run_prompt

            run_prompt(connection, form=form, name=opened.name)
            return
        from curation.queries import run_query, split_statements

        statements = split_statements(connection, sys.stdin.read() if query == "-" else query)
        if not statements:
            raise click.UsageError("the query is empty")
        if form == "parquet" and (len(statements) > 1 or sys.stdout.isatty()):
            raise click.UsageError(
                "--format parquet is binary and for one query: send it to a file, `> result.parquet`"
            )
        for statement in statements:
            print_result(run_query(connection, statement), form)


def open_others(given: Sequence[str]) -> dict[str, Build]:
    """Open the builds of `NAME=BUILD` or `BUILD` (named as its folder is); a name given twice is wrong usage."""
    from curation.builds import open_build

    opened: dict[str, Build] = {}
    for each in given:
        name, equals, path = each.partition("=")
        if not equals or "/" in name:
            name, path = Path(each).resolve().name, each
        if name in opened:
            raise click.UsageError(f"--also: two builds are named '{name}'; name one: --also other={path}")
        opened[name] = open_build(path)
    return opened


def print_result(frame: polars.DataFrame, form: str) -> None:
    """Print a query's rows in a form; a table stops after a thousand rows and says so on stderr."""
    if form == "parquet":
        frame.write_parquet(sys.stdout.buffer)
        return
    if form == "csv":
        text = flatten(frame).write_csv()
        click.echo(visible(text) if sys.stdout.isatty() else text, nl=False)
        return
    if form == "json":
        from curation.cli.printing import print_json

        print_json(frame.to_dicts())
        return
    if form == "markdown":
        from curation.cli.printing import markdown

        click.echo(markdown(frame))
        return
    from curation.cli.printing import print_frame

    print_frame(frame.head(MAX_TABLE_ROWS))
    if frame.height > MAX_TABLE_ROWS:
        click.echo(
            f"the first {MAX_TABLE_ROWS} of {frame.height} rows; add a limit, or --format csv for all of them", err=True
        )


def flatten(frame: polars.DataFrame) -> polars.DataFrame:
    """Turn columns that CSV has no form for (lists, structs, bytes) into text: JSON, and hex for bytes."""
    import orjson
    import polars

    columns = []
    for name, dtype in zip(frame.columns, frame.dtypes, strict=True):
        column = frame.get_column(name)
        if dtype.is_nested():
            texts = [None if value is None else orjson.dumps(value, default=str).decode() for value in column.to_list()]
            column = polars.Series(name, texts, dtype=polars.String)
        elif dtype == polars.Binary:
            column = polars.Series(name, [None if value is None else value.hex() for value in column.to_list()])
        columns.append(column)
    try:
        return polars.DataFrame(columns)
    except polars.exceptions.PolarsError as err:
        raise CurationError(f"sql: the result has no CSV form ({err}); use --format json") from err
