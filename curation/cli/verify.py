"""`curation verify`: is a build whole and lawful."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from curation.cli.printing import one_line
from curation.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curation.verify import Check


@click.command()
@click.argument("build", type=click.Path())
@click.option("--rebuild", is_flag=True, help="Build again in a temp folder and compare every byte.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes for --rebuild; default: one per core.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def command(build: str, rebuild: bool, workers: int | None, as_json: bool) -> None:
    """Check every file and every invariant of a build.

    Compares each file's sha256 with build.json, asks the tables for rows that break a law, and reads every row of the
    shards: tokens, trained spans, image tokens, the images' bytes. Exits with 1 when a check fails.

    \b
    Examples:
      curation verify builds/small
      curation verify builds/small --rebuild
    """
    from curation.builds import open_build
    from curation.verify import verify

    opened = open_build(build)
    checks = verify(opened)
    if rebuild:
        from curation.cli.progress import progress_display
        from curation.rebuild import rebuild as build_again

        with progress_display() as display:
            checks.append(build_again(opened, workers=workers, progress=display.update))
    print_checks(checks, as_json=as_json)
    failed = [check for check in checks if not check.is_passed]
    if failed:
        first = failed[0].offenders[0] if failed[0].offenders else ""
        raise BuildError(
            f"{build}: {len(failed)} of {len(checks)} checks failed (first: {failed[0].name}: {first}); "
            "build again with --replace"
        )


def print_checks(checks: Sequence[Check], *, as_json: bool) -> None:
    """Print a line per check and under it the first offenders."""
    if as_json:
        from curation.cli.printing import print_json

        print_json([{**asdict(check), "status": check.status} for check in checks])
        return
    for check in checks:
        colour = {"ok": "green", "failed": "red", "skipped": "yellow"}[check.status]
        count = f" ({check.num_failed} of {check.num_checked})" if check.num_failed else f" ({check.num_checked})"
        click.echo(click.style(f"{check.status:<8}", fg=colour) + check.name + (count if not check.skipped else ""))
        if check.skipped:
            click.echo(f"{'':<8}{check.skipped}")
        for offender in check.offenders:
            click.echo(one_line(f"{'':<8}{offender}"))
