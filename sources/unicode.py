"""Mend what UTF-8 can't carry: lone surrogates, in texts as U+FFFD, in the names of files and rows as escapes."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from curation.records import Drop, Part, Sample, Text, Turn


def named_in_unicode(row: Sample | Drop) -> Sample | Drop:
    """Write lone surrogates in a row's key and id as escapes: bytes of a file's name that are no UTF-8."""
    if is_readable(row.row_key) and (isinstance(row, Drop) or row.row_id is None or is_readable(row.row_id)):
        return row
    if isinstance(row, Drop):
        return structs.replace(row, row_key=readable(row.row_key))
    return structs.replace(
        row, row_key=readable(row.row_key), row_id=None if row.row_id is None else readable(row.row_id)
    )


def with_whole_texts(sample: Sample) -> tuple[Sample, int]:
    """Replace lone surrogates in a sample's texts by U+FFFD; return how many texts that touched."""
    broken = sum(_is_broken(part) for turn in sample.turns for part in turn.parts)
    if not broken:
        return sample, 0
    turns = tuple(Turn(role=turn.role, parts=tuple(_mended(turn))) for turn in sample.turns)
    return structs.replace(sample, turns=turns), broken


def readable(text: str) -> str:
    """Return a name with its lone surrogates as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def is_readable(text: str) -> bool:
    """Say whether UTF-8 can carry a text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _mended(turn: Turn) -> Iterator[Part]:
    for part in turn.parts:
        if isinstance(part, Text) and _is_broken(part):
            yield Text(text=part.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
        else:
            yield part


def _is_broken(part: Part) -> bool:
    return isinstance(part, Text) and not is_readable(part.text)
