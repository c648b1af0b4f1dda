"""The tokens that stand for an image, and their expansion into `input_ids` and `labels`.

Until shards are written, -1 stands for a whole image (or a video frame), because its tokens follow from its tile grid.
Split images are laid out tile by tile, row by row, then the whole image; others as the whole image alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from curation.mixtures.profile import Profile
from curation.mixtures.tokenizer import Tokenizer

PLACEHOLDER = -1
NO_LOSS = -100
Ids = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLayout:
    """The ids that an image's tokens are made of. `positions` holds those of tile (row, col), counted from 1."""

    image: int
    edge: tuple[int, ...]
    whole: tuple[int, ...]
    line_end: tuple[int, ...]
    last_line_end: tuple[int, ...]
    image_seq_len: int
    positions: tuple[tuple[tuple[int, ...], ...], ...]
    _known: dict[tuple[int, int], Ids] = field(default_factory=dict, repr=False, compare=False)

    def num_tokens(self, rows: int, cols: int) -> int:
        """Return how many tokens an image of this grid takes."""
        return len(self.tokens(rows, cols))

    def num_image_tokens(self, rows: int, cols: int) -> int:
        """Return how many of them are image tokens, which the model fills with features."""
        return self.image_seq_len * num_tiles(rows, cols)

    def tokens(self, rows: int, cols: int) -> Ids:
        """Return the ids of an image of this grid; do not write into the array."""
        found = self._known.get((rows, cols))
        if found is None:
            found = self._known[rows, cols] = self._made(rows, cols)
        return found

    def _made(self, rows: int, cols: int) -> Ids:
        tile = (self.image,) * self.image_seq_len
        found: list[int] = []
        for row in range(rows):
            for col in range(cols):
                found += (*self.edge, *self.positions[row][col], *tile)
            found += self.last_line_end if row == rows - 1 else self.line_end
        found += (*self.edge, *self.whole, *tile, *self.edge)
        array = np.array(found, np.int32)
        array.setflags(write=False)
        return array


def num_tiles(rows: int, cols: int) -> int:
    """Return how many tiles the vision encoder sees: the grid's and the whole image."""
    return rows * cols + 1


def image_layout(profile: Profile, tokenizer: Tokenizer, *, tiles: Literal["learned", "string"]) -> ImageLayout:
    """Return the layout of a profile's images.

    With `string`, or where the profile's vocabulary has no position tokens, their names are encoded as text. Positions
    past the vocabulary's grid are always text, as the processor writes them.
    """
    names, special = profile.tokens, tokenizer.special
    is_learned = tiles == "learned" and profile.position_tokens == "learned"

    def ids(name: str) -> tuple[int, ...]:
        return (special[name],) if is_learned and name in special else tuple(tokenizer.encode_ordinary(name))

    largest = max(-(-profile.longest_edge // profile.tile), 1)
    sides = range(1, largest + 1)
    return ImageLayout(
        image=special[names.image],
        edge=(special[names.image_edge],),
        whole=ids(names.whole_image),
        line_end=tuple(tokenizer.encode_ordinary("\n")),
        last_line_end=tuple(tokenizer.encode_ordinary("\n\n")),
        image_seq_len=profile.image_seq_len,
        positions=tuple(tuple(ids(names.tile.format(row=row, col=col)) for col in sides) for row in sides),
    )


def expand(
    ids: Ids | Sequence[int],
    loss: Ids | Sequence[int],
    tiles: Sequence[tuple[int, int]],
    layout: ImageLayout,
) -> tuple[Ids, Ids]:
    """Return (input_ids, labels) of one sample, int32 of the same length.

    `ids` is compact; `loss` is [start, end, …] of the trained spans in it; `tiles` has (rows, cols) of each image and
    frame in order, (0, 0) when not cut. Labels are -100 outside the spans and on everything that stands for an image.
    """
    compact = np.asarray(ids, np.int32)
    places = np.flatnonzero(compact == PLACEHOLDER)
    assert len(places) == len(tiles), f"{len(places)} placeholders for {len(tiles)} images"
    trained = np.full(len(compact), NO_LOSS, np.int32)
    for start, end in np.asarray(loss, np.int64).reshape(-1, 2):
        trained[start:end] = compact[start:end]
    if not len(places):
        return compact, trained
    blocks = [layout.tokens(rows, cols) for rows, cols in tiles]
    lengths = np.ones(len(compact), np.int64)
    lengths[places] = [len(block) for block in blocks]
    trained[places] = NO_LOSS
    input_ids, labels = np.repeat(compact, lengths), np.repeat(trained, lengths)
    input_ids[input_ids == PLACEHOLDER] = np.concatenate(blocks)
    return input_ids, labels
