"""Batches of packs for one rank of many, in an order that any number of ranks and workers can take up again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from curation.errors import BuildError
from curation.order import shuffle

if TYPE_CHECKING:
    from curation.builds import Build

_FINGERPRINT_DIGITS = 16


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
        self._build = build.fingerprint[:_FINGERPRINT_DIGITS]
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
        numbers = ([order.at(place) for place in range(begin, end)] for begin, end, _ in self._spans(start))
        batches = self._in_workers(numbers) if self._num_workers else map(self._batch, numbers)
        for (_, _, position), batch in zip(self._spans(start), batches, strict=True):
            self._go_to(epoch, position)
            yield batch

    def _spans(self, position: int) -> Iterator[tuple[int, int, int]]:
        """Give for each batch its first and last (exclusive) place in the common order, and where the step ends."""
        left = (len(self.packs) - position) // self.world_size
        while left:
            size = min(self.batch_size, left)
            begin = position + self.rank * size
            position, left = position + self.world_size * size, left - size
            yield begin, begin + size, position

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
        return {"build": self._build, "seed": self.seed, "epoch": self._epoch, "position": self._position}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state. Raises BuildError for one of another build or seed, or one that can't be."""
        missing = [key for key in ("build", "seed", "epoch", "position") if key not in state]
        if missing:
            raise BuildError(f"PackLoader: the state has no {', '.join(missing)}; it is not one of state_dict()")
        if state["build"] != self._build:
            raise BuildError(
                f"PackLoader: the state is of build {state['build']}, this is {self._build} "
                f"({self.packs.build.folder}); open the build that the run began with, or begin anew"
            )
        if state["seed"] != self.seed:
            raise BuildError(f"PackLoader: the state is of seed {state['seed']}, this is {self.seed}; use that seed")
        epoch, position = state["epoch"], state["position"]
        if not (isinstance(epoch, int) and isinstance(position, int) and epoch >= 0 <= position <= len(self.packs)):
            raise BuildError(
                f"PackLoader: epoch {epoch!r}, position {position!r} is no place among {len(self.packs)} packs"
            )
        self._go_to(epoch, position)


def _as_it_is(batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return batch
