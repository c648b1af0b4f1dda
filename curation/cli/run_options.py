"""The options of `trace` and `splice` that say where a training run stood."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from curation.errors import BuildError

if TYPE_CHECKING:
    from curation.builds import Build
    from curation.position import Position

Command = TypeVar("Command", bound=Callable[..., Any])


def position_options(command: Command) -> Command:
    """Add --step, --seed, --batch-size and --world-size."""
    for option in (
        click.option(
            "--world-size", type=click.IntRange(min=1), default=1, show_default=True, help="Ranks that the run had."
        ),
        click.option(
            "--batch-size",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            help="Packs that a rank took in a step.",
        ),
        click.option("--seed", type=int, default=0, show_default=True, help="The loader's seed; for --step."),
        click.option(
            "--step", type=click.IntRange(min=1), metavar="N", help="The run's Nth step, instead of its state."
        ),
    ):
        command = option(command)
    return command


def read_reached(
    build: Build, state: str | None, *, step: int | None, seed: int, batch_size: int, world_size: int
) -> Position:
    """Return where a run stood, from its loader's state or the number of its last step; wrong usage with both or none.

    Raises BuildError when the state is of another build, or the packs can't feed the ranks.
    """
    from curation.position import position_after, read_position
    from curation.trace import count_packs

    if (state is None) == (step is None):
        raise click.UsageError("say where the run stood: with the loader's state, or with --step N")
    num_packs = count_packs(build)
    if state is not None:
        return read_position(read_state(state), build, num_packs=num_packs)
    return position_after(num_packs, step or 0, seed=seed, batch_size=batch_size, world_size=world_size)


def read_state(given: str) -> Mapping[str, Any]:
    """Read a loader's state: JSON, the path of a file with it, or `-` for stdin."""
    text, where = given, "the state"
    if given == "-":
        text, where = sys.stdin.read(), "stdin"
    elif not given.lstrip().startswith("{"):
        where = given
        try:
            text = Path(given).read_text("utf-8")
        except (OSError, ValueError) as err:
            reason = getattr(err, "strerror", None) or "is no text"
            raise BuildError(f"{given}: {reason}; give the JSON of PackLoader.state_dict() or a file with it") from err
    try:
        read = json.loads(text)
    except ValueError as err:
        raise BuildError(f"{where}: is no JSON ({err}); write json.dumps(loader.state_dict()) there") from err
    if not isinstance(read, dict):
        raise BuildError(
            f"{where}: {text.strip()[:40]!r} is no JSON object; write json.dumps(loader.state_dict()) there"
        )
    return read
