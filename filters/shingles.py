"""Texts as sets of word 5-grams, in batches of arrays: the same words give the same numbers on every machine.

A word is a run of letters and digits, or one character of a script without spaces (kana, Han, Hangul). Everything else
separates words. What carries the meaning of a question with numbers (digits, operators, single letters) is kept apart
as well, so that two texts that differ in it can be told apart however alike the rest is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHINGLE_WORDS = 5

_MULTIPLIER = 0x9E3779B97F4A7C15
_TABLE_SIZE = 1 << 22  # of the powers that are kept: longer batches get a table of their own
_OPERATORS = b"+-*/=<>^%|~\\_&@$#"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of a batch of texts: text i has `words[bounds[i]:bounds[i + 1]]`, uint64 hashes in order.

    `symbols[i]` is a hash of the text's numbers, operators and single letters in their order.
    """

    words: NDArray[np.uint64]
    bounds: NDArray[np.int64]
    symbols: NDArray[np.uint64]


def split_words(texts: Sequence[str]) -> Words:
    """Split texts into hashed lower-case words. About 100 MB of text a second in batches of 100 kB."""
    import numpy as np

    encoded = [text.lower().encode("utf-8", "replace") for text in texts]
    data = np.frombuffer(b"\x00".join([*encoded, b""]), np.uint8)
    lengths = np.fromiter((len(text) + 1 for text in encoded), np.int64, len(encoded))
    ends = np.cumsum(lengths)
    kinds = _kinds()[data]
    starts, stops = _runs(kinds)
    words = _run_hashes(data, kinds, starts)
    owner = np.repeat(np.arange(len(texts)), np.diff(np.searchsorted(starts, ends), prepend=0))
    is_symbol = (kinds[starts] == 3) | _is_sign(data, starts, stops)
    is_symbol[np.searchsorted(starts, np.flatnonzero(kinds == 2), side="right") - 1] = True  # words with a digit
    symbols = _ordered_hashes(words[is_symbol], owner[is_symbol], len(texts))
    is_word = kinds[starts] != 3
    bounds = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.bincount(owner[is_word], minlength=len(texts)), out=bounds[1:])
    return Words(words=words[is_word], bounds=bounds, symbols=symbols)


def shingles(words: Words) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the 5-grams of all texts and their bounds; a text of fewer words has one, of all its words."""
    import numpy as np

    counts = np.diff(words.bounds)
    if not len(counts):
        return np.zeros(0, np.uint64), np.zeros(1, np.int64)
    numbers = np.where(counts == 0, 0, np.maximum(counts - SHINGLE_WORDS + 1, 1))
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(numbers)])
    firsts = np.repeat(words.bounds[:-1] - bounds[:-1], numbers) + np.arange(bounds[-1])
    lasts = np.repeat(words.bounds[1:], numbers)
    found = np.zeros(len(firsts), np.uint64)
    padded = np.concatenate([words.words, np.zeros(SHINGLE_WORDS, np.uint64)])
    for offset in range(SHINGLE_WORDS):
        word = padded[firsts + offset]
        word[firsts + offset >= lasts] = 0
        found = mix(found * np.uint64(_MULTIPLIER) + word)
    return found, bounds


def minhash(found: NDArray[np.uint64], bounds: NDArray[np.int64], num: int) -> NDArray[np.uint32]:
    """Return `num` minima for each text: [texts, num]. The share that two texts have equal estimates their Jaccard.

    A permutation is a multiplication of the upper 32 bits by an odd number, modulo 2**32: a third of the time that 64
    bits take. Texts without shingles get the largest value throughout.
    """
    import numpy as np

    size = len(bounds) - 1
    minima = np.full((num, size), np.uint32(0xFFFFFFFF), np.uint32)
    full = np.flatnonzero(np.diff(bounds))
    if len(full):
        starts = bounds[:-1][full]
        factors = mix(np.arange(1, num + 1, dtype=np.uint64) * np.uint64(_MULTIPLIER)) | np.uint64(1)
        upper = (found >> np.uint64(32)).astype(np.uint32)
        product = np.empty_like(upper)
        for index, factor in enumerate(factors.astype(np.uint32)):
            np.multiply(upper, factor, out=product)
            minima[index, full] = np.minimum.reduceat(product, starts)
    return np.ascontiguousarray(minima.T)


def jaccard(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> float:
    """Return the Jaccard similarity of two sets given as sorted unique arrays; two empty sets are equal (1.0)."""
    import numpy as np

    if not len(one) and not len(other):
        return 1.0
    shared = np.intersect1d(one, other, assume_unique=True).size
    return float(shared / (len(one) + len(other) - shared))


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every bit over all 64 (splitmix64's finaliser)."""
    import numpy as np

    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@cache
def _kinds() -> NDArray[np.uint8]:
    """Classify bytes: 0 separator, 1 letter, 2 digit, 3 operator, 4 first byte of a character that is a word itself.

    Continuation bytes of UTF-8 and the first bytes of other scripts are letters. The characters from U+3000 to U+DFFF
    begin with E3 to ED; each is a word.
    """
    import numpy as np

    kinds = np.zeros(256, np.uint8)
    kinds[list(range(ord("a"), ord("z") + 1))] = 1
    kinds[0x80:] = 1
    kinds[list(range(ord("0"), ord("9") + 1))] = 2
    kinds[list(_OPERATORS)] = 3
    kinds[0xE3:0xEE] = 4
    return kinds


def _runs(kinds: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where words and operators begin and end. An operator is one byte; a Han character stands alone."""
    import numpy as np

    is_letter = (kinds == 1) | (kinds == 2)
    before = np.concatenate([[False], is_letter[:-1]])
    begins = (is_letter & ~before) | (kinds >= 3)
    # The two continuation bytes after a character that stands alone belong to it, what follows begins anew.
    third = np.concatenate([np.zeros(3, bool), (kinds == 4)[:-3]])[: len(kinds)]
    begins |= third & is_letter
    second = np.concatenate([[False], (kinds == 4)[:-1]])
    begins &= ~second
    starts = np.flatnonzero(begins)
    ends_here = np.concatenate([begins[1:], [True]]) | np.concatenate([kinds[1:] == 0, [True]])
    return starts, np.flatnonzero(ends_here & (kinds > 0)) + 1


def _is_sign(data: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Find single letters other than the words `a` and `i`, Greek ones, arrows and mathematical signs (U+2190-22FF)."""
    import numpy as np

    first, length = data[starts], stops - starts
    second = data[np.minimum(starts + 1, max(len(data) - 1, 0))]
    is_letter = (length == 1) & (first != ord("a")) & (first != ord("i"))
    is_greek = (length == 2) & ((first == 0xCE) | (first == 0xCF))
    is_mathematical = (first == 0xE2) & (second >= 0x86) & (second <= 0x8B)
    return np.asarray(is_letter | is_greek | is_mathematical)


def range_hashes(
    data: NDArray[np.uint8] | NDArray[np.uint64], starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Hash ranges of bytes or of words: differences of one running polynomial, brought back to power 0, then spread.

    `starts` lie within the data. The same range of values has the same hash wherever it stands.
    """
    import numpy as np

    powers, inverses = _powers(len(data))
    running = np.concatenate([np.zeros(1, np.uint64), np.cumsum(data * powers, dtype=np.uint64)])
    return mix((running[stops] - running[starts]) * inverses[starts])


def _run_hashes(data: NDArray[np.uint8], kinds: NDArray[np.uint8], starts: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return what `range_hashes` does for runs that only separators part, in half the time."""
    import numpy as np

    powers, inverses = _powers(len(data))
    product = np.where(kinds > 0, data, np.uint8(0)) * powers
    return mix(np.add.reduceat(product, starts) * inverses[starts]) if len(starts) else np.zeros(0, np.uint64)


def _ordered_hashes(hashes: NDArray[np.uint64], owner: NDArray[np.int64], num: int) -> NDArray[np.uint64]:
    """Hash the sequence of hashes of each owner 0 to num - 1; `owner` ascends. Owners of nothing get 0."""
    import numpy as np

    bounds = np.searchsorted(owner, np.arange(num + 1))
    powers, inverses = _powers(len(hashes))
    running = np.concatenate([np.zeros(1, np.uint64), np.cumsum(hashes * powers, dtype=np.uint64)])
    inverses = np.concatenate([inverses, np.zeros(1, np.uint64)])
    return mix((running[bounds[1:]] - running[bounds[:-1]]) * inverses[bounds[:-1]])


def _powers(size: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the powers 0 to size - 1 of the multiplier and of its inverse modulo 2**64."""
    powers, inverses = _power_table(max(size, _TABLE_SIZE))
    return powers[:size], inverses[:size]


@cache
def _power_table(size: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    import numpy as np

    tables = []
    for base in (_MULTIPLIER, pow(_MULTIPLIER, -1, 1 << 64)):
        factors = np.full(size, np.uint64(base), np.uint64)
        factors[:1] = 1
        tables.append(np.cumprod(factors, dtype=np.uint64))
    return tables[0], tables[1]
