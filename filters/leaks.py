"""Where samples hold what benchmark items ask or show: the evidence that `contamination` judges."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from curation.filters.benchmark_items import Item, Items
from curation.filters.filter import Tables
from curation.filters.hamming import hash_array, near_between
from curation.filters.ngrams import Index, build_index, find, whole_hashes
from curation.filters.pixels import load_grey, local_difference
from curation.filters.runs import places_within
from curation.filters.shingles import split_words
from curation.filters.texts import chunks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_LOOKS = 8
NUM_CACHED = 128
_NUMBER = re.compile(r"\d+")

Pixels = Literal["same", "differ", "unread"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLeak:
    """A sample holds this share (0 to 1) of an item's words; `is_short`: an item too short for n-grams, held whole."""

    sample_id: str
    item: int
    share: float
    is_short: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLeak:
    """An image of a sample is within `bits` of a benchmark's picture; `pixels` says what a closer look found."""

    sample_id: str
    picture: int
    bits: int
    pixels: Pixels


def text_leaks(tables: Tables, items: Sequence[Item], *, num_words: int, share: float) -> Iterator[TextLeak]:
    """Yield samples with an exchange that holds at least `share` of an item's n-grams and all its question's numbers.

    Items without n-grams of their own are found where an exchange's question is theirs and its answer one of theirs,
    word for word.
    """
    index = build_index([_whole(item) for item in items], num_words)
    owners, keys = _short_keys(items, index)
    for batch in tables.exchanges(None):
        for ids, questions, answers in chunks(batch):
            words = split_words([f"{asked}\n{said}" for asked, said in zip(questions, answers, strict=True)])
            for text, item, found in find(index, words):
                if found >= share and _has_numbers(items[item].question, f"{questions[text]}\n{answers[text]}"):
                    yield TextLeak(sample_id=ids[text], item=item, share=found, is_short=False)
            for text, item in _equal(keys, owners, questions, answers):
                yield TextLeak(sample_id=ids[text], item=item, share=1.0, is_short=True)


def image_leaks(tables: Tables, found: Items, *, bits: int, difference: float) -> Iterator[ImageLeak]:
    """Yield samples that show what a picture of a benchmark shows: the 8 nearest pictures of each image at most."""
    import numpy as np

    tables.connection.execute("""
        create or replace temp table shown as
        select row_number() over (order by media_id) - 1 as place, media_id,
               arg_min(phash, (sample_id, position)) as phash, arg_min(address, (sample_id, position)) as address
        from media where type = 'image' and phash is not null group by media_id""")
    hashes = hash_array(
        tables.connection.sql("select unhex(phash) as phash from shown order by place").to_arrow_table()["phash"]
    )
    if len(hashes) and found.pictures:
        known = np.frombuffer(b"".join(picture.phash for picture in found.pictures), np.uint8).reshape(-1, 32)
        ours, theirs, apart = near_between(known, hashes, bits)
        near = places_within(ours) < MAX_LOOKS
        yield from _looked_at(tables, found, (ours[near], theirs[near], apart[near]), difference)
    tables.connection.execute("drop table shown")


def _looked_at(
    tables: Tables, found: Items, pairs: tuple[NDArray[np.int64], ...], difference: float
) -> Iterator[ImageLeak]:
    """Look at the pixels of pairs (place in `shown`, picture, differing bits), ordered by place."""
    import numpy as np
    import pyarrow as pa

    places = np.unique(pairs[0])
    tables.connection.register("wanted", pa.table({"place": pa.array(places)}))
    images = tables.connection.sql("""
        select place, any_value(address) as address, list(distinct sample_id order by sample_id) as samples
        from shown join (select sample_id, media_id from media) using (media_id)
        where place in (select place from wanted) group by place order by place""").to_arrow_table()
    tables.connection.unregister("wanted")
    grey = lru_cache(NUM_CACHED)(load_grey)
    for place, picture, distance in zip(*(side.tolist() for side in pairs), strict=True):
        row = int(places.searchsorted(place))
        address = images["address"][row].as_py()
        pixels = _look(grey(address) if address else None, grey(found.pictures[picture].address), difference)
        for sample_id in images["samples"][row].as_py():
            yield ImageLeak(sample_id=sample_id, picture=picture, bits=distance, pixels=pixels)


def asks(question: str, item: Item) -> bool:
    """Say whether a question holds an item's question as it is, word for word, perhaps among other words.

    >>> asks("Look closely. What is 3 + 4? Answer briefly.", Item(
    ...     benchmark="b", file="f", key="0", question="What is 3 + 4?", answers=("7",)))
    True
    """
    words = split_words([question, item.question])
    ours, theirs = (words.words[words.bounds[side] : words.bounds[side + 1]] for side in (0, 1))
    if not len(theirs):
        return False
    held, wanted = ours.tobytes(), theirs.tobytes()
    place = held.find(wanted)
    while place % 8 and place != -1:
        place = held.find(wanted, place + 1)
    return place != -1


def _look(ours: NDArray[np.uint8] | None, theirs: NDArray[np.uint8] | None, difference: float) -> Pixels:
    if ours is None or theirs is None:
        return "unread"
    return "same" if local_difference(ours, theirs) <= difference else "differ"


def _whole(item: Item) -> str:
    return f"{item.question}\n{max(item.answers, key=len, default='')}"


def _short_keys(items: Sequence[Item], index: Index) -> tuple[dict[int, list[int]], NDArray[np.uint64]]:
    """Return hashes of question and answer of the items that have no n-grams of their own, and the items of each."""
    import numpy as np

    pairs = [
        (number, answer)
        for number, item in enumerate(items)
        if not index.sizes[number] and item.question.strip()
        for answer in item.answers or ("",)
    ]
    hashes = _joint([items[number].question for number, _ in pairs], [answer for _, answer in pairs])
    owners: dict[int, list[int]] = {}
    for (number, _), key in zip(pairs, hashes.tolist(), strict=True):
        if number not in owners.setdefault(key, []):
            owners[key].append(number)
    return owners, np.array(sorted(owners), np.uint64)


def _equal(
    keys: NDArray[np.uint64], owners: dict[int, list[int]], questions: list[str], answers: list[str]
) -> Iterator[tuple[int, int]]:
    import numpy as np

    if not len(keys):
        return
    hashes = _joint(questions, answers)
    unanswered = _joint(questions, [""] * len(questions))  # for items whose answers are not published
    for text in np.flatnonzero(np.isin(hashes, keys) | np.isin(unanswered, keys)).tolist():
        for key in dict.fromkeys((int(hashes[text]), int(unanswered[text]))):
            for item in owners.get(key, ()):
                yield text, item


def _joint(questions: Sequence[str], answers: Sequence[str]) -> NDArray[np.uint64]:
    import numpy as np

    asked, said = (whole_hashes(split_words(side)) for side in (questions, answers))
    return asked * np.uint64(3) + said


def _has_numbers(question: str, text: str) -> bool:
    return set(_NUMBER.findall(question)) <= set(_NUMBER.findall(text))
