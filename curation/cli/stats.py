"""`curation stats`: the standard tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curation.stats import Answer


@click.command()
@click.argument("build", type=click.Path())
@click.option("--table", "names", multiple=True, metavar="NAME", help="Only this table; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, a key per table.")
def command(build: str, names: tuple[str, ...], as_json: bool) -> None:
    """Print the standard tables about a build.

    Asked against realised mixture, kinds, sources, drops by filter and reason, lengths, media, video durations, packs.

    \b
    Examples:
      curation stats builds/small
      curation stats builds/small --table mixture --table drops
      curation stats builds/small --json | jq .mixture
    """
    from curation.builds import open_build
    from curation.stats import BUILD_TABLES, answer

    print_answers(answer(open_build(build), names or BUILD_TABLES), as_json=as_json)


def print_answers(answers: Sequence[Answer], *, as_json: bool) -> None:
    """Print answered queries as titled tables with units, or as one JSON object."""
    from curation.cli.printing import print_frame, print_json

    if as_json:
        print_json({each.query.name: each.frame.to_dicts() for each in answers})
        return
    for number, each in enumerate(answers):
        if number:
            click.echo("")
        print_frame(each.frame, title=each.query.title, humanise=True)
