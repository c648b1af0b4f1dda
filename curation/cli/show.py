"""`curation show`: one pack or sample in the terminal."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from curation.cli.printing import format_bytes
from curation.cli.side_by_side import MIN_WIDTH, rows_beside
from curation.visible import visible

if TYPE_CHECKING:
    from curation.evidence import Match
    from curation.show import ShownPack, ShownSample, Span


@click.command()
@click.argument("build", type=click.Path())
@click.argument("pack_or_sample")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", "as_html", is_flag=True, help="Print an HTML page with the pictures.")
def command(build: str, pack_or_sample: str, as_json: bool, as_html: bool) -> None:
    """Show one pack or sample: its text, its media, where it comes from.

    A number is a pack, anything else a sample_id. Trained text is green on a terminal and stands in «…» elsewhere.
    A sample that a filter matched with another stands beside it, both read from their sources again; ≠ is where they
    differ.

    \b
    Examples:
      curation show builds/small 0
      curation show builds/small docs/train-00000-of-00002.parquet:17
      curation show builds/small 0 --html > pack.html
    """
    if as_json and as_html:
        raise click.UsageError("--json or --html, not both")
    from curation.builds import open_build
    from curation.cli.printing import print_json
    from curation.show import ShownPack, show

    opened = open_build(build)
    shown = show(opened, pack_or_sample)
    if as_html:
        from curation.report import shown_page

        click.echo(shown_page(opened, shown), nl=False)
    elif as_json:
        print_json(asdict(shown))
    elif isinstance(shown, ShownPack):
        print_pack(shown)
    else:
        print_sample(shown)


def print_pack(shown: ShownPack) -> None:
    """Print a pack's samples with a line at each boundary."""
    fill = 100 * shown.tokens / shown.context
    head = f"pack {shown.pack}: {shown.tokens} of {shown.context} tokens ({fill:.1f} %), {len(shown.samples)} samples"
    click.secho(head, bold=True)
    for place, sample in zip(shown.places, shown.samples, strict=True):
        end = place["offset"] + place["length"]
        click.secho(f"\n──── position {place['position']}, tokens {place['offset']} to {end} ────", fg="cyan")
        print_sample(sample)


def print_sample(shown: ShownSample) -> None:
    """Print a sample: a head line, lineage, media, what the ledger says, and its text."""
    sample = shown.sample
    click.secho(visible(sample["sample_id"]), bold=True)
    click.echo(f"  {state_line(shown)}")
    lineage = {name: value for name, value in shown.lineage.items() if value not in (None, "")}
    click.echo("  " + visible(", ".join(f"{name} {value}" for name, value in lineage.items())))
    for medium in shown.media:
        click.echo(f"  {medium_line(medium)}")
    for row in shown.ledger:
        click.echo(f"  {ledger_line(row)}")
    for match in shown.matches:
        for line in side_by_side(match, width=max(shutil.get_terminal_size((120, 24)).columns, MIN_WIDTH)):
            click.echo(f"  {line}")
    if shown.spans:
        click.echo(mark(shown.spans, is_terminal=sys.stdout.isatty()))


def state_line(shown: ShownSample) -> str:
    """Say what became of a sample: its lengths and packs, or why it is not in the mixture."""
    sample = shown.sample
    if sample["selected"]:
        packs = ", ".join(str(place["pack"]) for place in shown.packs[:8]) + ("…" if len(shown.packs) > 8 else "")
        lengths = f"{sample['tokens']} tokens ({sample['image_tokens']} image, {sample['loss_tokens']} trained)"
        return f"{sample['kind']}, {lengths}, {sample['turns']} turns, in pack {packs or '-'}"
    by = f" by {sample['dropped_by']}" if sample["dropped_by"] else ""
    return f"{sample['kind']}, not selected: {sample['drop_reason']}{by}"


def medium_line(medium: dict[str, Any]) -> str:
    """Describe a medium in one line: type, size, tiles or frames, tokens, where its bytes are."""
    facts = [f"{medium['type']} {medium['position']}"]
    if medium["width"] and medium["height"]:
        facts.append(f"{medium['width']}x{medium['height']}")
    if medium["bytes"] is not None:
        facts.append(format_bytes(medium["bytes"]))
    if tiles := medium.get("tiles"):
        facts.append(f"{tiles[0]}x{tiles[1]} tiles and the whole" if any(tiles) else "not split")
    if medium["duration_seconds"] is not None:
        facts.append(f"{medium['duration_seconds']:.2f} s")
    if frames := medium.get("frame_seconds"):
        ends = frames[0] if len(frames) == 1 else f"{frames[0]} … {frames[-1]}"
        facts.append(f"{len(frames)} frames at {ends} s")
    if medium["tokens"] is not None:
        facts.append(f"{medium['tokens']} tokens")
    return visible(", ".join([*facts, medium["uri"] or medium["media_id"] or ""]))


def ledger_line(row: dict[str, Any]) -> str:
    """Describe a decision in one line."""
    line = f"{row['action']}: {row['reason']} ({row['filter'] or row['stage']})"
    if row["measured"] is not None:
        line += f", measured {row['measured']:g}"
    if row["threshold"] is not None:
        line += f", threshold {row['threshold']:g}"
    if row["evidence_sample_id"]:
        line += f", against {row['evidence_sample_id']}"
    if row["detail"] and json.loads(row["detail"]):
        line += f", {row['detail']}"
    return visible(line)


def side_by_side(match: Match, *, width: int) -> list[str]:
    """Return the lines of a match: the decision, then the sample on the left and its evidence on the right."""
    sides = match.sample, match.evidence
    lines = [f"──── {ledger_line(dict(match.row))[: width - 5]}"]
    heads = ([visible(side.name), visible(side.state), *map(medium_line, side.media)] for side in sides)
    lines += rows_beside(*heads, width=width)
    for left, right in zip_longest(sides[0].turns, sides[1].turns, fillvalue=("", "")):
        pair = ([f"{role}: {visible(text)}" if role else ""] for role, text in (left, right))
        lines += rows_beside(*pair, width=width)
    problems = [f"the words of {side.name} can't be shown: {visible(side.problem)}" for side in sides if side.problem]
    return lines + problems


def mark(spans: tuple[Span, ...], *, is_terminal: bool) -> str:
    """Join spans into text, trained parts marked: green on a terminal, in «…» elsewhere."""
    pieces: list[str] = []
    was_trained = False
    for span in spans:
        text = visible(span.text)
        if is_terminal:
            pieces.append(click.style(text, fg="green" if span.is_trained else None, dim=span.is_control))
        else:
            pieces.append(("«" if span.is_trained else "»") * (span.is_trained != was_trained) + text)
        was_trained = span.is_trained
    return "".join(pieces) + ("»" if was_trained and not is_terminal else "")
