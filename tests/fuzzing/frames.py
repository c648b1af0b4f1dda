"""Plan the frames of a video that cannot be, and hold the plan against its laws."""

from __future__ import annotations

import math
from random import Random
from typing import get_args

import numpy as np

from curation.errors import MediaError
from curation.frames import FrameSettings, Sampling, plan_frames

ODD = (None, 0.0, -1.0, -0.0, 1e308, -1e308, 5e-324, math.nan, math.inf, -math.inf, 1e-9, 0.5, 3.0, 1e11, 1e17)


def any_plan(random: Random) -> str:
    """Plan with random times and settings; return how it ended. Raises AssertionError for a plan outside the laws."""
    count = random.choice((0, 1, 2, 3, 10, 200))
    steps = [random.choice((1e-7, 1e-3, 0.04, 1.0, 1000.0, 1e9)) for _ in range(count)]
    seconds = np.concatenate([[0.0], np.cumsum(steps)])[:count].astype(np.float64)
    last = float(seconds[-1]) if count else 0.0
    rule = FrameSettings(
        fps=random.choice((1.0, 1e308, 1e-308, 5e-324, 30.0, 0.1)),
        max_frames=random.choice((1, 2, 64, 10**6)),
        sampling=random.choice(get_args(Sampling)),
        skip_seconds=random.choice((0.0, 1.0, 1e308)),
        clip_seconds=random.choice((None, 1.0, 1e308, 5e-324)),
        clip_from=random.choice(("start", "middle", "seeded", "tiles", 0.0, 3.0, 1e308)),
        average=random.choice((1, 4)),
        frames_per_clip=random.choice((1, 2, 8)),
    )
    try:
        plan = plan_frames(
            seconds,
            rule,
            duration=random.choice((last + 0.04, last + 0.04, last + 0.04, 0.0, -1.0, math.nan, math.inf, 1e308)),
            keyframes=np.array([0] if count else [], np.int32),
            start_seconds=random.choice((None, None, random.uniform(-5, 50), random.choice(ODD))),
            end_seconds=random.choice((None, None, random.uniform(-5, 50), random.choice(ODD))),
            seed_unit=random.random(),
        )
    except MediaError as err:
        return err.reason
    indices = np.array(plan.indices)
    assert len(indices) and (np.diff(indices) > 0).all(), "positions rise"
    assert indices[0] >= 0 and indices[-1] < count, "positions are of frames"
    assert len(indices) <= rule.max_frames * rule.average, "no more than the budget"
    assert sum(plan.groups) == len(indices) and len(plan.groups) == len(plan.seconds), "groups cover the frames"
    assert all(math.isfinite(time) for time in (*plan.window, *plan.seconds)), "times are finite"
    return f"{rule.sampling}: {'one frame' if len(indices) == 1 else 'frames'}"
