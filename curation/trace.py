"""Which samples a training step saw: from the loader's state, or from the number of the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from curation.errors import BuildError
from curation.order import shuffle
from curation.position import Position, step_before

if TYPE_CHECKING:
    from curation.builds import Build

_SAMPLES = """
    select packs.pack, packs.position, sample_id, samples.source, samples.kind, samples.row_key, packs.repeat,
        packs.length as tokens, samples.loss_tokens, shards.path as shard, packs.shard_row
    from packs join samples using (sample_id) left join shards on shards.shard = packs.shard
    where packs.pack in ({packs})
    order by packs.pack, packs.position
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedPack:
    """A pack that a rank took, and its samples in order: where each came from and where it lies."""

    rank: int
    pack: int
    samples: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedStep:
    """A step: its epoch, the places of its order that it took (`end` exclusive), and the packs that lie there."""

    epoch: int
    begin: int
    end: int
    packs: tuple[TracedPack, ...]


def count_packs(build: Build) -> int:
    """Return how many packs a build has. Raises BuildError for none."""
    counted = int(build.sql("select coalesce(max(pack) + 1, 0) from packs").item())
    if not counted:
        raise BuildError(f"{build.place}: has no packs, so no step saw any")
    return counted


def trace(
    build: Build,
    reached: Position,
    *,
    batch_size: int = 1,
    world_size: int = 1,
    rank: int | None = None,
    last: int = 1,
) -> list[TracedStep]:
    """Return the steps that ended at a position: the `last` so many, the earliest first.

    `batch_size` is packs a rank and step. `rank` None: of all ranks. Reads the index alone. Raises BuildError when
    the run had taken fewer steps, or such steps can't end there.
    """
    if batch_size < 1 or last < 1 or not 0 <= (rank or 0) < world_size:
        raise BuildError(
            f"trace: batch size {batch_size}, {last} steps, rank {rank} of {world_size}; ranks count from 0, and the "
            "others from 1"
        )
    num_packs = count_packs(build)
    taken = []
    for _ in range(last):
        epoch, step = step_before(num_packs, reached, batch_size=batch_size, world_size=world_size)
        order = shuffle(num_packs, seed=reached.seed, epoch=epoch)
        ranks = range(world_size) if rank is None else (rank,)
        packs = [(each, order.at(place)) for each in ranks for place in step.share(each)]
        taken.append((epoch, step, packs))
        reached = Position(seed=reached.seed, epoch=epoch, position=step.begin)
    samples = _samples(build, [pack for _, _, packs in taken for _, pack in packs])
    return [
        TracedStep(
            epoch=epoch,
            begin=step.begin,
            end=step.end,
            packs=tuple(TracedPack(rank=each, pack=pack, samples=tuple(samples[pack])) for each, pack in packs),
        )
        for epoch, step, packs in reversed(taken)
    ]


def _samples(build: Build, packs: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {pack: [] for pack in packs}
    for row in build.sql(_SAMPLES.format(packs=", ".join(map(str, sorted(found))))).iter_rows(named=True):
        found[row.pop("pack")].append(row)
    return found
