"""`curation peek`: the first samples of a source."""

from __future__ import annotations

from typing import Any

import click

from curation.cli.printing import one_line
from curation.records import Address, Drop, FrameFolder, Image, Sample, Text, Video
from curation.visible import visible


@click.command()
@click.argument("manifest", type=click.Path())
@click.argument("source")
@click.option("-n", "--count", type=click.IntRange(min=1), default=3, show_default=True, help="How many samples.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(manifest: str, source: str, count: int, as_json: bool) -> None:
    """Show the first samples of a source as the toolkit sees them.

    Rows that can't be read are shown with their reason.

    \b
    Example:
      curation peek manifest.yaml docs -n 5
    """
    from curation.checks import peek

    rows = peek(manifest, source, count)
    if as_json:
        from curation.cli.printing import print_json

        print_json([describe_row(row) for row in rows])
        return
    for number, row in enumerate(rows):
        if number:
            click.echo("")
        print_row(row)
    if not rows:
        click.echo(f"{source}: no rows")


def print_row(row: Sample | Drop) -> None:
    """Print a sample's turns with its media in their places, or a drop's reason."""
    described = describe_row(row)
    if isinstance(row, Drop):
        click.secho(one_line(f"{row.row_key}  dropped: {row.reason}"), bold=True)
        facts = {"measured": row.measured, "threshold": row.threshold, **row.detail}
        said = ", ".join(
            str(value) if name == "detail" else f"{name} {value}" for name, value in facts.items() if value is not None
        )
        if said:
            click.echo(one_line(f"  {said}"))
        return
    click.secho(one_line(row.row_key + (f"  (id {row.row_id})" if row.row_id else "")), bold=True)
    for turn in described["turns"]:
        body = "".join(part if isinstance(part, str) else f"[{_medium_line(part)}]" for part in turn["parts"])
        click.echo(f"  {turn['role']}: " + visible(body).replace("\n", "\n    "))
    for flag in row.flags:
        click.echo(f"  flag: {flag.reason}")
    for name, value in row.columns.items():
        click.echo(one_line(f"  {name} = {value}"))


def describe_row(row: Sample | Drop) -> dict[str, Any]:
    """Return a row as plain data; bytes become their length."""
    if isinstance(row, Drop):
        return {
            "row_key": row.row_key,
            "dropped": row.reason,
            "measured": row.measured,
            "threshold": row.threshold,
            "detail": dict(row.detail),
        }
    turns = [{"role": turn.role, "parts": [_describe_part(part) for part in turn.parts]} for turn in row.turns]
    return {
        "row_key": row.row_key,
        "row_id": row.row_id,
        "kind": row.kind,
        "turns": turns,
        "columns": dict(row.columns),
        "flags": [flag.reason for flag in row.flags],
    }


def _describe_part(part: Text | Image | Video) -> str | dict[str, Any]:
    if isinstance(part, Text):
        return part.text
    described: dict[str, Any] = {"type": "image" if isinstance(part, Image) else "video", "name": part.name}
    if isinstance(part, Video) and (part.start_seconds is not None or part.end_seconds is not None):
        described |= {"start_seconds": part.start_seconds, "end_seconds": part.end_seconds}
    return described | _describe_content(part.content)


def _describe_content(content: bytes | Address | FrameFolder) -> dict[str, Any]:
    if isinstance(content, bytes):
        return {"bytes": len(content)}
    if isinstance(content, FrameFolder):
        return {"frames": len(content.frames), "fps": content.fps, "path": content.path}
    return {"path": str(content)}


def _medium_line(part: dict[str, Any]) -> str:
    facts = [f"{key} {value}" for key, value in part.items() if key not in ("type", "name") and value not in (None, "")]
    return " ".join(
        [part["type"], *([part["name"]] if part["name"] else []), *([f"({', '.join(facts)})"] if facts else [])]
    )
