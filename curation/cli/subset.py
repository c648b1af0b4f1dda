"""`curation subset`: a part of a build."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fractions import Fraction


@click.command()
@click.argument("build", type=click.Path())
@click.option("--fraction", metavar="SHARE", help="This share of every source, such as 1/8 or 0.125.")
@click.option("--tokens", metavar="NUMBER", help="The largest share with at most so many tokens, such as 10M.")
@click.option("--where", metavar="SQL", help="Of the samples for which this is true: any predicate over `samples`.")
@click.option("-o", "--output", type=click.Path(), help="Folder of the subset.")
@click.option("--standalone", is_flag=True, help="Copy the rows into shards of its own instead of borrowing them.")
@click.option("--replace", is_flag=True, help="Replace another build that stands in the output folder.")
@click.option("--base", type=click.Path(), help="Point BUILD, a subset, at where its base build stands now.")
@click.option("--json", "as_json", is_flag=True, help="Print the subset's folder, fingerprint and mixture as JSON.")
def command(
    build: str,
    fraction: str | None,
    tokens: str | None,
    where: str | None,
    output: str | None,
    standalone: bool,
    replace: bool,
    base: str | None,
    as_json: bool,
) -> None:
    """Cut a nested, seeded part out of a build.

    Every source is cut at the same share of what the build takes of it, so the mixture stays as it is; a smaller part
    lies in a larger one, and a part of a part is the part. Nothing is pulled, encoded or copied: the subset has an
    index of its own and borrows the build's shards by relative path. `sql`, `stats`, `show`, `verify` and training
    read it as any build.

    \b
    Examples:
      curation subset builds/small --fraction 1/8 -o builds/small-8th
      curation subset builds/small --tokens 10M -o builds/ten --standalone
      curation subset builds/small --where "kind <> 'cot'" -o builds/no-cot
      curation subset builds/small-8th --base /moved/builds/small
    """
    from curation import subset as cutting
    from curation.stats import answer

    if base is not None:
        if any((fraction, tokens, where, output, standalone, replace)):
            raise click.UsageError("--base repairs BUILD where it stands; give it alone")
        made = cutting.rebase(build, base)
    else:
        if output is None:
            raise click.UsageError("say where the subset shall stand with -o DIR")
        made = cutting.subset(
            build,
            output,
            fraction=_fraction(fraction),
            tokens=_count(tokens),
            where=where,
            standalone=standalone,
            replace=replace,
        )
    answers = answer(made, ("mixture", "packs", "size"))
    if as_json:
        from curation.cli.printing import print_json

        tables = {each.query.name: each.frame.to_dicts() for each in answers}
        described = {"folder": str(made.folder), "fingerprint": made.fingerprint, "base": made.base}
        print_json({**described, "subset": made.subset, **tables})
        return
    from curation.cli.stats import print_answers

    print_answers(answers, as_json=False)
    shared = f", shards of {', '.join(made.base)}" if made.base else ""
    click.echo(f"\nsubset {made.folder} ({made.fingerprint[:12]}{shared})")


def _fraction(text: str | None) -> Fraction | None:
    from fractions import Fraction

    try:
        return None if text is None else Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise click.BadParameter(f"{text!r} is no share; write it like 1/8", param_hint="--fraction") from None


def _count(text: str | None) -> int | None:
    from curation.manifests.sizes import parse_count

    try:
        return None if text is None else parse_count(text)
    except (ValueError, TypeError):
        raise click.BadParameter(f"{text!r} is no number of tokens; write it like 10M", param_hint="--tokens") from None
