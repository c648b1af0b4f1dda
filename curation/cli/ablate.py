"""`curation ablate`: variants of a manifest, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from curation.cli.manifest_options import engine_options, workspace_option
from curation.cli.paths import LocalPath

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curation.ablation import Outcome
    from curation.ablation_plan import Ablations
    from curation.engine import EngineSettings

UNITS = ("tokens", "samples", "image_tokens", "loss_tokens")


@click.command()
@click.argument("manifest", type=click.Path())
@click.option(
    "--vary",
    multiple=True,
    metavar="KEY=V1,V2",
    help="Values of a manifest key; repeatable: all combinations are built.",
)
@click.option("--match", type=click.Choice(UNITS), help="Cut every variant to the size of the smallest in this unit.")
@click.option("--base", type=click.Path(), help="The manifest to vary, instead of the one an ablations file names.")
@click.option("-o", "--output", type=LocalPath(), help="Folder of the builds; default: ablations/NAME.")
@click.option("--plan", "is_planned", is_flag=True, help="Plan the variants; write no shards.")
@click.option("--replace", is_flag=True, help="Replace other builds that stand in the variants' folders.")
@workspace_option
@engine_options
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def command(
    manifest: str,
    vary: tuple[str, ...],
    match: str | None,
    base: str | None,
    output: str | None,
    is_planned: bool,
    replace: bool,
    workspace: str | None,
    engine: EngineSettings,
    as_json: bool,
) -> None:
    """Build variants of a manifest and compare them.

    MANIFEST with --vary, or a file of ablations: `base`, `variants: {name: {key: value}}`, `match`. The variants share
    all work that does not differ: a weight decodes and tokenizes nothing, a prompt decodes nothing, a video setting
    touches only videos. Prints one table and writes it as comparison.json beside the builds.

    \b
    Examples:
      curation ablate manifest.yaml --vary mixture.weights.cot=0,1,6 --match tokens
      curation ablate manifest.yaml --vary video.clip.seconds=90,150,210 --plan
      curation ablate ablations.yaml -o ablations/cot
    """
    from curation.ablation import ablate
    from curation.cli.progress import progress_display

    ablations = _read(manifest, vary, match=match, base=base)
    folder = Path(output) if output else Path("ablations") / Path(manifest).stem
    with progress_display() as display:
        outcomes = ablate(
            ablations,
            folder,
            is_planned=is_planned,
            workspace=workspace,
            engine=engine,
            replace=replace,
            progress=display.update,
        )
    if as_json:
        click.echo((folder / "comparison.json").read_text("utf-8"), nl=False)
        return
    print_outcomes(outcomes)
    click.echo(f"\ncompared in {folder / 'comparison.json'}")


def _read(manifest: str, vary: Sequence[str], *, match: str | None, base: str | None) -> Ablations:
    from dataclasses import replace

    from curation.ablation_plan import grid, is_ablations_file, read_ablations

    if is_ablations_file(manifest):
        if vary:
            raise click.UsageError(f"{manifest} names its variants itself; leave out --vary, or name a manifest")
        read = read_ablations(manifest, base=base)
        return replace(read, match=match) if match else read
    if base is not None:
        raise click.UsageError(f"--base is for a file of ablations; {manifest} is a manifest")
    if not vary:
        raise click.UsageError("say what varies with --vary KEY=V1,V2, or name a file of ablations")
    return grid(manifest, vary, match=match)


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Print a line per variant: its size, tokens by kind, packs, time and what it reused."""
    from curation.cli.printing import format_cell, format_seconds, print_table

    kinds = sorted({kind for outcome in outcomes for kind in outcome.tokens_by_kind})
    head = ["variant", "samples", "tokens", *kinds, "image tokens", "packs", "fill", "mean video", "time", "reused"]
    rows = [
        [
            outcome.variant,
            f"{outcome.samples:,}",
            f"{outcome.tokens:,}",
            *(f"{outcome.tokens_by_kind.get(kind, 0):,}" for kind in kinds),
            f"{outcome.image_tokens:,}",
            f"{outcome.packs:,}",
            format_cell(outcome.fill, "fill"),
            "-" if outcome.video_seconds is None else f"{outcome.video_seconds:.1f} s",
            f"{outcome.seconds:.1f} s" if outcome.seconds < 60 else format_seconds(outcome.seconds),
            ", ".join(f"{each.stage} {each.reused}/{each.used}" for each in outcome.reuse),
        ]
        for outcome in outcomes
    ]
    print_table(head, rows, is_right=[False, *[True] * (len(head) - 2), False])
