"""Packs: nothing lost, limits kept, well filled, even, nested."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import MixtureError
from curation.mixtures.completion import (
    Stock,
    best_fit_decreasing,
    complete,
    fewest_packs,
    num_packs,
    solve,
)
from curation.mixtures.evenness import pack_evenly
from curation.mixtures.packing import Packs, pack, pack_windows

Lengths = npt.NDArray[np.int32]
SAMPLES = st.lists(st.tuples(st.integers(1, 64), st.integers(0, 12)), max_size=120)


def check(lengths: npt.NDArray[Any], packs: Packs, *, context: int) -> None:
    """Assert what holds for all packs: each sample once, within the context, in order, offsets without a gap."""
    assert len(packs.pack) == len(packs.position) == len(packs.offset) == len(lengths)
    assert sorted(set(packs.pack.tolist())) == list(range(packs.num_packs))
    ends: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    for number, position, offset, length in zip(packs.pack, packs.position, packs.offset, lengths, strict=True):
        assert (position, offset) == (sizes[number], ends[number])  # samples come in mixture order
        sizes[number] += 1
        ends[number] += int(length)
    assert max(ends.values(), default=0) <= context


def mixed_lengths(count: int) -> Lengths:
    drawn = np.random.default_rng(1).lognormal(np.log(900), 1.0, count)
    return np.clip(drawn, 1, 8192).astype(np.int32)


def fill(lengths: npt.NDArray[Any], packs: Packs, context: int) -> float:
    return float(lengths.sum() / (packs.num_packs * context))


@given(SAMPLES, st.sampled_from([None, 12, 20]), st.integers(1, 50), st.sampled_from(["best", "none"]))
def test_packing_loses_and_repeats_nothing(samples: Any, max_tiles: int | None, window: int, strategy: Any) -> None:
    lengths = np.array([length for length, _ in samples], dtype=np.int32)
    tiles = np.array([tiles for _, tiles in samples], dtype=np.int32)
    found = pack(lengths, context=64, tiles=tiles, max_tiles=max_tiles, window=window, strategy=strategy)
    check(lengths, found, context=64)
    if max_tiles is not None and len(lengths):
        assert np.bincount(found.pack, weights=tiles).max() <= max_tiles
    if strategy == "none":
        assert found.num_packs == len(lengths)


@given(st.lists(st.integers(0, 6), min_size=40, max_size=40))
def test_solve_uses_every_length_and_is_never_worse_than_best_fit_decreasing(counts: list[int]) -> None:
    counts = [0, *counts]
    found = solve(counts, 40)
    used = Counter(dict.fromkeys(range(41), 0))
    for pattern in found:
        assert sum(pattern.lengths) <= 40
        for length in pattern.lengths:
            used[length] += pattern.times
    assert [used[length] for length in range(41)] == counts
    assert fewest_packs(counts, 40) <= num_packs(found) <= num_packs(best_fit_decreasing(counts, 40))


def test_the_bound_counts_samples_that_can_not_share() -> None:
    assert fewest_packs([0] * 6 + [5] + [0] * 4, 10) == 5  # five of 6: 30 tokens would fit three packs, yet none pairs
    assert fewest_packs([0, 0, 0, 4] + [0] * 7, 10) == 2  # four of 3: 12 tokens


@given(st.lists(st.integers(0, 2), min_size=31, max_size=31), st.integers(2, 30))
def test_a_pair_is_found_exactly_when_there_is_one(counts: list[int], room: int) -> None:
    counts[0] = 0
    pairs = {(x, room - x) for x in range(1, room) if counts[x] and counts[room - x] > (2 * x == room)}
    found = Stock(counts, 30).pair(room)
    assert found in pairs if pairs else found == ()


def test_exact_completion_beats_best_fit_where_only_sums_help() -> None:
    counts = np.bincount([2, 2, 3, 4, 4, 5], minlength=11).tolist()  # 5+3+2 and 4+4+2; best fit begins 5+4, 4+3+2
    assert num_packs(complete(counts, 10)) == 2
    assert num_packs(best_fit_decreasing(counts, 10)) == 3


def test_samples_of_one_length_fill_places_in_mixture_order() -> None:
    found = pack(np.array([5, 5, 5, 5], dtype=np.int32), context=10)
    assert found.pack.tolist() == [0, 0, 1, 1]
    assert found.position.tolist() == [0, 1, 0, 1] and found.offset.tolist() == [0, 5, 0, 5]


def test_packs_are_numbered_by_the_place_of_their_longest_sample() -> None:
    found = pack(np.array([1, 9, 2, 8], dtype=np.int32), context=10)
    assert found.pack.tolist() == [0, 0, 1, 1]
    found = pack(np.array([2, 9, 1, 8], dtype=np.int32), context=10)
    assert found.pack.tolist() == [1, 0, 0, 1]


def test_document_lengths_fill_99_5_percent_at_4096(real_data: Path) -> None:
    with gzip.open(real_data / "real" / "lengths-documents" / "lengths.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    order = np.random.default_rng(0).permutation(len(rows))
    lengths = np.array([int(row["tokens"]) for row in rows], dtype=np.int32)[order]
    tiles = np.array([int(row["tiles"]) for row in rows], dtype=np.int32)[order]
    found = pack(lengths, context=4096, tiles=tiles, max_tiles=16)
    check(lengths, found, context=4096)
    assert fill(lengths, found, 4096) >= 0.995
    keys = (np.arange(len(lengths)) + 0.5) / len(lengths)
    banded = pack(lengths, context=4096, order_keys=keys)
    assert len(banded.bands) >= 6
    assert fill(lengths, found, 4096) - fill(lengths, banded, 4096) < 0.002


def test_mixed_lengths_fill_99_9_percent_at_8192_with_and_without_bands() -> None:
    lengths = mixed_lengths(30_000)
    whole = pack(lengths, context=8192)
    keys = (np.arange(len(lengths)) + 0.5) / len(lengths)
    banded = pack(lengths, context=8192, order_keys=keys)
    assert fill(lengths, whole, 8192) >= 0.999
    assert fill(lengths, whole, 8192) - fill(lengths, banded, 8192) < 0.002


def test_every_power_of_a_half_is_a_prefix_of_packs() -> None:
    lengths = mixed_lengths(20_000)
    keys = np.sort(np.random.default_rng(2).random(len(lengths)))
    found = pack(lengths, context=8192, order_keys=keys)
    check(lengths, found, context=8192)
    assert [share for share, _ in found.bands] == [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0]
    for share, packs in found.bands:
        assert set(found.pack[keys < share].tolist()) == set(range(packs))


def test_a_few_packs_stay_in_one_band() -> None:
    lengths = np.full(100, 100, dtype=np.int32)
    assert pack(lengths, context=1000, order_keys=(np.arange(100) + 0.5) / 100).bands == ((1.0, 10),)


def test_packs_have_even_tiles_where_lengths_alone_do_not_make_them_so() -> None:
    rng = np.random.default_rng(5)
    tiles = np.where(rng.random(12_000) < 0.4, 0, rng.choice([1, 5, 7, 10, 13, 17], 12_000)).astype(np.int32)
    text = np.where(tiles > 0, rng.lognormal(4.5, 0.8, 12_000), rng.lognormal(5.5, 0.8, 12_000)).clip(5, 6000)
    lengths = (tiles * 64 + text).astype(np.int32)

    def spread(found: Packs) -> float:
        loads = np.bincount(found.pack, weights=tiles)
        return float(np.quantile(loads, 0.99) / np.median(loads))

    by_length = pack(lengths, context=8192)
    even = pack(lengths, context=8192, tiles=tiles, max_tiles=128)
    check(lengths, even, context=8192)
    assert spread(by_length) > 1.25 and spread(even) <= 1.15
    assert fill(lengths, even, 8192) >= 0.998


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9)), min_size=1, max_size=60))
def test_two_limits_hold_together(samples: list[tuple[int, int]]) -> None:
    lengths, tiles = (np.array(column, dtype=np.int64) for column in zip(*samples, strict=True))
    packs = pack_evenly(lengths, tiles, context=30, max_tiles=9)
    assert (packs >= 0).all()
    assert np.bincount(packs, weights=lengths).max() <= 30 and np.bincount(packs, weights=tiles).max() <= 9


def test_a_sample_with_more_tiles_than_allowed_stands_alone_and_is_reported() -> None:
    lengths, tiles = np.array([10, 50, 10], dtype=np.int32), np.array([1, 9, 1], dtype=np.int32)
    found = pack(lengths, context=100, tiles=tiles, max_tiles=4)
    assert found.oversized.tolist() == [1]
    assert found.pack[0] == found.pack[2] != found.pack[1]


def test_occurrences_of_one_sample_may_share_a_pack() -> None:
    assert pack(np.array([5, 5], dtype=np.int32), context=10).num_packs == 1


def test_windows_yield_what_pack_returns_and_read_a_mapped_file(tmp_path: Path) -> None:
    lengths = mixed_lengths(5_000)
    np.save(tmp_path / "lengths.npy", lengths)
    mapped = np.load(tmp_path / "lengths.npy", mmap_mode="r")
    windows = list(pack_windows(mapped, context=8192, window=1000))
    found = pack(lengths, context=8192, window=1000)
    assert [len(window.pack) for window in windows] == [1000] * 5
    assert np.concatenate([window.pack for window in windows]).tolist() == found.pack.tolist()


def test_the_same_lengths_give_the_same_packs() -> None:
    lengths = mixed_lengths(3_000)
    assert pack(lengths, context=8192).pack.tolist() == pack(lengths, context=8192).pack.tolist()


@pytest.mark.parametrize("length", [0, 65])
def test_a_length_that_can_not_be_packed_is_refused_with_its_place(length: int) -> None:
    with pytest.raises(MixtureError, match=rf"sample 1 of the order has {length} tokens and the context is 64"):
        pack(np.array([3, length], dtype=np.int32), context=64)


def test_nothing_packs_into_no_packs() -> None:
    found = pack(np.empty(0, dtype=np.int32), context=64)
    assert (found.num_packs, found.bands) == (0, ((1.0, 0),))


def test_where_tiles_run_out_first_packs_are_filled_with_tiles() -> None:
    tiles = np.array([5, 5, 3] * 40, dtype=np.int32)  # 40 packs of 13 tiles and a third of the tokens
    lengths = (tiles * 10 + 3).astype(np.int32)
    assert pack(lengths, context=500, tiles=tiles, max_tiles=13).num_packs == 40
