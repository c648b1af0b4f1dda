"""Which frames: by presentation time, inside the window, no frame twice."""

from __future__ import annotations

import time
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import MediaError
from curation.frames import FramePlan, FrameSettings, Sampling, on_screen, plan_frames

SAMPLINGS: list[Sampling] = ["fps", "uniform", "keyframes", "smolvlm", "smolvlm-train", "clips"]


def steady(seconds: float, rate: float = 30) -> np.ndarray:
    return np.arange(round(seconds * rate)) / rate


def plan(seconds: float, settings: FrameSettings, *, rate: float = 30, **more: float) -> FramePlan:
    return plan_frames(steady(seconds, rate), settings, duration=seconds, **more)  # type: ignore[arg-type]


def test_frame_on_screen_is_the_last_whose_time_is_not_after() -> None:
    times = np.array([0.0, 0.5, 8.0])
    assert on_screen(times, np.array([0.0, 0.49, 0.5, 7.9, 8.0, 99.0])).tolist() == [0, 0, 1, 1, 2, 2]


def test_one_frame_a_second_takes_the_frames_at_whole_seconds() -> None:
    assert plan(5.5, FrameSettings()).indices == (0, 30, 60, 90, 120, 150)
    assert plan(5.0, FrameSettings(fps=2), rate=10).indices == tuple(range(0, 50, 5))


def test_times_that_differ_in_the_last_bits_are_equal() -> None:
    times = np.arange(100) / 10
    times[10], times[20] = np.nextafter(1.0, 2.0), np.nextafter(2.0, 0.0)
    assert plan_frames(times, FrameSettings(), duration=10).indices == tuple(range(0, 100, 10))


def test_more_than_the_budget_becomes_bin_centres_of_the_whole_window() -> None:
    chosen = plan(200, FrameSettings(max_frames=4), rate=10)
    assert chosen.seconds == (25.0, 75.0, 125.0, 175.0)


def test_still_picture_is_taken_once() -> None:
    times = np.array([0.0, 1.0, 9.0])
    assert plan_frames(times, FrameSettings(), duration=10).seconds == (0.0, 1.0, 9.0)


def test_too_few_frames_are_raised_to_the_minimum_as_far_as_they_exist() -> None:
    assert len(plan(0.5, FrameSettings(min_frames=4)).indices) == 4
    assert plan(0.1, FrameSettings(min_frames=8)).indices == (0, 1, 2)
    long_still = np.array([0.0, 0.01, 0.02, 0.03, 0.04, 0.05])
    assert len(plan_frames(long_still, FrameSettings(min_frames=4), duration=1000).indices) >= 4


def test_ends_are_skipped_when_the_video_is_longer_than_the_budget_and_kept_otherwise() -> None:
    settings = FrameSettings(max_frames=10, skip_seconds=2)
    assert plan(10, settings).seconds[0] == 0
    chosen = plan(30, settings)
    assert min(chosen.seconds) >= 2
    assert max(chosen.seconds) < 28


@pytest.mark.parametrize(
    ("clip_from", "first", "last"),
    [("start", 0, 9), ("middle", 45, 54), ("seeded", 22.5, 31.5), (30, 30, 39), (95, 95, 99)],
)
def test_clip_takes_its_window_from_where_it_is_told(clip_from: str | float, first: float, last: float) -> None:
    chosen = plan(100, FrameSettings(clip_seconds=10, clip_from=clip_from), seed_unit=0.25)
    assert (chosen.seconds[0], chosen.seconds[-1]) == pytest.approx((first, last))


def test_part_named_by_the_sample_bounds_the_window_and_the_clip_lies_inside_it() -> None:
    chosen = plan(100, FrameSettings(), start_seconds=20.5, end_seconds=23)
    assert chosen.seconds == pytest.approx((20.5, 21.5, 22.5))
    chosen = plan(100, FrameSettings(clip_seconds=2, clip_from="middle"), start_seconds=20, end_seconds=30)
    assert chosen.seconds == pytest.approx((24, 25))


def test_part_that_begins_after_the_end_is_refused_with_the_duration() -> None:
    for settings, start in ((FrameSettings(), 10.0), (FrameSettings(clip_seconds=3, clip_from=11), None)):
        with pytest.raises(MediaError) as failure:
            plan_frames(steady(10), settings, duration=10, start_seconds=start)
        assert (failure.value.reason, failure.value.measured) == ("window_past_end", 10)


def test_keyframes_inside_the_window_are_taken_and_thinned_evenly() -> None:
    keys = np.arange(0, 3000, 100, dtype=np.int32)
    times = steady(100)
    settings = FrameSettings(sampling="keyframes", max_frames=64)
    assert plan_frames(times, settings, duration=100, keyframes=keys).indices == tuple(keys.tolist())
    few = plan_frames(times, FrameSettings(sampling="keyframes", max_frames=3), duration=100, keyframes=keys)
    assert few.indices == (500, 1500, 2500)
    part = plan_frames(times, settings, duration=100, keyframes=keys, start_seconds=10, end_seconds=20)
    assert part.indices == (300, 400, 500)


def test_averaging_groups_frames_one_after_another_and_counts_stored_frames() -> None:
    chosen = plan(10, FrameSettings(average=4, max_frames=3))
    assert chosen.groups == (4, 4, 2)
    assert chosen.seconds == (0.0, 4.0, 8.0)
    assert len(chosen.indices) == 10
    assert len(plan(100, FrameSettings(average=4, max_frames=3)).groups) == 3


# The figures are those of the released code at 30 frames a second, 1 fps, 64 frames, one second skipped.
@pytest.mark.parametrize(
    ("sampling", "duration", "first", "last"),
    [
        ("smolvlm", 10, 0, 9.97),
        ("smolvlm-train", 10, 4.83, 5.17),
        ("smolvlm", 60, 0, 59.97),
        ("smolvlm-train", 60, 29, 31),
        ("smolvlm", 64, 0, 63.97),
        ("smolvlm-train", 64, 0, 63.97),
        ("smolvlm", 120, 1, 119),
        ("smolvlm-train", 120, 1, 119),
    ],
)
def test_reference_rules_choose_what_the_released_code_chooses(
    sampling: Literal["smolvlm", "smolvlm-train"], duration: float, first: float, last: float
) -> None:
    chosen = plan(duration, FrameSettings(sampling=sampling, skip_seconds=1))
    assert (chosen.seconds[0], chosen.seconds[-1]) == pytest.approx((first, last), abs=0.01)
    assert len(chosen.indices) == min(duration, 64)


def test_clips_of_two_frames_are_whole_and_at_most_sixty_four() -> None:
    settings = FrameSettings(sampling="clips", max_frames=128)
    assert len(plan(30, settings).indices) == 15 * 2
    assert len(plan(31, settings).indices) == 15 * 2
    assert len(plan(200, settings).indices) == 64 * 2
    with pytest.raises(MediaError, match="too_few_frames"):
        plan_frames(np.zeros(1), settings, duration=1)


def test_planning_an_hour_takes_less_than_five_milliseconds() -> None:
    times = steady(3600)
    keys = np.arange(0, len(times), 250, dtype=np.int32)
    for sampling in SAMPLINGS:
        spans = []
        for _ in range(5):
            begin = time.perf_counter()
            plan_frames(times, FrameSettings(sampling=sampling), duration=3600, keyframes=keys)
            spans.append(time.perf_counter() - begin)
        assert min(spans) < 0.005, sampling


def test_settings_that_no_plan_can_meet_are_refused() -> None:
    bad: list[dict[str, float]] = [{"fps": 0}, {"min_frames": 9, "max_frames": 8}, {"average": 0}, {"clip_seconds": 0}]
    for values in bad:
        with pytest.raises(ValueError, match="must be"):
            FrameSettings(**values)  # type: ignore[arg-type]


@given(
    gaps=st.lists(st.floats(0.001, 20), min_size=0, max_size=60),
    sampling=st.sampled_from(SAMPLINGS),
    fps=st.floats(0.05, 60),
    most=st.integers(1, 70),
    least=st.integers(1, 70),
    skip=st.floats(0, 5),
    clip=st.none() | st.floats(0.01, 50),
    average=st.integers(1, 4),
    seed=st.floats(0, 1, exclude_max=True),
)
def test_plans_rise_stay_in_range_and_keep_their_bounds(
    gaps: list[float],
    sampling: Sampling,
    fps: float,
    most: int,
    least: int,
    skip: float,
    clip: float | None,
    average: int,
    seed: float,
) -> None:
    times = np.concatenate([[0.0], np.cumsum(np.array(gaps))])
    settings = FrameSettings(
        fps=fps,
        max_frames=max(most, least),
        min_frames=min(most, least),
        sampling=sampling,
        skip_seconds=skip,
        clip_seconds=clip,
        clip_from="seeded",
        average=average,
        frames_per_clip=1,
    )
    keys = np.arange(0, len(times), 7, dtype=np.int32)
    chosen = plan_frames(times, settings, duration=float(times[-1]) + 0.04, keyframes=keys, seed_unit=seed)
    assert list(chosen.indices) == sorted(set(chosen.indices))
    assert 0 <= chosen.indices[0] <= chosen.indices[-1] < len(times)
    assert 1 <= len(chosen.groups) <= settings.max_frames
    assert sum(chosen.groups) == len(chosen.indices)
    assert len(chosen.seconds) == len(chosen.groups)
    if clip is None and skip == 0 and sampling in ("fps", "uniform", "keyframes"):
        assert len(chosen.indices) >= min(settings.min_frames * average, len(times))
