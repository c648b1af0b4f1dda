"""`curation diff`: what changed between two builds or plans."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from curation.difference import Difference

DIFFERENT = 1


@click.command()
@click.argument("before", type=click.Path())
@click.argument("after", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print the difference as JSON.")
@click.pass_context
def command(context: click.Context, before: str, after: str, as_json: bool) -> None:
    """Say what changed between two builds or plans.

    Settings key by key, samples in and out by source with the reason and examples, tokens by source, samples whose
    tokens changed, places in packs. Of manifests the settings alone. Exits with 0 when nothing differs and with 1 when
    something does, as diff(1); an error is also 1, with a line on stderr.

    \b
    Examples:
      curation diff builds/small builds/small-no-cot
      curation diff builds/small builds/small-no-cot --json | jq .moved
      curation diff small.yaml manifest.yaml
    """
    from curation.difference import diff

    found = diff(before, after)
    if as_json:
        from curation.cli.printing import print_json

        print_json(found.plain())
    else:
        _print(found)
    context.exit(0 if found.is_same else DIFFERENT)


def _print(found: Difference) -> None:
    from curation.cli.printing import one_line, print_table

    if found.is_same:
        click.echo("no difference")
    for title, changes in (("settings", found.settings), ("digests", found.digests)):
        if changes:
            rows = [[change.key, _value(change.before), _value(change.after)] for change in changes]
            print_table(["key", "before", "after"], rows, title=title)
            click.echo("")
    changed = [source for source in found.sources if not source.is_same]
    if changed:
        click.echo(f"{len(changed)} of {len(found.sources)} sources differ")
        _print_sources(found)
    if found.resized:
        shown = [f"{each.sample_id} {each.tokens_before:,} -> {each.tokens_after:,}" for each in found.resized]
        click.echo(one_line(f"changed most in tokens: {'; '.join(shown)}"))
    if found.places:
        click.echo(f"packs {found.packs_before:,} -> {found.packs_after:,}, {found.places:,} places differ")
    if found.shards:
        click.echo(f"{found.shards:,} shards are in one of the two only")


def _print_sources(found: Difference) -> None:
    from curation.cli.printing import print_table
    from curation.visible import visible

    rows = [
        [
            source.source,
            f"{source.samples_before:,}",
            f"{source.samples_after:,}",
            f"{source.samples_out:,}",
            f"{source.samples_in:,}",
            f"{source.tokens_before:,}",
            f"{source.tokens_after:,}",
            *(f"{count:,}" for count in (source.repeated, source.resized, source.rewritten)),
        ]
        for source in found.sources
    ]
    columns = ["source", "samples", "-> after", "out", "in", "tokens", "-> after", "repeats", "resized", "rewritten"]
    print_table(columns, rows, is_right=[False, *[True] * (len(columns) - 1)])
    click.echo("")
    if found.moved:
        moved = [
            [each.source, each.direction, each.reason, f"{each.samples:,}", visible(", ".join(each.examples))]
            for each in found.moved
        ]
        head = ["source", "moved", "in the other", "samples", "examples"]
        print_table(head, moved, title="samples out and in", is_right=[False, False, False, True, False])
        click.echo("")


def _value(value: Any) -> str:
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
