"""Videos with captions and questions about the whole or a part: what the adapters of such datasets share.

A caption has no question in these datasets. The option `question` gives one, or several of which a row's key chooses
one; without it the video alone is the question, since nothing is made up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.errors import ManifestError, nearest
from curation.fingerprint import unit_hash
from curation.records import Address, Card, Flag, FrameFolder, Location, Part, Sample, Text, Turn, Video
from curation.sources.conversation import check_turns, text_turn
from curation.sources.defects import RowDefect
from curation.sources.media_cells import STILL_OPTIONS, check_media
from curation.sources.options import check_options, names_option

CLIP_OPTIONS = {
    "question": "what captions answer: one question, or several to choose from; default: the video alone",
    **STILL_OPTIONS,
}
_TIME = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d{1,2}(?:[.,]\d+)?)")


def choices_option(
    location: Location, name: str, choices: Sequence[str], default: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Return an option that is one or several of some words, in the order of the words. Raises ManifestError."""
    given = names_option(location, name) or tuple(choices if default is None else default)
    for word in given:
        if word not in choices:
            hint = nearest(word, choices)
            raise ManifestError(f"source options: '{name}' is {word!r}; it knows {', '.join(choices)}{hint}")
    return tuple(choice for choice in choices if choice in given)


def check_clip_options(card: Card, location: Location, units: Sequence[str], *, name: str = "units") -> None:
    """Check the options that such adapters share, and that the media root exists. Raises ManifestError, SourceError."""
    check_options(card, location.options)
    choices_option(location, name, units)
    names_option(location, "question")
    check_media(location)


def question_for(location: Location, row_key: str) -> str:
    """Return the question that a caption answers: of several one chosen by the row's key alone; none: empty."""
    questions = names_option(location, "question")
    return questions[int(unit_hash(0, "question", row_key) * len(questions))] if questions else ""


def clip_sample(
    row_key: str,
    video: Video,
    pairs: Sequence[tuple[str, str]],
    *,
    row_id: str | None = None,
    columns: Mapping[str, Any] | None = None,
    flags: Sequence[Flag] = (),
) -> Sample:
    """Make the sample of a video and its questions and answers; the video comes first. Raises RowDefect."""
    turns: list[Turn] = []
    first: tuple[Part, ...] = (video,)
    for question, answer in pairs:
        words = (Text(text=question),) if question.strip() else ()
        turns.append(Turn(role="user", parts=(*first, *words)))
        turns.append(text_turn("assistant", answer.strip()))
        first = ()
    check_turns(turns)
    return Sample(row_key=row_key, row_id=row_id, turns=tuple(turns), columns=dict(columns or {}), flags=tuple(flags))


def text_of(value: Any, what: str, *, reason: str = "no_answer") -> str:
    """Return a text that has words. Raises RowDefect."""
    if value is not None and not isinstance(value, str):
        raise RowDefect("invalid_row", f"{what} is {type(value).__name__}, not a string")
    if not value or value.isspace():
        raise RowDefect(reason, f"{what} is {'absent' if value is None else 'blank'}")
    return value


def seconds_of(value: Any) -> float:
    """Return a time in seconds from `HH:MM:SS.mmm`, `MM:SS`, or a number of seconds. Raises RowDefect (`invalid_time`).

    >>> seconds_of("00:01:02.500"), seconds_of("00:09"), seconds_of(4)
    (62.5, 9.0, 4.0)
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return float(value)
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise RowDefect("invalid_time", f"{value!r} is not a time")
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds.replace(",", "."))


def check_span(start: float, end: float) -> None:
    """Check that a part of a video has a length. Raises RowDefect (`invalid_time`)."""
    if end <= start:
        raise RowDefect("invalid_time", f"from {start:g} s to {end:g} s", measured=end - start, threshold=0)


def frame_seconds(video: Video) -> npt.NDArray[np.float64]:
    """Return the times of a video's frames and, last, its end, in seconds from the first frame; it is demuxed for that.

    Frame numbers in annotations become times only so: their rates are rounded (29 for 29.97). The last videos are kept.

    Raises:
        MediaError: as `curation.video.probe`.

    """
    content = video.content
    return _probed(content) if not isinstance(content, bytes) else _times(content)


@lru_cache(maxsize=32)
def _probed(content: Address | FrameFolder) -> npt.NDArray[np.float64]:
    return _times(content)


def _times(content: bytes | Address | FrameFolder) -> npt.NDArray[np.float64]:
    from curation.video import probe

    found = probe(content)
    return np.append(found.seconds, found.duration_seconds)
