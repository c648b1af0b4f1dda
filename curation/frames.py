"""Which frames of a video are used: pure functions of presentation times and settings.

"The frame at t" is the one on screen at t: the last whose time is not after t. Times count from the first frame.

Rules (`FrameSettings.sampling`), inside the window that the start, the end, `skip_seconds` and the clip leave:

- `fps`: the frames at window start + k / fps, for every such time before the window's end. When these are more than
  `max_frames`: `uniform`.
- `uniform`: the window in `max_frames` equal bins, and the frame at the centre of each (no ties with frame borders).
- `keyframes`: the key frames; when they are more than `max_frames`, those at the bin centres of their list.
- `smolvlm`, `smolvlm-train`, `clips`: those of transformers' processor and of the released trainer, see `reference`.

A frame that stays on screen over several targets is taken once. Fewer than `min_frames` become `uniform` with
`min_frames` bins, and if a long still picture leaves that short, frames evenly spaced by position.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from curation.errors import MediaError

Sampling = Literal["fps", "uniform", "keyframes", "smolvlm", "smolvlm-train", "clips"]
Seconds = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]

# Times are products of integers and a time base, so equal times may differ in the last bits; no container has a finer
# time base than 1e-7 s.
TOLERANCE_SECONDS = 1e-7
_ENDLESS_SECONDS = 1e12  # 30,000 years: what says so has no times; below it doubles tell milliseconds apart


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSettings:
    """How many frames of a video are used, and which.

    `skip_seconds` is left out at both ends of a window longer than max_frames / fps seconds. `clip_seconds` bounds the
    window; it begins at the start, in the middle, at a seeded place, or at a second after the window's start. `tiles`
    leaves the cutting of long videos to the dataset's annotations: the part that a sample names is kept, up to
    `clip_seconds` from its start, and a sample that names none is about the whole video, which is kept whole.
    `average` frames, chosen one after another, are averaged into one stored frame, so that `max_frames` and
    `min_frames` count stored frames. `frames_per_clip` is for `clips`. The reference rules (`smolvlm`,
    `smolvlm-train`, `clips`) have no minimum.
    """

    fps: float = 1.0
    max_frames: int = 64
    min_frames: int = 1
    sampling: Sampling = "fps"
    skip_seconds: float = 0.0
    clip_seconds: float | None = None
    clip_from: str | float = "start"
    average: int = 1
    frames_per_clip: int = 2

    def __post_init__(self) -> None:
        """Refuse what no plan can meet."""
        if not self.fps > 0:
            raise ValueError(f"video.fps is {self.fps}; it must be above 0")
        if not 1 <= self.min_frames <= self.max_frames:
            raise ValueError(f"video.min_frames {self.min_frames} must be from 1 to max_frames {self.max_frames}")
        if self.average < 1 or self.frames_per_clip < 1:
            raise ValueError(
                f"video.average {self.average} and frames_per_clip {self.frames_per_clip} must be at least 1"
            )
        if self.skip_seconds < 0 or (self.clip_seconds is not None and not self.clip_seconds > 0):
            raise ValueError(f"skip_seconds {self.skip_seconds} must be >= 0, clip_seconds {self.clip_seconds} above 0")
        if isinstance(self.clip_from, str) and self.clip_from not in ("start", "middle", "seeded", "tiles"):
            raise ValueError(f"clip from {self.clip_from!r} must be start, middle, seeded, tiles or a second")


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePlan:
    """The frames to use of one video.

    `indices` are rising positions in presentation order. `groups` says how many consecutive indices are averaged into
    each stored frame (all 1 without averaging); `seconds` has one time for each stored frame, its group's first.
    `window` is the part of the video that they were chosen from, seconds from the first frame.
    """

    indices: tuple[int, ...]
    seconds: tuple[float, ...]
    groups: tuple[int, ...]
    window: tuple[float, float]


def plan_frames(
    seconds: Seconds,
    settings: FrameSettings,
    *,
    duration: float,
    keyframes: npt.NDArray[np.int32] | None = None,
    start_seconds: float | None = None,
    end_seconds: float | None = None,
    seed_unit: float = 0.0,
) -> FramePlan:
    """Choose the frames of one video.

    Args:
        seconds: float64 [frames], strictly rising presentation times, the first 0.
        settings: the rule.
        duration: end of the last frame, seconds from the first.
        keyframes: positions of the key frames; needed for `keyframes` alone.
        start_seconds: where the part that the sample is about begins; None: at the start.
        end_seconds: where it ends; None or past the end: at the end.
        seed_unit: a number in [0, 1) that places a seeded clip.

    Raises:
        MediaError: `zero_frames` without frames, `invalid_time` for what is no time, `window_past_end` when the part or
            the clip begins after the video's end, `too_few_frames` when `clips` can't fill one clip.
    """
    if len(seconds) == 0:
        raise MediaError("zero_frames", "no frame to choose from", measured=0)
    duration = max(duration, float(seconds[-1]))
    if not duration < _ENDLESS_SECONDS or math.isnan((start_seconds or 0.0) + (end_seconds or 0.0)):
        detail = f"from {start_seconds} s to {end_seconds} s in a video of {duration} s"
        raise MediaError("invalid_time", detail, measured=duration)
    window = _window(settings, duration=duration, start=start_seconds, end=end_seconds, seed_unit=seed_unit)
    first = int(on_screen(seconds, np.array([window[0]]))[0])
    stop = max(int(np.searchsorted(seconds, window[1] - TOLERANCE_SECONDS, "left")), first + 1)
    positions = _choose(seconds, settings, window=window, span=(first, stop), keyframes=keyframes)
    return _grouped(seconds, positions, settings.average, window=window)


def on_screen(seconds: Seconds, targets: npt.NDArray[np.floating[Any]]) -> Positions:
    """Return the positions of the frames on screen at the targets: the last whose time is not after each."""
    found = np.searchsorted(seconds, targets + TOLERANCE_SECONDS, "right") - 1
    return np.maximum(found, 0).astype(np.int64)


def _window(
    settings: FrameSettings, *, duration: float, start: float | None, end: float | None, seed_unit: float
) -> tuple[float, float]:
    low, high = max(start or 0.0, 0.0), duration if end is None else min(end, duration)
    if low >= high and (low > 0 or high < 0):
        detail = f"the part from {low:.3f} s to {high:.3f} s is empty in a video of {duration:.3f} s"
        raise MediaError("window_past_end", detail, measured=duration)
    budget = settings.max_frames * settings.average / settings.fps
    if settings.sampling in ("fps", "uniform", "keyframes") and high - low > max(budget, 2 * settings.skip_seconds):
        low, high = low + settings.skip_seconds, high - settings.skip_seconds
    is_whole = settings.clip_from == "tiles" and start is None and end is None
    if settings.clip_seconds is None or is_whole:
        return low, high
    room = max(high - low - settings.clip_seconds, 0.0)
    if isinstance(settings.clip_from, str):
        low += room * {"start": 0.0, "tiles": 0.0, "middle": 0.5, "seeded": seed_unit}[settings.clip_from]
    else:
        low += max(settings.clip_from, 0.0)
    if low >= high and low > 0:
        detail = f"the clip from {low:.3f} s begins after the end at {high:.3f} s; lower video.clip.from"
        raise MediaError("window_past_end", detail, measured=duration)
    return low, min(high, low + settings.clip_seconds)


def _choose(
    seconds: Seconds,
    settings: FrameSettings,
    *,
    window: tuple[float, float],
    span: tuple[int, int],
    keyframes: npt.NDArray[np.int32] | None,
) -> Positions:
    most, least = settings.max_frames * settings.average, settings.min_frames * settings.average
    if settings.sampling in ("smolvlm", "smolvlm-train", "clips"):
        return reference(settings, num_frames=span[1] - span[0], duration=window[1] - window[0], most=most) + span[0]
    if settings.sampling == "uniform":
        chosen = _uniform(seconds, window, span, count=most)
    elif settings.sampling == "keyframes":
        assert keyframes is not None, "the rule `keyframes` needs their positions"
        inside = keyframes[(keyframes >= span[0]) & (keyframes < span[1])].astype(np.int64)
        chosen = inside if len(inside) <= most else inside[_bin_centres(len(inside), most)]
    else:
        wanted = np.ceil((window[1] - window[0] - TOLERANCE_SECONDS) * settings.fps)
        if wanted > most:
            chosen = _uniform(seconds, window, span, count=most)
        else:
            count = int(wanted)
            chosen = np.unique(on_screen(seconds, window[0] + np.arange(max(count, 1)) / settings.fps))
    if len(chosen) < least:
        chosen = _uniform(seconds, window, span, count=least)
    if len(chosen) < min(least, span[1] - span[0]):
        chosen = span[0] + _bin_centres(span[1] - span[0], min(least, span[1] - span[0]))
    return chosen


def _uniform(seconds: Seconds, window: tuple[float, float], span: tuple[int, int], *, count: int) -> Positions:
    if span[1] - span[0] <= count:
        return np.arange(*span)
    centres = window[0] + (np.arange(count) + 0.5) * ((window[1] - window[0]) / count)
    return np.unique(on_screen(seconds, centres))


def _bin_centres(length: int, count: int) -> Positions:
    return ((2 * np.arange(count) + 1) * length // (2 * count)).astype(np.int64)


def reference(settings: FrameSettings, *, num_frames: int, duration: float, most: int) -> Positions:
    """Return positions by the rules of the released code, faithfully, faults included.

    `smolvlm`: transformers' processor: round(fps * duration) frames, 1 to `most`, evenly from first to last.
    `smolvlm-train`: the trainer of the 256M and 500M models: the same, except that fewer frames than `most` are taken
    one after another around the middle (a 30 s video gives one second of it). Both leave out `skip_seconds` when
    duration - 2 * skip_seconds > most * fps (seconds compared with frames times hertz, as there). `clips`: the trainer
    of the 2.2B model: steps of 1 / fps from the first frame, evenly over all when they are more than `most`, and
    whole clips of `frames_per_clip` only.
    """
    rate = num_frames / duration if duration > 0 else 1.0
    if settings.sampling == "clips":
        return _clips(settings, num_frames=num_frames, rate=rate, most=most)
    count = max(1, round(min(settings.fps * duration, most)))
    low, high = 0, num_frames
    if settings.skip_seconds > 0 and duration - 2 * settings.skip_seconds > most * settings.fps:
        low, high = int(settings.skip_seconds * rate), int(num_frames - settings.skip_seconds * rate)
    elif settings.sampling == "smolvlm-train" and count < most:
        leftover = max(num_frames - count, 0)
        low = leftover // 2
        high = num_frames - (leftover - low)
    last = max(min(high, num_frames - 1), low)
    return np.unique(np.linspace(low, last, count, dtype=np.int64))


def _clips(settings: FrameSettings, *, num_frames: int, rate: float, most: int) -> Positions:
    size = settings.frames_per_clip
    most = most // size * size
    positions = np.arange(0, num_frames, max(rate / settings.fps, 1.0)).astype(np.int64)
    if len(positions) > most:
        positions = np.linspace(0, num_frames - 1, most, dtype=np.int64)
    positions = np.unique(positions)
    positions = positions[: len(positions) // size * size]
    if len(positions) == 0:
        raise MediaError("too_few_frames", f"{num_frames} frames do not fill a clip of {size}", measured=num_frames)
    return positions


def _grouped(seconds: Seconds, positions: Positions, average: int, *, window: tuple[float, float]) -> FramePlan:
    groups = [min(average, len(positions) - begin) for begin in range(0, len(positions), average)]
    return FramePlan(
        indices=tuple(positions.tolist()),
        seconds=tuple(seconds[positions[::average]].tolist()),
        groups=tuple(groups),
        window=window,
    )
