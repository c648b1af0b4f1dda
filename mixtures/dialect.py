"""Dialects: the words around media. The released models were trained and are served with different ones.

`transformers` is the published processor's, `smolvlm2-train-small` the trainer's of the 256M and 500M models,
`smolvlm2-train-2.2b` the trainer's of the 2.2B model (one marker for a clip of frames). `paper` completes the examples
of SmolVLM's section 3.2, whose endings are not published. `none` leaves media bare, the baseline of that ablation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import lru_cache
from string import Formatter
from typing import Any, Literal

from curation.errors import ManifestError, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Strings before and after media; empty ones are left out.

    In `image_*`, {images} is the number of images in a row. In `video_*`, {frames} is the number of stored frames,
    {clips} the number of markers and {duration} the video's length; in `marker`, {start} and {end} are MM:SS of what it
    introduces. Numbers are in words. `placement` is `media`: around every video and every row of images; or
    `conversation`: the intro only where media open the conversation, the outro after the last of them.
    `frames_per_marker` is how many frames, as sampled from the video, one marker introduces. `strips_text`: texts
    lose the blanks at their ends, and empty ones are left out.
    """

    name: str = "custom"
    image_intro: str = ""
    image_outro: str = ""
    video_intro: str = ""
    marker: str = ""
    video_outro: str = ""
    placement: Literal["media", "conversation"] = "media"
    duration: Literal["seconds", "exact"] = "seconds"
    frames_per_marker: int = 1
    strips_text: bool = False

    def opening(self, video: VideoTimes) -> str:
        """Return the words before a video."""
        return self._filled(self.video_intro, video)

    def closing(self, video: VideoTimes) -> str:
        """Return the words after a video."""
        return self._filled(self.video_outro, video)

    def _filled(self, words: str, video: VideoTimes) -> str:
        if "{" not in words and "}" not in words:
            return words
        clips = -(-video.num_sampled // self.frames_per_marker)
        length = duration(video.duration, self.duration)
        return words.format(frames=number(len(video.stored)), clips=number(clips), duration=length)

    def blocks(self, video: VideoTimes) -> Iterator[tuple[str, int]]:
        """Yield each marker's words and how many stored frames follow them."""
        if not self.marker:
            yield "", len(video.stored)
            return
        for start, end, stored in video.by_marker(self.frames_per_marker):
            yield self.marker.format(start=clock(start), end=clock(end)), stored


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoTimes:
    """When the chosen frames of a video are shown, in seconds from its first frame.

    `stored` has one tuple for each stored frame: the times of the sampled frames that are averaged into it.
    """

    stored: tuple[tuple[float, ...], ...]
    duration: float

    @property
    def num_sampled(self) -> int:
        """How many frames were taken from the video."""
        return sum(map(len, self.stored))

    def by_marker(self, frames_per_marker: int) -> Iterator[tuple[float, float, int]]:
        """Yield (first time, last time, stored frames) of each run of at least `frames_per_marker` sampled frames."""
        times: list[float] = []
        stored = 0
        for i, group in enumerate(self.stored):
            times += group
            stored += 1
            if len(times) >= frames_per_marker or i == len(self.stored) - 1:
                yield times[0], times[-1], stored
                times, stored = [], 0


DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect(name="none"),
        Dialect(
            name="paper",
            image_intro="Here is an image: ",
            image_outro="Given this image, ",
            video_intro="Here are {frames} frames sampled from a video: ",
            video_outro="Given this video, ",
        ),
        Dialect(
            name="smolvlm2-train-2.2b",
            image_intro="Here are some images:\n",
            image_outro="\n\n",
            video_intro="You are provided the following {clips} clips sampled from a {duration} [H:MM:SS] video. "
            "The clips:\n",
            marker="\nClip from {start} to {end}:",
            video_outro="\n\n",
            placement="conversation",
            duration="exact",
            frames_per_marker=2,
            strips_text=True,
        ),
        Dialect(
            name="smolvlm2-train-small",
            image_intro="Here are some images: ",
            image_outro="Now answer the following question: ",
            video_intro="You are provided the following series of {frames} frames from a {duration} [H:MM:SS] video.\n",
            marker="Frame from {start}:",
            video_outro="Now answer the following question: ",
            placement="conversation",
            duration="exact",
            strips_text=True,
        ),
        Dialect(
            name="transformers",
            video_intro="You are provided the following series of {frames} frames from a {duration} [H:MM:SS] video.\n",
            marker="\nFrame from {start}:",
            video_outro="\n\n",
        ),
    )
}

_FIELDS = {
    "image_intro": ("images",),
    "image_outro": ("images",),
    "video_intro": ("frames", "clips", "duration"),
    "marker": ("start", "end"),
    "video_outro": ("frames", "clips", "duration"),
}


def load_dialect(spec: str | Mapping[str, Any]) -> Dialect:
    """Return a dialect by name, or one's own: a mapping of the strings, over a `base` dialect (default: none).

    Raises `ManifestError` for an unknown name, key or field in braces.
    """
    if isinstance(spec, str):
        if spec not in DIALECTS:
            raise ManifestError(f"prompts.media: no dialect named '{spec}'{nearest(spec, DIALECTS)}")
        return DIALECTS[spec]
    known = tuple(field.name for field in fields(Dialect) if field.name != "name")
    for key in spec:
        if key not in known and key not in ("base", "name"):
            raise ManifestError(f"prompts.media: no string named '{key}'{nearest(key, known)}")
    for key, allowed in _FIELDS.items():
        _check_fields(key, str(spec.get(key, "")), allowed)
    base = load_dialect(str(spec.get("base", "none")))
    changes = {key: value for key, value in spec.items() if key != "base"}
    dialect = replace(base, **{"name": "custom", **changes})
    if dialect.placement not in ("media", "conversation") or dialect.duration not in ("seconds", "exact"):
        where = f"placement {dialect.placement!r}, duration {dialect.duration!r}"
        raise ManifestError(f"prompts.media: {where}; placement is media or conversation, duration is seconds or exact")
    if not isinstance(dialect.frames_per_marker, int) or dialect.frames_per_marker < 1:
        raise ManifestError(f"prompts.media: frames_per_marker is {dialect.frames_per_marker!r}; it must be 1 or more")
    return dialect


def _check_fields(key: str, text: str, allowed: Sequence[str]) -> None:
    try:
        found = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError as err:
        raise ManifestError(f"prompts.media.{key}: {text!r}: {err}; write braces as {{{{ and }}}}") from err
    for name in found:
        if name not in allowed:
            raise ManifestError(f"prompts.media.{key}: no field {{{name}}}; there are {', '.join(allowed)}")


@lru_cache(maxsize=4096)
def number(value: int) -> str:
    """Write a number in English words, as the processor does.

    >>> number(64)
    'sixty-four'
    """
    from num2words import num2words

    return str(num2words(value))


def duration(seconds: float, form: str) -> str:
    """Write a duration as H:MM:SS, cut to whole seconds, or `exact` with microseconds where there are any."""
    return str(timedelta(seconds=int(seconds) if form == "seconds" else seconds))


def clock(seconds: float) -> str:
    """Write a time as MM:SS, cut to whole seconds; minutes go past 59.

    >>> clock(3725.9)
    '62:05'
    """
    return f"{int(seconds // 60):02d}:{int(seconds % 60):02d}"
