"""`curation report`: a build as one HTML page."""

from __future__ import annotations

from pathlib import Path

import click

from curation.cli.paths import LocalPath


@click.command()
@click.argument("build", type=click.Path())
@click.option("-o", "--output", type=LocalPath(dir_okay=False), help="The file to write; default: NAME.html here.")
@click.option(
    "--samples",
    "per_source",
    type=click.IntRange(0, 100),
    default=4,
    show_default=True,
    help="Samples of each source in the gallery; 0 leaves out texts and pictures.",
)
def command(build: str, output: str | None, per_source: int) -> None:
    """Write one HTML page about a build: plots, tables, a gallery.

    The page needs nothing else: no network, no script. `-o -` writes it to stdout.

    \b
    Examples:
      curation report builds/small
      curation report builds/small -o small.html --samples 8
    """
    from curation.builds import open_build
    from curation.report import report_page

    opened = open_build(build)
    page = report_page(opened, per_source=per_source)
    if output == "-":
        click.echo(page, nl=False)
        return
    path = Path(output or f"{opened.name}.html")
    write_page(path, page)
    click.echo(path)


def write_page(path: Path, page: str) -> None:
    """Write a page under a temporary name and rename it; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(page, "utf-8")
    partial.replace(path)
