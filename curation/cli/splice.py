"""`curation splice`: a manifest built so that it goes on where a training run stood in another build."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from curation.cli.manifest_options import tell_times, work_options
from curation.cli.run_options import position_options, read_reached
from curation.errors import MixtureError

if TYPE_CHECKING:
    from curation.builds import Build
    from curation.engine import EngineSettings, Recorder
    from curation.position import Position
    from curation.seen import Seen


@click.command()
@click.argument("manifest", type=click.Path())
@click.option("--after", required=True, metavar="BUILD", type=click.Path(), help="The build that the run has read.")
@click.option("--state", help="The loader's state where the run stood: JSON, a file that holds it, or - for stdin.")
@position_options
@click.option("--packs", type=click.IntRange(min=0), help="The run read so many packs, in their own order.")
@click.option("-o", "--output", type=click.Path(), help="Folder of the new build; default: the manifest's output.path.")
@click.option("--plan", "is_planned", is_flag=True, help="Plan it; write no shards.")
@click.option("--replace", is_flag=True, help="Replace another build that stands in the output folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@work_options
def command(
    manifest: str,
    after: str,
    state: str | None,
    step: int | None,
    seed: int,
    batch_size: int,
    world_size: int,
    packs: int | None,
    output: str | None,
    is_planned: bool,
    replace: bool,
    as_json: bool,
    workspace: str | None,
    engine: EngineSettings,
    overrides: tuple[str, ...],
    recorder: Recorder,
) -> None:
    """Build a manifest without the samples that a training run has seen.

    For a run that changes its mixture on the way. Where it stood in its old build is what PackLoader.state_dict()
    gave (--state), the number of its last step (--step, with the loader's --seed), or a number of packs read in their
    own order (--packs). What it has seen is left out, with a row of the ledger, even where the source has another name
    now; the weights share out what is left. Splicing after a spliced build leaves out what both have shown.

    \b
    Examples:
      curation splice second.yaml --after builds/first --state checkpoint/loader.json -o builds/second
      curation splice second.yaml --after builds/first --step 1200 --seed 17 --batch-size 8 --plan
      curation splice second.yaml --after builds/first --packs 5000 -o builds/second
    """
    from curation.build import build, plan
    from curation.builds import open_build
    from curation.cli.progress import progress_display
    from curation.seen import read_seen

    if packs is not None and (state is not None or step is not None):
        raise click.UsageError("--packs, --state and --step all say where the run stood; give one of them")
    opened = open_build(after)
    reached: Position | int = (
        packs
        if packs is not None
        else read_reached(opened, state, step=step, seed=seed, batch_size=batch_size, world_size=world_size)
    )
    seen = read_seen(opened, reached)
    with progress_display() as display, _told(seen):
        recorder.progress = display.update
        if is_planned:
            planned = plan(
                manifest,
                workspace=workspace,
                engine=engine,
                overrides=overrides,
                seen=seen,
                recorder=recorder,
            )
            made = open_build(planned.folder)
        else:
            made = build(
                manifest,
                output=output,
                workspace=workspace,
                engine=engine,
                overrides=overrides,
                replace=replace,
                seen=seen,
                recorder=recorder,
            )
    tell_times(recorder)
    _print(made, as_json=as_json, is_planned=is_planned)


@contextmanager
def _told(seen: Seen) -> Iterator[None]:
    """Say in an error about the mixture how much of it was left out."""
    try:
        yield
    except MixtureError as err:
        err.add_note(f"{seen.told['samples']:,} samples that the run had seen were left out")
        raise


def _print(made: Build, *, as_json: bool, is_planned: bool) -> None:
    from curation.cli.printing import print_json
    from curation.cli.stats import print_answers
    from curation.stats import answer

    answers = answer(made, ("splice", "mixture", "packs"))
    if as_json:
        tables = {each.query.name: each.frame.to_dicts() for each in answers}
        print_json({"folder": made.place, "fingerprint": made.fingerprint, "after": made.after, **tables})
        return
    print_answers(answers, as_json=False)
    told = made.after
    done = "planned" if is_planned else "built"
    click.echo(
        f"\n{done} {made.place} ({made.fingerprint[:12]}) after {told['packs']:,} packs of {told['build'][:12]}, "
        f"{told['samples']:,} samples that had been seen"
    )
