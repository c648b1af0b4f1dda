"""`curation build`: from a manifest to shards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from curation.cli.manifest_options import tell_lost, tell_times, work_options

if TYPE_CHECKING:
    from curation.engine import EngineSettings, Recorder


@click.command()
@click.argument("manifest", type=click.Path())
@click.option("-o", "--output", type=click.Path(), help="Folder of the build; default: the manifest's output.path.")
@click.option("--replace", is_flag=True, help="Replace another build that stands in the output folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the build's folder, fingerprint and statistics as JSON.")
@work_options
def command(
    manifest: str,
    output: str | None,
    replace: bool,
    as_json: bool,
    workspace: str | None,
    engine: EngineSettings,
    overrides: tuple[str, ...],
    recorder: Recorder,
) -> None:
    """Compile a manifest into shards, tables and build.json.

    Pulls, filters, encodes, mixes, packs and writes. Interrupted or failed, the same command resumes where it stopped.

    \b
    Examples:
      curation build manifest.yaml
      curation build manifest.yaml -o builds/short --set mixture.budget=10M --workers 8
      curation build manifest.yaml --engine slurm --engine-option partition=cpu --workers 200
    """
    from curation.build import build
    from curation.cli.progress import progress_display
    from curation.stats import answer

    with progress_display() as display:
        recorder.progress = display.update
        made = build(
            manifest,
            output=output,
            workspace=workspace,
            engine=engine,
            overrides=overrides,
            replace=replace,
            recorder=recorder,
        )
    tell_times(recorder)
    tell_lost(made)
    answers = answer(made, ("mixture", "packs", "size"))
    if as_json:
        from curation.cli.printing import print_json

        tables = {each.query.name: each.frame.to_dicts() for each in answers}
        print_json({"folder": made.place, "fingerprint": made.fingerprint, **tables})
        return
    from curation.cli.stats import print_answers

    print_answers(answers, as_json=False)
    click.echo(f"\nbuilt {made.place} ({made.fingerprint[:12]})")
