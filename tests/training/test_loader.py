"""One common order for all ranks: exact counts, exact resumption with other ranks, batches and workers."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curation
from curation.builds import Build
from curation.errors import BuildError
from curation.order import shuffle
from curation.training import PackLoader
from tests.corpora import write_llava
from tests.training.requirements import required

NUM_PACKS = 23
MANIFEST = """
version: 1
name: loader
profile: smolvlm2-256m
tokenizer: bytes
sources: {pictures: {adapter: llava, uri: rows.json, media: images}}
mixture: {unit: samples, weights: {pictures: natural}}
packing: {strategy: none}
output: {path: build}
"""


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build 23 packs of one sample each: no number of ranks below divides them."""
    folder = tmp_path_factory.mktemp("loader")
    write_llava(folder, num_rows=NUM_PACKS)
    (folder / "manifest.yaml").write_text(MANIFEST)
    return curation.build(folder / "manifest.yaml", workers=1)


def numbers_of(batch: list[dict[str, Any]]) -> list[int]:
    """Tell packs by their one sample."""
    return [int(pack["sample_ids"][0].rpartition(":")[2].rpartition("/")[2]) for pack in batch]


def common_order(build: Build, *, seed: int, epoch: int) -> list[int]:
    packs = build.packs()
    order = shuffle(len(packs), seed=seed, epoch=epoch)
    return [numbers_of([packs[order.at(place)]])[0] for place in range(len(packs))]


def ranks(build: Build, batch_size: int, world_size: int, *, seed: int = 1) -> list[PackLoader]:
    return [PackLoader(build, batch_size, rank, world_size, seed) for rank in range(world_size)]


def stepped(loaders: list[PackLoader], num_steps: int | None = None) -> list[int]:
    """Run the ranks side by side; return the packs in the common order."""
    seen: list[int] = []
    steps = min(len(loaders[0]) if num_steps is None else num_steps, len(loaders[0]))
    for batches in [step for _, step in zip(range(steps), zip(*loaders, strict=True), strict=False)]:
        seen += [number for batch in batches for number in numbers_of(batch)]
    return seen


@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_every_rank_gets_as_many_batches_and_packs_as_len_says(build: Build, batch_size: int, world_size: int) -> None:
    share = NUM_PACKS // world_size
    for loader in ranks(build, batch_size, world_size):
        length = len(loader)
        batches = list(loader)
        assert len(batches) == length == -(-share // batch_size)
        assert sum(len(batch) for batch in batches) == share
        assert all(len(batch) == batch_size for batch in batches[:-1])


@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
def test_the_ranks_together_walk_the_common_order(build: Build, world_size: int) -> None:
    loaders = ranks(build, 2, world_size)
    for epoch in (0, 1):
        whole = common_order(build, seed=1, epoch=epoch)
        assert stepped(loaders) == whole[: NUM_PACKS // world_size * world_size]
    assert {loader.epoch for loader in loaders} == {2}


Runs = st.tuples(st.integers(1, 4), st.integers(1, 5))


@given(Runs, Runs, st.integers(0, 12))
@settings(max_examples=30, deadline=None)
def test_a_run_goes_on_exactly_with_other_ranks_and_batches(
    build: Build, first: tuple[int, int], second: tuple[int, int], steps: int
) -> None:
    before = ranks(build, *first)
    seen = stepped(before, steps)
    states = [loader.state_dict() for loader in before]
    assert all(state == states[0] for state in states), "any rank's state is every rank's"
    after = ranks(build, *second)
    for loader in after:
        loader.load_state_dict(json.loads(json.dumps(states[0])))
    if states[0]["epoch"] == 0 and after[0].epoch == 0:
        remaining = common_order(build, seed=1, epoch=0)[len(seen) :]
        assert stepped(after) == remaining[: len(remaining) // second[1] * second[1]]
    else:
        assert NUM_PACKS - len(seen) < max(first[1], second[1])
        assert stepped(after, 1) == common_order(build, seed=1, epoch=1)[: first_step(second)]


def first_step(run: tuple[int, int]) -> int:
    return min(run[0], NUM_PACKS // run[1]) * run[1]


def test_a_broken_off_epoch_goes_on_where_it_was(build: Build) -> None:
    loader = PackLoader(build, 2, seed=1)
    first = [numbers_of(batch) for _, batch in zip(range(3), loader, strict=False)]
    assert len(loader) == 9
    rest = [numbers_of(batch) for batch in loader]
    assert [number for batch in [*first, *rest] for number in batch] == common_order(build, seed=1, epoch=0)


def test_a_state_is_short_and_says_where_it_is_from(build: Build) -> None:
    loader = PackLoader(build, 2, 1, 3, 2**62)
    loader.load_state_dict(loader.state_dict() | {"epoch": 10**9, "position": 20})
    text = json.dumps(loader.state_dict())
    assert len(text) <= 200
    assert build.fingerprint[:16] in text


def test_a_state_of_another_build_or_seed_is_refused(build: Build) -> None:
    loader = PackLoader(build, 2, seed=1)
    other = PackLoader(replace(build, fingerprint="f" * 64), 2, seed=1)
    with pytest.raises(BuildError, match=f"the state is of build ffffffffffffffff, this is {build.fingerprint[:16]}"):
        loader.load_state_dict(other.state_dict())
    with pytest.raises(BuildError, match="the state is of seed 2, this is 1; use that seed"):
        loader.load_state_dict(PackLoader(build, 2, seed=2).state_dict())
    with pytest.raises(BuildError, match="no place among 23 packs"):
        loader.load_state_dict(loader.state_dict() | {"position": 24})
    with pytest.raises(BuildError, match="the state has no build, position"):
        loader.load_state_dict({"seed": 1, "epoch": 0})
    assert loader.state_dict()["position"] == 0


@pytest.mark.parametrize(("batch_size", "rank", "world_size"), [(0, 0, 1), (1, 1, 1), (1, -1, 2), (1, 0, 0)])
def test_impossible_ranks_are_refused(build: Build, batch_size: int, rank: int, world_size: int) -> None:
    with pytest.raises(BuildError, match="batch_size is at least 1 and rank is below world_size"):
        PackLoader(build, batch_size, rank, world_size, 0)


def test_more_ranks_than_packs_are_refused(build: Build) -> None:
    with pytest.raises(BuildError, match="23 packs can't feed 24 ranks"):
        PackLoader(build, 1, 0, 24, 0)


def test_a_batch_may_be_made_into_anything(build: Build) -> None:
    assert next(iter(PackLoader(build, 4, collate=len))) == 4


def test_resuming_reads_no_packs_before(build: Build) -> None:
    loader = PackLoader(build, 1, seed=1)
    state = loader.state_dict() | {"position": 20}
    begin = time.perf_counter()
    again = PackLoader(build, 1, seed=1)
    again.load_state_dict(state)
    first = numbers_of(next(iter(again)))
    assert time.perf_counter() - begin < 1.0, "50 ms on a quiet machine; benchmarks/loader.py prints it"
    assert first == [common_order(build, seed=1, epoch=0)[20]]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_give_the_same_batches_and_do_not_run_ahead_of_the_state(build: Build, method: str) -> None:
    required("torch")
    alone = PackLoader(build, 2, 0, 2, 1)
    loader = PackLoader(build, 2, 0, 2, 1, num_workers=2, start_method=method)
    assert len(loader) == len(alone)
    for ours, theirs in zip(loader, alone, strict=True):
        assert numbers_of(ours) == numbers_of(theirs)
        assert ours[0]["images"][0].size == theirs[0]["images"][0].size
        assert loader.state_dict() == alone.state_dict()


@pytest.mark.slow
def test_an_error_in_a_worker_still_names_the_pack(build: Build, tmp_path: Path) -> None:
    required("torch")
    broken = replace(build, folder=tmp_path / "moved")
    (tmp_path / "moved").symlink_to(build.folder)
    loader = PackLoader(broken, 1, num_workers=1, start_method="fork")
    (tmp_path / "moved").unlink()
    (tmp_path / "moved").mkdir()
    for name in ("build.json", "index"):
        (tmp_path / "moved" / name).symlink_to(build.folder / name)
    with pytest.raises(BuildError, match=r"pack \d+, sample pictures/.* of source pictures, row \d+ of .*shard-00000"):
        next(iter(loader))
