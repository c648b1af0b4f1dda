"""A plan as people read it: the tree of weights with counts and hashes, and what it will cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from curation.cli.printing import format_bytes, format_seconds, print_table

if TYPE_CHECKING:
    from curation.cost import Cost, Rate

HASH_DIGITS = 8
_HEAD = ("mixture", "asked", "realised", "samples", "tokens", "epochs", "hash")


def print_tree(rows: Sequence[Mapping[str, Any]], *, fingerprint: str, stages: Mapping[str, str]) -> None:
    """Print the nodes of the `mixture` table, in its order; the hash of a source is that of its encoded stage."""
    leaves = [row for row in rows if row["source"] is not None]
    totals = [f"{sum(row[unit] for row in leaves):,}" for unit in ("samples", "tokens")]
    cells = [["(all)", "", "", *totals, "", fingerprint[:HASH_DIGITS]]]
    cells += [
        [
            label,
            f"{100 * row['asked_share']:.2f} %",
            f"{100 * row['realised_share']:.2f} %",
            f"{row['samples']:,}",
            f"{row['tokens']:,}",
            f"{row['repeats']:.3g}",
            stages.get(row["source"] or "", "")[:HASH_DIGITS],
        ]
        for label, row in zip(tree_labels([row["path"] for row in rows]), rows, strict=True)
    ]
    print_table(_HEAD, cells, is_right=[False, *[True] * 5, False])


def tree_labels(paths: Sequence[str]) -> list[str]:
    """Draw the last names of paths as a tree; a node stands before what it holds.

    >>> tree_labels(["text", "text/a", "text/b", "docs"])
    ['├─ text', '│  ├─ a', '│  └─ b', '└─ docs']
    """
    return [_label(path, paths) for path in paths]


def _label(path: str, paths: Sequence[str]) -> str:
    names = path.split("/")
    label = ""
    for depth in range(1, len(names) + 1):
        parent = "/".join(names[: depth - 1])
        siblings = [each for each in paths if each.rpartition("/")[0] == parent]
        is_last = siblings[-1] == "/".join(names[:depth])
        if depth == len(names):
            label += "└─ " if is_last else "├─ "
        else:
            label += "   " if is_last else "│  "
    return label + names[-1]


def print_cost(cost: Cost, rates: Mapping[str, Rate]) -> None:
    """Print what a build and an epoch of training will take; a dash where nothing is known to tell by."""
    rows = [
        ["disk", f"{format_bytes(cost.shard_bytes)} of shards, {format_bytes(cost.index_bytes)} of index"],
        ["decode", f"{cost.frames:,} frames: {_time(cost.decode_seconds)}"],
        ["write", f"{cost.rows:,} rows: {_time(cost.write_seconds)}"],
        ["packs", f"{cost.packs:,}"],
        ["steps", "- (--batch-size)" if cost.steps is None else f"{cost.steps:,} an epoch"],
        ["GPU hours", "- (--tokens-per-second)" if cost.gpu_hours is None else f"{cost.gpu_hours:,.2f} an epoch"],
    ]
    print_table(["cost", "about"], rows)
    known = ", ".join(
        f"{stage} {_amount(rate)}/s" for stage, rate in sorted(rates.items()) if stage in ("decode", "write")
    )
    click.echo(f"rates of the last run: {known or 'none yet'}; frames that were decoded before are kept")


def _amount(rate: Rate) -> str:
    return format_bytes(rate.per_second) if rate.unit == "bytes" else f"{rate.per_second:,.0f} {rate.unit}"


def _time(seconds: float | None) -> str:
    return "- (no run to tell by)" if seconds is None else format_seconds(seconds)
