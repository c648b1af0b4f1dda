"""A dialect's words put around the media of a conversation."""

from __future__ import annotations

from collections.abc import Sequence

from curation.mixtures.chat import Slot
from curation.mixtures.dialect import Dialect, VideoTimes, number

Part = str | int
"""A text, or the position of a medium."""

Turn = tuple[str, list[Part]]


def arrange(
    turns: Sequence[Turn], media: Sequence[VideoTimes | None], dialect: Dialect
) -> list[tuple[str, list[Slot]]]:
    """Return the turns with each medium as its words and, for each image or frame, None.

    `media` has the times of a video, None for an image, at each position. A turn has at least one part.
    """
    stripped = [(role, _texts(parts, dialect)) for role, parts in turns]
    if dialect.placement == "media":
        return [(role, _around_each(parts, media, dialect)) for role, parts in stripped]
    return _around_all(stripped, media, dialect)


def _texts(parts: list[Part], dialect: Dialect) -> list[Part]:
    if not dialect.strips_text:
        return parts
    kept = [part.strip() if isinstance(part, str) else part for part in parts]
    return [part for part in kept if part != ""] or parts[:1]


def _around_each(parts: Sequence[Part], media: Sequence[VideoTimes | None], dialect: Dialect) -> list[Slot]:
    """Put the words around every video and every row of images."""
    slots: list[Slot] = []
    has_words = bool(dialect.image_intro or dialect.image_outro)
    i = 0
    while i < len(parts):
        part = parts[i]
        i += 1
        if isinstance(part, str):
            slots.append(part)
            continue
        times = media[part]
        if times is not None:
            slots.append(_joined(dialect.opening(times), _frames(times, dialect), dialect.closing(times)))
            continue
        count = 1
        while has_words and i < len(parts) and _is_image(parts[i], media):
            count, i = count + 1, i + 1
        words = number(count) if has_words else ""
        intro, outro = dialect.image_intro.format(images=words), dialect.image_outro.format(images=words)
        slots.append(_joined(intro, (None,) * count, outro))
    return slots


def _around_all(
    turns: Sequence[Turn], media: Sequence[VideoTimes | None], dialect: Dialect
) -> list[tuple[str, list[Slot]]]:
    """Put the intro where media open the conversation, and the outro after its last medium."""
    places = [(i, j) for i, (_, parts) in enumerate(turns) for j, part in enumerate(parts) if isinstance(part, int)]
    first = next((i for i, (role, _) in enumerate(turns) if role != "system"), 0)
    images = number(sum(medium is None for medium in media)) if places else ""
    arranged: list[tuple[str, list[Slot]]] = []
    for i, (role, parts) in enumerate(turns):
        slots: list[Slot] = []
        for j, part in enumerate(parts):
            if isinstance(part, str):
                slots.append(part)
                continue
            times = media[part]
            intro = outro = ""
            if (i, j) == (first, 0):
                intro = dialect.opening(times) if times else dialect.image_intro.format(images=images)
            if (i, j) == places[-1]:
                outro = dialect.closing(times) if times else dialect.image_outro.format(images=images)
            slots.append(_joined(intro, _frames(times, dialect) if times else (None,), outro))
        arranged.append((role, slots))
    return arranged


def _frames(times: VideoTimes, dialect: Dialect) -> tuple[str | None, ...]:
    return tuple(item for words, count in dialect.blocks(times) for item in (words, *(None,) * count) if item != "")


def _is_image(part: Part, media: Sequence[VideoTimes | None]) -> bool:
    return isinstance(part, int) and media[part] is None


def _joined(intro: str, items: tuple[str | None, ...], outro: str) -> Slot:
    return (*((intro,) if intro else ()), *items, *((outro,) if outro else ()))
