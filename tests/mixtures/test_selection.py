"""Who is in a mixture, how often, in what order, and in which shard."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import MixtureError
from curation.manifests import Manifest
from curation.mixtures.candidates import Candidates
from curation.mixtures.selection import Selection, place_in_shards, select
from tests.mixtures.synthetic import candidates_of, manifest_of

CONTEXT = 100


@pytest.fixture(scope="module")
def natural(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manifest]:
    """Give a manifest of two sources in proportion to their size."""
    yield manifest_of(tmp_path_factory.mktemp("natural"), ("a", "b"))


def _names(candidates: Candidates, positions: np.ndarray) -> list[str]:
    return [
        f"{candidates.sources[candidates.source[position]]}/{position - candidates.starts[candidates.source[position]]}"
        for position in positions.tolist()
    ]


def _selected(candidates: Candidates, manifest: Manifest) -> list[str]:
    return _names(candidates, np.flatnonzero(select(candidates, manifest, context=CONTEXT).repeats))


def test_every_kept_sample_is_in_once_when_nothing_is_asked(natural: Manifest) -> None:
    candidates = candidates_of({"a": [10] * 7, "b": [30, 100, 1]}, dropped=["a/3", "b/0"])
    selection = select(candidates, natural, context=CONTEXT)
    assert sorted(_names(candidates, selection.order)) == ["a/0", "a/1", "a/2", "a/4", "a/5", "a/6", "b/1", "b/2"]
    assert selection.repeats.tolist() == [1, 1, 1, 0, 1, 1, 1, 0, 1, 1]
    assert (selection.repeat == 0).all()


@given(
    st.lists(st.integers(1, CONTEXT), min_size=1, max_size=60),
    st.lists(st.integers(1, CONTEXT), min_size=1, max_size=60),
)
def test_packs_hold_whole_samples_without_gaps_within_the_context(
    natural: Manifest, first: list[int], second: list[int]
) -> None:
    candidates = candidates_of({"a": first, "b": second})
    selection = select(candidates, natural, context=CONTEXT)
    lengths = candidates.amounts["tokens"][selection.order]
    assert (np.diff(selection.pack) >= 0).all() and selection.pack[0] == 0 and (np.diff(selection.pack) <= 1).all()
    for pack in range(int(selection.pack[-1]) + 1):
        inside = selection.pack == pack
        assert selection.position[inside].tolist() == list(range(inside.sum()))
        assert selection.offset[inside].tolist() == [0, *np.cumsum(lengths[inside])[:-1]]
        assert lengths[inside].sum() <= CONTEXT
    assert np.bincount(selection.order, minlength=len(candidates)).tolist() == selection.repeats.tolist()


def test_repeats_of_a_source_differ_by_one_at_most_and_go_to_the_smallest_ranks(tmp_path: Path) -> None:
    more = "mixture: {unit: samples, budget: 60, max_repeats: 5, weights: {a: 2, b: 1}}"
    candidates = candidates_of({"a": [9] * 15, "b": [9] * 30})
    selection = select(candidates, manifest_of(tmp_path, ("a", "b"), more), context=CONTEXT)
    repeats = selection.repeats[:15]
    assert selection.repeats[:15].sum() == 40 and selection.repeats[15:].sum() == 20
    assert set(repeats.tolist()) == {2, 3} and selection.repeats[15:].max() == 1
    assert candidates.rank[:15][repeats == 3].max() < candidates.rank[:15][repeats == 2].min()
    for position in range(15):
        numbers = selection.repeat[selection.order == position]
        assert numbers.tolist() == list(range(len(numbers)))


def test_a_smaller_budget_takes_a_part_of_what_a_larger_one_takes(tmp_path: Path) -> None:
    candidates = candidates_of({"a": [5, 20, 40] * 20, "b": [50, 3] * 25})
    taken = []
    for budget in (10, 30, 60):
        more = f"mixture: {{unit: samples, budget: {budget}, weights: {{a: 1, b: 1}}}}"
        taken.append(set(_selected(candidates, manifest_of(tmp_path, ("a", "b"), more))))
    assert taken[0] < taken[1] < taken[2] and [len(names) for names in taken] == [10, 30, 60]


def test_another_source_changes_nothing_of_what_the_others_give(tmp_path: Path) -> None:
    lengths = {"a": [7] * 40, "b": [9] * 40}
    more = "mixture: {unit: samples, budget: 20, weights: {a: 1, b: 1}}"
    both = _selected(candidates_of(lengths), manifest_of(tmp_path, ("a", "b"), more))
    more = "mixture: {unit: samples, budget: 30, weights: {new: 1, a: 1, b: 1}}"
    three = _selected(candidates_of({"new": [5] * 40} | lengths), manifest_of(tmp_path, ("new", "a", "b"), more))
    assert [name for name in three if not name.startswith("new/")] == both


@pytest.mark.parametrize("unit", ["samples", "tokens", "image_tokens", "loss_tokens"])
def test_the_mixture_table_tells_what_was_realised(tmp_path: Path, unit: str) -> None:
    more = f"mixture: {{unit: {unit}, weights: {{words: {{weight: 3, of: {{a: natural, b: natural}}}}, c: 1}}}}"
    candidates = candidates_of({"a": [12] * 40, "b": [30] * 20, "c": [60] * 50})
    selection = select(candidates, manifest_of(tmp_path, ("a", "b", "c"), more), context=CONTEXT)
    rows = {row["path"]: row for row in selection.mixture}
    leaves = [row for row in selection.mixture if row["source"]]
    assert sum(row["realised_share"] for row in leaves) == pytest.approx(1)
    assert rows["words"]["realised_share"] == pytest.approx(0.75, abs=0.02) == rows["words"]["asked_share"]
    assert rows["words"][unit] == rows["words/a"][unit] + rows["words/b"][unit]
    for row in leaves:
        number = candidates.sources.index(row["source"])
        own = candidates.source[selection.order] == number
        assert row["samples"] == own.sum()
        assert row["tokens"] == candidates.amounts["tokens"][selection.order[own]].sum()


def test_a_dropped_sample_is_never_in_however_much_is_asked(tmp_path: Path) -> None:
    candidates = candidates_of({"a": [9] * 4, "b": [9] * 8}, dropped=["a/0", "a/1"])
    with pytest.raises(MixtureError, match=r"'a' needs .* has 2"):
        select(
            candidates,
            manifest_of(tmp_path, ("a", "b"), "mixture: {unit: samples, budget: 12, weights: {a: 1, b: 1}}"),
            context=CONTEXT,
        )


def test_nothing_left_is_an_error_that_says_so(natural: Manifest) -> None:
    with pytest.raises(MixtureError):
        select(candidates_of({"a": [9], "b": [9]}, dropped=["a/0", "b/0"]), natural, context=CONTEXT)


def _placed(order: list[int], packs: list[int], num_bytes: list[int], shard_size: int) -> Selection:
    nowhere = np.full(len(num_bytes), -1, np.int32)
    empty = np.zeros(len(order), np.int32)
    selection = Selection(
        repeats=np.bincount(order, minlength=len(num_bytes)).astype(np.int32),
        order=np.array(order, np.int64),
        repeat=empty,
        pack=np.array(packs, np.int64),
        position=empty,
        offset=empty,
        shard=nowhere,
        shard_row=nowhere,
    )
    return place_in_shards(selection, np.array(num_bytes, np.int64), shard_size)


@given(st.data())
def test_shards_hold_every_selected_sample_once_in_the_order_of_packs(data: st.DataObject) -> None:
    num_bytes = data.draw(st.lists(st.integers(1, 50), min_size=1, max_size=40))
    order = data.draw(st.lists(st.integers(0, len(num_bytes) - 1), max_size=80))
    steps = data.draw(st.lists(st.integers(0, 1), min_size=len(order), max_size=len(order)))
    packs = np.cumsum(steps).tolist() if order else []
    shard_size = data.draw(st.integers(1, 200))
    placed = _placed(order, packs, num_bytes, shard_size)
    firsts = list(dict.fromkeys(order))
    places = [(int(placed.shard[position]), int(placed.shard_row[position])) for position in firsts]
    assert places == sorted(set(places))
    assert all(placed.shard[position] == -1 for position in set(range(len(num_bytes))) - set(order))
    starts = [index for index, (_, row) in enumerate(places) if row == 0]
    sizes = [sum(num_bytes[position] for position in firsts[a:b]) for a, b in pairwise(starts)]
    assert [places[index][0] for index in starts] == list(range(len(starts)))
    assert all(size >= shard_size for size in sizes)
    for start in starts[1:]:
        before, first = firsts[start - 1], firsts[start]
        assert packs[order.index(before)] < packs[order.index(first)], "a shard begins with a pack"


def test_a_shard_ends_with_the_pack_that_fills_it() -> None:
    placed = _placed([0, 1, 2, 3, 4], [0, 0, 0, 1, 1], [40, 40, 40, 40, 40], 100)
    assert placed.shard.tolist() == [0, 0, 0, 1, 1]
    assert placed.shard_row.tolist() == [0, 1, 2, 0, 1]


def test_a_sample_that_repeats_is_stored_where_it_stands_first() -> None:
    placed = _placed([0, 1, 0, 2], [0, 1, 2, 3], [100, 100, 100], 100)
    assert placed.shard.tolist() == [0, 1, 2]
