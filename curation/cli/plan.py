"""`curation plan`: what a build would hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from curation.cli.manifest_options import tell_lost, tell_times, work_options

if TYPE_CHECKING:
    from curation.engine import EngineSettings, Recorder


@click.command()
@click.argument("manifest", type=click.Path())
@click.option("--batch-size", type=click.IntRange(min=1), help="Packs in a step of all GPUs together, to count steps.")
@click.option(
    "--tokens-per-second",
    type=click.FloatRange(min=1),
    help="Tokens that one GPU trains, to count GPU hours.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, a key per table.")
@work_options
def command(
    manifest: str,
    batch_size: int | None,
    tokens_per_second: float | None,
    as_json: bool,
    workspace: str | None,
    engine: EngineSettings,
    overrides: tuple[str, ...],
    recorder: Recorder,
) -> None:
    """Show what a build would hold, without writing one.

    Carries out everything up to packing (in the workspace, where a later build finds it) and prints the mixture asked
    for and realised as a tree, tokens by kind and source, drops by reason, packs, and what building and training would
    cost: disk, time at the rates of the last run in this workspace, steps, GPU hours. A hash changes when what it
    stands beside does.

    \b
    Examples:
      curation plan manifest.yaml
      curation plan manifest.yaml --set mixture.weights.docs=20
      curation plan manifest.yaml --batch-size 256 --tokens-per-second 30000 --json
    """
    from dataclasses import asdict

    from curation.build import plan
    from curation.builds import open_build
    from curation.cli.plan_tree import print_cost, print_tree
    from curation.cli.printing import print_json
    from curation.cli.progress import progress_display
    from curation.cli.stats import print_answers
    from curation.cost import estimate, read_rates
    from curation.stats import PLAN_TABLES, answer

    with progress_display() as display:
        recorder.progress = display.update
        planned = plan(
            manifest,
            workspace=workspace,
            engine=engine,
            overrides=overrides,
            recorder=recorder,
        )
    tell_times(recorder)
    opened = open_build(planned.folder)
    tell_lost(opened)
    rates = read_rates(planned.events)
    cost = estimate(opened, rates, batch_size=batch_size, tokens_per_second=tokens_per_second)
    answers = answer(opened, PLAN_TABLES)
    if as_json:
        tables = {each.query.name: each.frame.to_dicts() for each in answers}
        about = {"folder": str(planned.folder), "fingerprint": planned.fingerprint, "stages": planned.stages}
        print_json({**about, **tables, "cost": asdict(cost), "rates": {name: asdict(rates[name]) for name in rates}})
        return
    rows = opened.sql("from mixture").to_dicts()
    print_tree(rows, fingerprint=planned.fingerprint, stages=planned.stages)
    click.echo("")
    print_answers([each for each in answers if each.query.name != "mixture"], as_json=False)
    click.echo("")
    print_cost(cost, rates)
    click.echo(f"\nask it in SQL: curation sql {planned.folder}")
