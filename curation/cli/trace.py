"""`curation trace`: which samples a training step saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from curation.cli.run_options import position_options, read_reached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curation.trace import TracedStep

_COLUMNS = ("position", "sample_id", "source", "kind", "tokens", "loss_tokens", "shard", "shard_row")


@click.command()
@click.argument("build", type=click.Path())
@click.argument("state", required=False)
@position_options
@click.option("--rank", type=click.IntRange(min=0), help="Only what this rank took; default: what all ranks took.")
@click.option(
    "--last",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many steps, up to that one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    build: str,
    state: str | None,
    step: int | None,
    seed: int,
    batch_size: int,
    world_size: int,
    rank: int | None,
    last: int,
    as_json: bool,
) -> None:
    """Say which samples a training step saw.

    STATE is what PackLoader.state_dict() gave after the step: the JSON itself, a file that holds it, or - for stdin.
    Without one, --step counts from the beginning of the run, 1 for its first, with the loader's --seed. A step is one
    batch of every rank; where gradients are accumulated over several, ask for as many with --last.

    \b
    Examples:
      curation trace builds/small '{"build": "1f0c…", "seed": 17, "epoch": 0, "position": 4096}' --batch-size 8
      curation trace builds/small checkpoint/loader.json --batch-size 8 --world-size 4 --rank 2
      curation trace builds/small --step 1200 --seed 17 --batch-size 8 --last 3 --json
    """
    from dataclasses import asdict

    from curation.builds import open_build
    from curation.trace import trace

    opened = open_build(build)
    reached = read_reached(opened, state, step=step, seed=seed, batch_size=batch_size, world_size=world_size)
    traced = trace(opened, reached, batch_size=batch_size, world_size=world_size, rank=rank, last=last)
    if as_json:
        from curation.cli.printing import print_json

        print_json({"build": opened.fingerprint, "seed": reached.seed, "steps": [asdict(each) for each in traced]})
        return
    print_steps(traced)


def print_steps(traced: Sequence[TracedStep]) -> None:
    """Print a table of samples per pack, under a line per step."""
    from curation.cli.printing import print_table
    from curation.visible import visible

    for number, step in enumerate(traced):
        samples = sum(len(pack.samples) for pack in step.packs)
        click.secho(
            f"{'' if not number else chr(10)}epoch {step.epoch}, packs {step.begin} to {step.end - 1} of its order: "
            f"{len(step.packs)} packs, {samples} samples",
            bold=True,
        )
        for pack in step.packs:
            rows = [[visible(str(row[name])) for name in _COLUMNS] for row in pack.samples]
            title = f"\nrank {pack.rank}, pack {pack.pack}"
            print_table(_COLUMNS, rows, title=title, is_right=[name != "sample_id" for name in _COLUMNS])
