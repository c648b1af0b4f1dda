"""`curation check`: is a manifest good."""

from __future__ import annotations

import click

from curation.errors import CurationError
from curation.visible import visible


@click.command()
@click.argument("manifest", type=click.Path())
@click.option("--offline", is_flag=True, help="Look at nothing that is not on this machine.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(manifest: str, offline: bool, as_json: bool) -> None:
    """Check a manifest, its paths, tokenizer and adapters.

    Reads no data beyond a first row of each source.

    \b
    Example:
      curation check manifest.yaml
    """
    from curation.checks import check_and_note

    problems, notes = check_and_note(manifest, is_offline=offline)
    if as_json:
        from curation.cli.printing import print_json

        print_json({"manifest": manifest, "problems": problems, "notes": notes})
    else:
        for note in notes:
            click.echo(visible(f"note: {note}"))
    if problems:
        if not as_json:
            for problem in problems:
                click.echo(visible(problem))
        raise CurationError(f"{manifest}: {len(problems)} problem{'s' if len(problems) > 1 else ''} found")
    if not as_json:
        click.echo(f"{manifest}: no problem found")
