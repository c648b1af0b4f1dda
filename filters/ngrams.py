"""Which texts hold the word n-grams of known texts: the index that contamination asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.filters.runs import counted
from curation.filters.shingles import Words, mix, range_hashes, split_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# What more items than this say alike is an instruction or a phrase of the trade ("as shown in the figure, in triangle
# ABC ..."), no sign of an item. MathVerse words each of its problems in up to 6 ways.
MAX_ITEMS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The distinct n-grams of known texts: `grams` ascend; gram g is in texts `items[bounds[g]:bounds[g + 1]]`.

    `sizes[i]` is the number of n-grams of text i that count; 0 where it is shorter than n words, or says only what
    more than `MAX_ITEMS` texts say.
    """

    num_words: int
    grams: NDArray[np.uint64]
    bounds: NDArray[np.int64]
    items: NDArray[np.int64]
    sizes: NDArray[np.int64]


def build_index(texts: Sequence[str], num_words: int) -> Index:
    """Index texts by their sequences of `num_words` words; numbers are words like others."""
    import numpy as np

    hashes, owner = ngrams(split_words(texts), num_words)
    order = np.lexsort((owner, hashes))
    hashes, owner = hashes[order], owner[order]
    fresh = np.ones(len(hashes), bool)
    fresh[1:] = (hashes[1:] != hashes[:-1]) | (owner[1:] != owner[:-1])
    hashes, owner = hashes[fresh], owner[fresh]
    grams, counts = np.unique(hashes, return_counts=True)
    kept = np.repeat(counts <= MAX_ITEMS, counts)
    grams, owner, counts = grams[counts <= MAX_ITEMS], owner[kept], counts[counts <= MAX_ITEMS]
    return Index(
        num_words=num_words,
        grams=grams,
        bounds=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
        items=owner,
        sizes=np.bincount(owner, minlength=len(texts)),
    )


def find(index: Index, words: Words) -> list[tuple[int, int, float]]:
    """Return (text, item, share of the item's n-grams that the text holds) for all that share any, in order."""
    import numpy as np

    hashes, owner = ngrams(words, index.num_words)
    if not len(hashes) or not len(index.grams):
        return []
    places = np.minimum(np.searchsorted(index.grams, hashes), len(index.grams) - 1)
    is_known = index.grams[places] == hashes
    codes = np.unique(owner[is_known] * len(index.grams) + places[is_known])
    texts, grams = np.divmod(codes, len(index.grams))
    counts = index.bounds[grams + 1] - index.bounds[grams]
    items = index.items[np.repeat(index.bounds[grams], counts) + counted(counts)]
    pairs, found = np.unique(np.repeat(texts, counts) * len(index.sizes) + items, return_counts=True)
    texts, items = np.divmod(pairs, len(index.sizes))
    shares = found / index.sizes[items]
    return list(zip(texts.tolist(), items.tolist(), shares.tolist(), strict=True))


def ngrams(words: Words, num_words: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the hashes of all sequences of `num_words` words and the text that each is of."""
    import numpy as np

    counts = np.diff(words.bounds)
    numbers = np.maximum(counts - num_words + 1, 0)
    owner = np.repeat(np.arange(len(counts)), numbers)
    starts = words.bounds[:-1][owner] + counted(numbers)
    return range_hashes(words.words, starts, starts + num_words), owner


def whole_hashes(words: Words) -> NDArray[np.uint64]:
    """Return a hash of each text as a whole: its words, numbers, operators and single letters in their order; 0: none.

    Case, blanks, and punctuation that means nothing make no difference.
    """
    import numpy as np

    full = np.flatnonzero(np.diff(words.bounds))
    hashes = np.zeros(len(words.bounds) - 1, np.uint64)
    if len(full):
        spans = words.bounds[:-1][full], words.bounds[1:][full]
        hashes[full] = mix(range_hashes(words.words, *spans) + mix(words.symbols[full]))
    return hashes
