"""Batches of packs for one rank of many, in an order that any number of ranks and workers can take up again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from curation.errors import BuildError
from curation.order import Step, shuffle, steps
from curation.position import FINGERPRINT_DIGITS, read_position

if TYPE_CHECKING:
    from curation.builds import Build


class PackLoader:
    """One rank's batches of a build's packs: an iterable of an epoch's rest; the next `for` begins the next epoch.

    All ranks walk one shuffled order of the packs, which depends on (seed, epoch) alone: step by step the next
    `batch_size` x `world_size` packs, each rank its share. Every rank gets the same number of packs; an epoch's last
    batch may be smaller, and at most `world_size` - 1 packs of an epoch are left out, others in each.

    A batch is a list of packs (`curation.reading.Packs`), or what `collate` makes of it. With `num_workers` it is made
    in processes of a torch DataLoader (`start_method`: fork, spawn, forkserver; default: torch's own).

    The state is the place in the common order after the last batch that was handed out, so what workers have
    prepared in advance is not counted, and another number of ranks, packs a batch or workers goes on from there.
    """

    def __init__(
        self,
        build: Build,
        batch_size: int,
        rank: int = 0,
        world_size: int = 1,
        seed: int = 0,
        *,
        collate: Callable[[list[dict[str, Any]]], Any] | None = None,
        num_workers: int = 0,
        start_method: str | None = None,
    ) -> None:
        if batch_size < 1 or world_size < 1 or not 0 <= rank < world_size:
            raise BuildError(
                f"PackLoader: batch_size {batch_size}, rank {rank}, world_size {world_size}; "
                "batch_size is at least 1 and rank is below world_size, counted from 0"
            )
        self.packs = build.packs()
        if len(self.packs) < world_size:
            raise BuildError(f"PackLoader: {len(self.packs)} packs can't feed {world_size} ranks; use at most as many")
        self.batch_size, self.rank, self.world_size, self.seed = batch_size, rank, world_size, seed
        self._collate = collate or _as_it_is
        self._num_workers, self._start_method = num_workers, start_method
        self._epoch = self._position = 0

    @property
    def epoch(self) -> int:
        """The epoch that the next batch is of, counted from 0."""
        return self._epoch

    def __len__(self) -> int:
        """Return how many batches are left in this epoch: all of them at its start."""
        return -(-((len(self.packs) - self._position) // self.world_size) // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        """Give the batches that are left in this epoch; with the last one the state moves to the next epoch."""
        epoch, start = self._epoch, self._position
        order = shuffle(len(self.packs), seed=self.seed, epoch=epoch)
        numbers = ([order.at(place) for place in step.share(self.rank)] for step in self._steps(start))
        batches = self._in_workers(numbers) if self._num_workers else map(self._batch, numbers)
        for step, batch in zip(self._steps(start), batches, strict=True):
            self._go_to(epoch, step.end)
            yield batch

    def _steps(self, position: int) -> Iterator[Step]:
        return steps(len(self.packs), position, batch_size=self.batch_size, world_size=self.world_size)

    def _go_to(self, epoch: int, position: int) -> None:
        is_over = len(self.packs) - position < self.world_size
        self._epoch, self._position = (epoch + 1, 0) if is_over else (epoch, position)

    def _batch(self, numbers: list[int]) -> Any:
        return self._collate([self.packs[number] for number in numbers])

    def _in_workers(self, numbers: Iterator[list[int]]) -> Iterator[Any]:
        from torch.utils.data import DataLoader

        return iter(
            DataLoader(
                self.packs,
                batch_sampler=numbers,
                collate_fn=self._collate,
                num_workers=self._num_workers,
                multiprocessing_context=self._start_method,
            )
        )

    def state_dict(self) -> dict[str, Any]:
        """Return where the loader stands, under 200 bytes of JSON: build, seed, epoch and packs done of it."""
        build = self.packs.build.fingerprint[:FINGERPRINT_DIGITS]
        return {"build": build, "seed": self.seed, "epoch": self._epoch, "position": self._position}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state. Raises BuildError for one of another build or seed, or one that can't be."""
        read = read_position(state, self.packs.build, num_packs=len(self.packs))
        if read.seed != self.seed:
            raise BuildError(f"PackLoader: the state is of seed {read.seed}, this is {self.seed}; use that seed")
        self._go_to(read.epoch, read.position)


def _as_it_is(batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return batch
