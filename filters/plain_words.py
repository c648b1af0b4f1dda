"""Words and sentences for datatrove's filters without a language package."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datatrove.utils.word_tokenizers import WordTokenizer

# URLs, words and numbers with their inner dots, what follows an apostrophe, runs of dots; any other sign stands alone.
_WORD = re.compile(r"https?://\S+|[^\W_]+(?:[.,/_][^\W_]+)*|['’]\w+|\.{2,}|\S")
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"'”’)\]]*\s+|\n+")


@cache
def plain_words() -> WordTokenizer:
    """Return a datatrove word tokenizer that needs no package and no data, and splits alike on every machine."""
    from datatrove.utils.word_tokenizers import WordTokenizer

    class PlainWords(WordTokenizer):  # type: ignore[misc]
        """Words by characters, sentences by their closing signs."""

        def word_tokenize(self, text: str) -> list[str]:
            return words(text)

        def sent_tokenize(self, text: str) -> list[str]:
            return sentences(text)

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return spans(text)

    made: Any = PlainWords()
    return made


def words(text: str) -> list[str]:
    """Split text into words and signs.

    >>> words("It isn't 3.5 m, is it?")
    ['It', 'isn', "'t", '3.5', 'm', ',', 'is', 'it', '?']
    """
    return _WORD.findall(text)


def sentences(text: str) -> list[str]:
    """Split text into sentences.

    >>> sentences("One. Two! Three")
    ['One.', 'Two!', 'Three']
    """
    return [text[start:stop] for start, stop in spans(text)]


def spans(text: str) -> list[tuple[int, int]]:
    """Return where the sentences of a text begin and end; ends are not part of them."""
    edges = [0]
    for found in _SENTENCE_END.finditer(text):
        edges += [found.start() + len(found.group().rstrip()), found.end()]
    edges.append(len(text))
    return [(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True) if text[start:stop].strip()]
