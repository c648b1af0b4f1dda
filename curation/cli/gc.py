"""`curation gc`: free the folders of a workspace that no build needs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curation.collection import Folder


@click.command()
@click.argument("builds", nargs=-1, type=click.Path())
@click.option(
    "--workspace", type=click.Path(), help="The workspace; default: CURATION_WORKSPACE, else .curation in this folder."
)
@click.option(
    "--days",
    type=click.FloatRange(min=0),
    default=7.0,
    show_default=True,
    help="Keep what was used in so many last days, such as plans and builds that have not finished.",
)
@click.option("--yes", is_flag=True, help="Free without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print the folders as JSON; free them only with --yes.")
def command(builds: tuple[str, ...], workspace: str | None, days: float, yes: bool, as_json: bool) -> None:
    """Free the folders of a workspace that no build needs.

    Shows what is in the workspace, how large it is and what needs it, then asks. Kept is what finished builds used
    that stand where they were written, or that are named (BUILDS, where they were moved), and what was used in the
    last days. Builds never need the workspace to be read: what is freed costs time when it is built again. Of a
    workspace under a URL this machine's copy is looked at; what is under the URL stays.

    \b
    Examples:
      curation gc
      curation gc --workspace /data/work --days 1 --yes
      curation gc /archive/small
    """
    from curation.collection import existing_workspace, free, survey

    space = existing_workspace(workspace)
    found = survey(space, builds=builds, days=days)
    useless = [folder for folder in found if not folder.needed_by]
    if as_json:
        freed = free(space, builds=builds, days=days) if yes else []
        _print_json(found, freed)
        return
    _print(found, str(space.root))
    if not useless:
        return
    if not yes and not sys.stdin.isatty():
        click.echo("nothing was freed: run it on a terminal, or with --yes")
    elif yes or click.confirm("free them?"):
        freed = free(space, builds=builds, days=days)
        click.echo(f"freed {_size(freed)} in {len(freed)} folders")


def _print(found: Sequence[Folder], root: str) -> None:
    from curation.cli.printing import format_bytes, print_table

    rows = [
        [folder.name, format_bytes(folder.num_bytes), f"{folder.days:.1f}", folder.needed_by or "nothing"]
        for folder in found
    ]
    print_table(["folder", "size", "days", "needed by"], rows, title=root, is_right=[False, True, True, False])
    useless = [folder for folder in found if not folder.needed_by]
    click.echo(f"\n{_size(found)} in all; nothing needs {_size(useless)} in {len(useless)} folders")


def _print_json(found: Sequence[Folder], freed: Sequence[Folder]) -> None:
    from curation.cli.printing import print_json

    names = {folder.name for folder in freed}
    print_json(
        [
            {
                "folder": folder.name,
                "bytes": folder.num_bytes,
                "days": folder.days,
                "needed_by": folder.needed_by or None,
                "freed": not folder.needed_by and folder.name in names,
            }
            for folder in found
        ]
    )


def _size(folders: Sequence[Folder]) -> str:
    from curation.cli.printing import format_bytes

    return format_bytes(sum(folder.num_bytes for folder in folders))
