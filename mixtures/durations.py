"""Choose videos by how long they are: an order of each source's samples of which every prefix meets what is asked.

A sample's duration is the seconds of its videos that are used: what its row names, cut by `video.clip`. The order keeps
rank order among videos that are alike, so nothing is drawn, and since a source is taken in this order from its front, a
smaller mixture takes a prefix of what a larger one takes. Samples without videos all stay, spread evenly.

A mean: each source gets a mean of its own, so that the sources' shares of the mixture give the mean asked for; it lies
between the source's shortest, own mean and longest, the same part of the way for all sources. Videos below and above
it alternate so that their differences from it cancel out: the mean of k is within (longest - shortest) / k of it.

Ranges: each source gets shares of the ranges, scaled from its own until all sources together give the shares asked for
(iterative proportional fitting); every prefix has each range's share to within one video. Shares count videos.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.errors import MixtureError
from curation.mixtures.ranges import Range, describe, fitted_shares, range_of

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
Shares = Callable[[Mapping[str, int]], Mapping[str, Fraction]]
_HALVINGS = 60
_EXCHANGES = 8
_EVEN_ENOUGH = 1e-3  # of the differences that cancel out


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A source's samples in rank order: seconds of video used (0: no video), and amounts in the mixture's unit."""

    seconds: Floats
    amounts: npt.NDArray[np.integer[Any]]

    @property
    def videos(self) -> Floats:
        """The durations of the samples that have videos."""
        return self.seconds[self.seconds > 0]


@dataclass(frozen=True, slots=True)
class _Kept:
    """Which samples stay and by what they are ordered."""

    is_kept: npt.NDArray[np.bool_]
    key: Floats

    @property
    def order(self) -> Positions:
        kept = np.flatnonzero(self.is_kept)
        return kept[np.argsort(self.key[kept], kind="stable")]


def order_by_mean(pools: Mapping[str, Pool], shares_of: Shares, mean: float) -> dict[str, Positions]:
    """Return each source's order of positions in its pool; those that are left out are not in it.

    `shares_of` tells the sources' parts of the mixture by what they have, in its unit: `natural` weights follow what
    the choice leaves. Raises MixtureError when the mean can't be reached.
    """
    sizes, active = _active(pools, shares_of)

    def overall(place: float) -> float:
        return _overall(active, shares_of, sizes, place=place)

    _check_reach(active, mean, overall)
    low, high = -1.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if overall(middle) < mean:
            low = middle
        else:
            high = middle
    place = (low + high) / 2
    return {
        name: _balanced(pool, _own_mean(pool, place)).order if name in active else np.arange(len(pool.seconds))
        for name, pool in pools.items()
    }


def order_by_ranges(pools: Mapping[str, Pool], shares_of: Shares, ranges: Sequence[Range]) -> dict[str, Positions]:
    """Return each source's order of positions in its pool; those that are left out are not in it.

    `shares_of` is as for `order_by_mean`. Raises MixtureError when a range has no videos, a source has none in any
    range, or the shares can't be reached.
    """
    wanted = [each for each in ranges if each.share > 0]
    places = {name: range_of(pool.seconds, wanted) for name, pool in pools.items()}
    sizes, videos = _active(pools, shares_of)
    active = list(videos)
    counts = np.array([np.bincount(places[name][places[name] >= 0], minlength=len(wanted)) for name in active])
    counts = counts.reshape(len(active), len(wanted)).astype(np.float64)
    amounts = np.array(
        [np.bincount(places[name] + 1, weights=pools[name].amounts, minlength=len(wanted) + 1)[1:] for name in active]
    ).reshape(counts.shape)
    others = np.array([float(pools[name].amounts[pools[name].seconds <= 0].sum()) for name in active])

    def parts(left: Floats) -> Floats:
        shares = shares_of({**sizes, **dict(zip(active, left.round().astype(int).tolist(), strict=True))})
        return np.array([float(shares[name]) for name in active])

    own = fitted_shares(counts, amounts, others, names=active, parts=parts, ranges=wanted)
    return {
        name: _spread(pool, places[name], own[active.index(name)]).order
        if name in active
        else np.arange(len(pool.seconds))
        for name, pool in pools.items()
    }


def _own_mean(pool: Pool, place: float) -> float:
    """Return a source's mean: its shortest at -1, its own at 0, its longest at 1."""
    videos = pool.videos
    mean = float(videos.mean())
    end = float(videos.max() if place > 0 else videos.min())
    return mean + abs(place) * (end - mean)


def _active(pools: Mapping[str, Pool], shares_of: Shares) -> tuple[dict[str, int], dict[str, Pool]]:
    """Return what all sources have, and the pools of those that have a weight and videos."""
    sizes = {name: int(pool.amounts.sum()) for name, pool in pools.items()}
    shares = shares_of(sizes)
    return sizes, {name: pool for name, pool in pools.items() if shares[name] > 0 and len(pool.videos)}


def _overall(pools: Mapping[str, Pool], shares_of: Shares, sizes: Mapping[str, int], *, place: float) -> float:
    """Return the mean of the whole mixture when every source has its mean at this place."""
    means = np.array([_own_mean(pool, place) for pool in pools.values()])
    kept = [_balanced(pool, mean).is_kept for pool, mean in zip(pools.values(), means.tolist(), strict=True)]
    left = {name: int(pools[name].amounts[own].sum()) for name, own in zip(pools, kept, strict=True)}
    shares = shares_of({**sizes, **left})
    videos = [(own & (pool.seconds > 0)).sum() for pool, own in zip(pools.values(), kept, strict=True)]
    counts = [float(shares[name]) * num / max(left[name], 1) for name, num in zip(pools, videos, strict=True)]
    return float(np.average(means, weights=counts)) if sum(counts) else float(means.mean())


def _check_reach(pools: Mapping[str, Pool], mean: float, overall: Callable[[float], float]) -> None:
    if not pools:
        raise MixtureError(
            f"mixture.video_seconds: a mean of {mean:g} s, but no source with a weight has a video left; remove it, or "
            "give a video source a weight"
        )
    least, most = overall(-1.0), overall(1.0)
    slack = 1e-6 * mean
    if not least - slack <= mean <= most + slack:
        raise MixtureError(
            f"mixture.video_seconds: a mean of {mean:g} s can't be met: with these weights the videos used give means "
            f"from {least:.4g} to {most:.4g} s ({describe({name: pool.videos for name, pool in pools.items()})}); "
            "ask for a mean in between, change the weights of the video sources"
            + (", or lengthen video.clip.seconds" if mean > most else ", or cut longer videos with video.clip.seconds")
        )


def _balanced(pool: Pool, mean: float) -> _Kept:
    """Keep as many videos on either side of a mean as cancel each other out, in rank order."""
    away = np.where(pool.seconds > 0, pool.seconds - mean, 0.0)
    away[np.abs(away) <= 1e-9 * mean] = 0.0
    key = np.zeros(len(away))
    totals = []
    for side in (away < 0, away > 0):
        mass = np.abs(away[side])
        sums = np.cumsum(mass)
        key[side] = sums - mass / 2
        totals.append(float(sums[-1]) if len(sums) else 0.0)
    limit = min(totals)
    is_even = away == 0
    key[is_even] = _evenly(int(is_even.sum()), limit)
    is_kept = _evened_out(is_even | (key <= limit), away, is_video=pool.seconds > 0)
    return _Kept(is_kept, np.minimum(key, limit))


def _evened_out(
    is_kept: npt.NDArray[np.bool_], away: Floats, *, is_video: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Exchange a few videos at the end, so that what is kept cancels out better; matters where there are few."""
    is_kept = is_kept.copy()
    for _ in range(_EXCHANGES):
        left = float(away[is_kept].sum())
        if abs(left) <= _EVEN_ENOUGH * float(np.abs(away[is_kept]).sum()):
            break
        kept, free = np.flatnonzero(is_kept & (away != 0)), np.flatnonzero(~is_kept)
        outs, ins = np.append(away[kept], 0.0), np.append(away[free], 0.0)  # the zeros: none goes, none comes
        rising = np.argsort(ins, kind="stable")
        above = np.clip(np.searchsorted(ins[rising], outs - left), 1, len(ins) - 1) if len(ins) > 1 else 0 * outs
        near = rising[np.stack([above, np.maximum(above - 1, 0)]).astype(np.int64)]
        misses = np.abs(left - outs + ins[near])
        row, out = np.unravel_index(int(np.argmin(misses)), misses.shape)
        is_last = (is_kept & is_video).sum() == 1 and near[row, out] == len(free)
        if misses[row, out] >= abs(left) or is_last:
            break
        is_kept[kept[out : out + 1]] = False
        is_kept[free[near[row, out] : near[row, out] + 1]] = True
    return is_kept


def _spread(pool: Pool, places: Positions, own: Floats) -> _Kept:
    """Keep as many videos of each range as give the source these shares of them, in rank order."""
    key = np.full(len(places), np.inf)
    counts = np.bincount(places[places >= 0], minlength=len(own))
    limit = min((counts[number] / own[number] for number in np.flatnonzero(own)), default=0.0)
    for number in np.flatnonzero(own):
        key[places == number] = (np.arange(counts[number]) + 0.5) / own[number]
    is_other = pool.seconds <= 0
    key[is_other] = _evenly(int(is_other.sum()), limit)
    return _Kept(key <= limit, key)


def _evenly(count: int, limit: float) -> Floats:
    return np.arange(0.5, count, dtype=np.float64) * (limit / max(count, 1))
