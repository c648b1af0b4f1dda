"""Numbers and depths that no recording and no video has."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import ManifestError, MediaError
from curation.filters import predicate
from curation.filters.predicate import parse_predicate
from curation.frames import FrameSettings, Sampling, plan_frames
from curation.sources.defects import RowDefect
from curation.sources.ink import draw_strokes, read_inkml
from tests.fuzzing.frames import any_plan

SAMPLINGS: tuple[Sampling, ...] = ("fps", "uniform", "keyframes", "smolvlm", "smolvlm-train", "clips")


@pytest.mark.parametrize(
    ("trace", "reason"),
    [("-1e308 0, 1e308 0", "ink_too_large"), ("0 0, 1e999 0", "invalid_ink"), ("nan 0", "invalid_ink")],
)
def test_strokes_that_no_number_can_tell_are_a_defect(trace: str, reason: str) -> None:
    with pytest.raises(RowDefect) as failure:
        draw_strokes(read_inkml(_ink(trace)).strokes, size=512, stroke=3.0, margin=16)
    assert failure.value.reason == reason


@pytest.mark.parametrize("trace", ["0 0, 5e-324 0", "1e300 1e300, 1e300 1e300", "0 0, 1e308 1"])
def test_strokes_of_any_finite_extent_are_drawn(trace: str) -> None:
    assert draw_strokes(read_inkml(_ink(trace)).strokes, size=64, stroke=3.0, margin=8).startswith(b"\x89PNG")


def test_elements_inside_each_other_cost_no_more_than_beside_each_other() -> None:
    """A megabyte of them took 37 s when each end copied the path to it."""
    levels = 140_000
    with pytest.raises(RowDefect, match="no_strokes"):
        read_inkml(b"<a>" * levels + b"</a>" * levels)


def _ink(trace: str) -> bytes:
    return f"<ink><trace>{trace}</trace></ink>".encode()


@pytest.mark.parametrize(
    ("duration", "start", "end", "reason"),
    [
        (math.nan, None, None, "invalid_time"),
        (math.inf, None, None, "invalid_time"),
        (1e308, None, None, "invalid_time"),
        (3.0, math.nan, None, "invalid_time"),
        (3.0, None, math.nan, "invalid_time"),
        (3.0, 1e308, None, "window_past_end"),
        (3.0, None, -4.0, "window_past_end"),
    ],
)
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_times_that_are_none_are_refused_by_every_rule(
    sampling: Sampling, duration: float, start: float | None, end: float | None, reason: str
) -> None:
    with pytest.raises(MediaError) as failure:
        plan_frames(
            np.arange(3.0),
            FrameSettings(sampling=sampling),
            duration=duration,
            keyframes=np.array([0], np.int32),
            start_seconds=start,
            end_seconds=end,
        )
    assert failure.value.reason == reason


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_an_end_that_means_the_end_and_a_rate_beyond_all_frames_are_fine(sampling: Sampling) -> None:
    rule = FrameSettings(sampling=sampling, fps=1e308)
    plan = plan_frames(np.arange(4.0), rule, duration=4.0, keyframes=np.array([0], np.int32), end_seconds=math.inf)
    assert set(plan.indices) <= {0, 1, 2, 3} and plan.window == (0.0, 4.0)


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False))
def test_any_times_and_settings_give_a_plan_within_its_laws_or_a_reason(random: object) -> None:
    any_plan(random)  # type: ignore[arg-type]


def test_a_predicate_that_does_not_end_is_refused_by_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicate, "_SECONDS", 0.5)
    sql = "(with recursive t(n) as (select 1 union all select n + 1 from t where n < 1e12) select count(*) from t) > 0"
    with pytest.raises(ManifestError, match="does not end within"):
        parse_predicate(sql)
