"""The options that `build`, `plan` and `check` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
ENGINES = ("local", "ray", "slurm")


def work_options(command: Command) -> Command:
    """Add --workspace, --workers, --engine and --set."""
    for option in (
        click.option(
            "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a manifest key; repeatable."
        ),
        click.option(
            "--engine", type=click.Choice(ENGINES), default="local", show_default=True, help="Where tasks run."
        ),
        click.option("--workers", type=click.IntRange(min=1), help="Processes; default: one per core."),
        click.option(
            "--workspace", type=click.Path(), help="Folder for reusable work; default: .curation beside the manifest."
        ),
    ):
        command = option(command)
    return command
