"""`curation plan`: what a build would hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from curation.cli.manifest_options import tell_times, work_options

if TYPE_CHECKING:
    from curation.engine import EngineSettings, Recorder


@click.command()
@click.argument("manifest", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, a key per table.")
@work_options
def command(
    manifest: str,
    as_json: bool,
    workspace: str | None,
    engine: EngineSettings,
    overrides: tuple[str, ...],
    recorder: Recorder,
) -> None:
    """Show what a build would hold, without writing one.

    Carries out everything up to packing (in the workspace, where a later build finds it) and prints the mixture asked
    for and realised, tokens by kind and source, drops by reason, packs and the bytes a build would take.

    \b
    Examples:
      curation plan manifest.yaml
      curation plan manifest.yaml --set mixture.weights.docs=20
    """
    from curation.build import plan
    from curation.builds import open_build
    from curation.cli.progress import progress_display
    from curation.cli.stats import print_answers
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
    print_answers(answer(open_build(planned.folder), PLAN_TABLES), as_json=as_json)
    if not as_json:
        click.echo(f"\nask it in SQL: curation sql {planned.folder}")
