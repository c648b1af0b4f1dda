"""Where a training run stands: a place in the common order of a build's packs, and the steps that led there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from curation.errors import BuildError
from curation.order import Step, shuffle

if TYPE_CHECKING:
    from curation.builds import Build

FINGERPRINT_DIGITS = 16  # of a build, that a state holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """After `position` packs of an epoch, in the order that (seed, epoch) gives; epochs count from 0."""

    seed: int
    epoch: int
    position: int


def read_position(state: Mapping[str, Any], build: Build, *, num_packs: int) -> Position:
    """Read what `PackLoader.state_dict()` returned. Raises BuildError for a state of another build or no state."""
    missing = [key for key in ("build", "seed", "epoch", "position") if key not in state]
    if missing:
        raise BuildError(f"PackLoader: the state has no {', '.join(missing)}; it is not one of state_dict()")
    own = build.fingerprint[:FINGERPRINT_DIGITS]
    if state["build"] != own:
        raise BuildError(
            f"PackLoader: the state is of build {state['build']}, this is {own} "
            f"({build.place}); open the build that the run began with, or begin anew"
        )
    seed, epoch, position = state["seed"], state["epoch"], state["position"]
    if not isinstance(seed, int):
        raise BuildError(f"PackLoader: seed {seed!r} is no whole number; the state is not one of state_dict()")
    if not (isinstance(epoch, int) and isinstance(position, int) and epoch >= 0 and 0 <= position <= num_packs):
        raise BuildError(f"PackLoader: epoch {epoch!r}, position {position!r} is no place among {num_packs} packs")
    return Position(seed=seed, epoch=epoch, position=position)


def position_after(num_packs: int, step: int, *, seed: int, batch_size: int, world_size: int) -> Position:
    """Return where a run stands after so many steps from its beginning; 0 is the beginning.

    Raises BuildError when the packs can't feed the ranks.
    """
    share = _share(num_packs, world_size)
    per_epoch = -(-share // batch_size)
    epoch, done = divmod(step, per_epoch)
    return Position(seed=seed, epoch=epoch, position=done * batch_size * world_size)


def step_before(num_packs: int, reached: Position, *, batch_size: int, world_size: int) -> tuple[int, Step]:
    """Return the step that ended at a position, and its epoch.

    Where an epoch has just begun, it is the last one of the epoch before. Raises BuildError for the run's beginning,
    and where so many ranks can't have ended a step.
    """
    epoch, end, share = reached.epoch, reached.position, _share(num_packs, world_size)
    if not end:
        if not epoch:
            raise BuildError("trace: epoch 0, position 0 is the beginning of the run; no step was taken before it")
        epoch, end = epoch - 1, share * world_size
        size = share % batch_size or batch_size
    else:
        size = min(batch_size, end // world_size)
    if not size:
        raise BuildError(
            f"trace: {end} packs are no step of {world_size} ranks; give the --world-size that the run had"
        )
    return epoch, Step(begin=end - size * world_size, end=end, size=size)


def packs_before(num_packs: int, reached: Position) -> list[int] | None:
    """Return the packs that a run has seen, in the order it saw them; None: all, as an epoch is over."""
    if reached.epoch:
        return None
    order = shuffle(num_packs, seed=reached.seed, epoch=0)
    return [order.at(place) for place in range(reached.position)]


def _share(num_packs: int, world_size: int) -> int:
    """Return how many packs of an epoch each rank gets."""
    if num_packs < world_size:
        raise BuildError(f"trace: {num_packs} packs can't feed {world_size} ranks; give the --world-size of the run")
    return num_packs // world_size
