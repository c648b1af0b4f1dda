"""Ranges of durations: which one a video is in, and each source's shares of them that together give those asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.errors import MixtureError

Floats = npt.NDArray[np.float64]
_ROUNDS = 5000
_CLOSE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Durations from `low` up to and without `high` seconds, and their share of the videos."""

    name: str
    low: float
    high: float
    share: float


def read_ranges(weights: Mapping[str, float]) -> tuple[Range, ...]:
    """Read `{"0-30": 1, "30-": 2}` as the manifest has it.

    >>> [(each.low, each.high, each.share) for each in read_ranges({"0-30": 1, "30-": 3})]
    [(0.0, 30.0, 0.25), (30.0, inf, 0.75)]
    """
    whole = sum(weights.values())
    ends = {name: name.partition("-") for name in weights}
    return tuple(
        Range(name=name, low=float(low), high=float(high or "inf"), share=weights[name] / whole)
        for name, (low, _, high) in ends.items()
    )


def range_of(seconds: Floats, ranges: Sequence[Range]) -> npt.NDArray[np.int64]:
    """Return the number of each duration's range, -1 where there is none or no video (0 seconds)."""
    found = np.full(len(seconds), -1, dtype=np.int64)
    for number, each in enumerate(ranges):
        found[(seconds >= each.low) & (seconds < each.high) & (seconds > 0)] = number
    return found


def fitted_shares(
    counts: Floats,
    amounts: Floats,
    others: Floats,
    *,
    names: Sequence[str],
    parts: Callable[[Floats], Floats],
    ranges: Sequence[Range],
) -> Floats:
    """Return each source's shares of the ranges, [sources, ranges], that together give the ranges' shares.

    Args:
        counts: how many videos each source has in each range.
        amounts: what these come to in the mixture's unit.
        others: what each source's samples without videos come to.
        names: the sources' names, for messages.
        parts: tells the sources' parts of the mixture by what is left of them, in its unit.
        ranges: what is asked for; shares sum to 1.

    Raises:
        MixtureError: when no shares give what is asked for.
    """
    wanted = np.array([each.share for each in ranges])
    _check_counts(counts, names, ranges)
    each = np.divide(amounts, counts, out=np.zeros_like(amounts), where=counts > 0)
    own = counts / counts.sum(axis=1, keepdims=True)
    got = wanted
    for _ in range(_ROUNDS):
        most = np.min(np.divide(counts, own, out=np.full_like(counts, np.inf), where=own > 0), axis=1)
        size = most * (own * each).sum(axis=1) + others
        videos = parts(size) * most / np.maximum(size, 1e-300)
        got = videos @ own / videos.sum()
        if np.abs(got - wanted).max() < _CLOSE:
            return np.asarray(own, dtype=np.float64)
        own = own * (wanted / np.maximum(got, 1e-300))
        own /= own.sum(axis=1, keepdims=True)
    nearest = ", ".join(f"{each.name} {share:.1%}" for each, share in zip(ranges, got, strict=True))
    asked = ", ".join(f"{each.name} {each.share:.1%}" for each in ranges)
    raise MixtureError(
        f"mixture.video_seconds.buckets: {asked} of the videos can't be met with these weights of the sources, which "
        f"give {nearest}; change the weights of {', '.join(names)}, or the buckets'"
    )


def describe(videos: Mapping[str, Floats]) -> str:
    """Say how many videos the sources have and how long they are, five sources at most."""
    parts = [
        f"{name}: {len(seconds)} of {seconds.min():.4g} to {seconds.max():.4g} s, mean {seconds.mean():.4g}"
        for name, seconds in list(videos.items())[:5]
    ]
    return "; ".join(parts) + (f"; and {len(videos) - 5} more" if len(videos) > 5 else "")


def _check_counts(counts: Floats, names: Sequence[str], ranges: Sequence[Range]) -> None:
    if not len(names):
        raise MixtureError(
            "mixture.video_seconds.buckets: no source with a weight has a video left; remove the buckets, or give a "
            "video source a weight"
        )
    for each, count in zip(ranges, counts.sum(axis=0).tolist(), strict=True):
        if not count:
            raise MixtureError(
                f"mixture.video_seconds.buckets: '{each.name}' has {each.share:.1%} of the videos, but none of "
                f"{', '.join(names)} has a video that long; set it to 0 or add such videos"
            )
    for name, count in zip(names, counts.sum(axis=1).tolist(), strict=True):
        if not count:
            raise MixtureError(
                f"mixture.video_seconds.buckets: '{name}' has a weight but no video in "
                f"{', '.join(each.name for each in ranges)}; set its weight to 0 or add a range"
            )
