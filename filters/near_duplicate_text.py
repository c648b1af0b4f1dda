"""`near_duplicate_text`: samples that say nearly the same about the same media."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from curation.errors import ManifestError
from curation.filters.filter import Action, Tables
from curation.filters.matches import create_places, decide, match_table, pair_up, read_pairs
from curation.filters.shingles import Words, jaccard, minhash, mix, shingles, split_words
from curation.filters.texts import chunks

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

MAX_MINIMA = 120
MIN_WORDS = 10
MIN_ANSWER_WORDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class NearDuplicateText:
    """Drop samples whose question and answer share most of their 5-word sequences with another sample's.

    Only samples with the same media (or none) are compared: the same question about another image is another sample.
    And only such as have the same numbers, operators and single letters in the same order, and the same answer where
    it has fewer than 8 words; so `12 + 7 = ?` and `12 + 8 = ?`, or answers A and B, are never alike. (The usual
    normaliser turns every number into 0, and 14,363 different numeric questions into 25.) Texts of fewer than 10 words
    have to be equal word for word.

    Candidates come from MinHash in as many bands as find 99 % of the pairs at `similarity`; each is then verified by
    its true Jaccard similarity. Reason `near_duplicate`, measured: that similarity. Signatures spill, and the
    sequences of candidates lie in a file; 20 bytes a sample, and some 150 for each that goes, are held in memory.
    """

    name: ClassVar[str] = "near_duplicate_text"
    version: ClassVar[int] = 2
    is_guarded: ClassVar[bool] = True
    reads_media: ClassVar[bool] = False

    similarity: float = 0.8
    action: Action = "drop"

    def __post_init__(self) -> None:
        if not 0.5 <= self.similarity <= 1:
            raise ManifestError(f"filters.near_duplicate_text.similarity is {self.similarity}; write 0.5 to 1.0")

    def ledger(self, tables: Tables) -> pa.Table:
        """Return a row for each sample that repeats one that stays."""
        connection = tables.connection
        create_places(connection)
        connection.execute("create or replace temp table bands (place bigint, hashes ubigint[])")
        for batch in _signatures(tables, self.similarity):
            connection.register("batch", batch)
            connection.execute("insert into bands from batch")
            connection.unregister("batch")
        keys = "(select place, hash(media_sha256, unnest(hashes)) as key from bands join places using (place))"
        pair_up(connection, keys, self.name)
        sets = _shingle_sets(tables)

        def measure(place: int, other: int) -> float | None:
            likeness = jaccard(sets.of(place), sets.of(other))
            return likeness if likeness >= self.similarity else None

        connection.register("matches", match_table(decide(read_pairs(connection), measure)))
        rows = tables.rows(
            """select a.sample_id, a.source, 'near_duplicate_text' as filter, $action as action,
                      'near_duplicate' as reason, measured, $similarity as threshold,
                      b.sample_id as evidence_sample_id, b.source as evidence_source, $detail as detail
               from matches m join places a on a.place = m.place join places b on b.place = m.other""",
            {"action": self.action, "similarity": self.similarity, "detail": json.dumps({"measure": "5-gram jaccard"})},
        )
        connection.unregister("matches")
        for table in ("bands", "pairs", "places"):
            connection.execute(f"drop table {table}")
        return rows


def num_bands(similarity: float) -> tuple[int, int]:
    """Return bands and rows for at most 120 minima: the longest rows that still find 99 % at this similarity.

    >>> num_bands(0.8)
    (20, 6)
    """
    for rows in range(20, 1, -1):
        bands = MAX_MINIMA // rows
        if 1 - (1 - similarity**rows) ** bands >= 0.99:
            return bands, rows
    return MAX_MINIMA, 1


def _signatures(tables: Tables, similarity: float) -> Iterator[pa.RecordBatch]:
    """Yield (place, hashes) of all kept samples; the number of hashes is that of the bands, 1 for short texts."""
    import numpy as np
    import pyarrow as pa

    bands, rows = num_bands(similarity)
    seeds = np.arange(1, rows + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1)
    places = _places_in_file_order(tables, "samples")
    done = 0
    for batch in tables.texts(None):
        for _, questions, answers in chunks(batch):
            words, exact = _words(questions, answers)
            found, bounds = shingles(words)
            minima = minhash(found, bounds, bands * rows).reshape(len(answers), bands, rows).astype(np.uint64)
            hashes = mix((minima * seeds).sum(axis=2, dtype=np.uint64) + np.arange(bands, dtype=np.uint64))
            hashes = mix(hashes ^ exact[:, None])
            is_short = np.diff(words.bounds) < MIN_WORDS
            sizes = np.where(is_short, 1, bands)
            offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
            values = hashes[np.arange(bands) < sizes[:, None]]
            mine = pa.array(places[done : done + len(answers)])
            done += len(answers)
            yield pa.record_batch([mine, pa.ListArray.from_arrays(offsets, values)], names=["place", "hashes"])


def _words(questions: list[str], answers: list[str]) -> tuple[Words, NDArray[np.uint64]]:
    """Return the words of whole samples, and a hash of what has to be equal."""
    import numpy as np

    words = split_words([f"{question}\n{answer}" for question, answer in zip(questions, answers, strict=True)])
    short = [answer if len(answer.split(maxsplit=MIN_ANSWER_WORDS)) < MIN_ANSWER_WORDS else "" for answer in answers]
    answer_words = split_words(short)
    exact = mix(words.symbols + mix(_sequence(answer_words)))
    is_short = np.diff(words.bounds) < MIN_WORDS
    return words, np.where(is_short, mix(exact + _sequence(words)), exact)


def _sequence(words: Words) -> NDArray[np.uint64]:
    """Return a hash of each text's words in their order."""
    import numpy as np

    counts = np.diff(words.bounds)
    owner = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(owner)) - words.bounds[:-1][owner]
    placed = mix(words.words + within.astype(np.uint64))
    running = np.concatenate([np.zeros(1, np.uint64), np.cumsum(placed, dtype=np.uint64)])
    return np.asarray(running[words.bounds[1:]] - running[words.bounds[:-1]])


def _places_in_file_order(tables: Tables, chosen: str) -> NDArray[np.int64]:
    """Return the places of the samples of a table (with sample_id), in the order in which `texts` gives them."""
    found = tables.connection.sql(f"""
        select place from places join samples using (sample_id)
        where sample_id in (select sample_id from {chosen}) order by file, file_row""")
    return found.to_arrow_table()["place"].to_numpy()  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ShingleSets:
    """Sets of 5-grams on disk: that of `places[k]` (ascending) is `data[starts[k]:stops[k]]`, sorted, no repeats."""

    places: NDArray[np.int64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    data: NDArray[np.uint64]

    def of(self, place: int) -> NDArray[np.uint64]:
        index = self.places.searchsorted(place)
        return self.data[self.starts[index] : self.stops[index]]


def _shingle_sets(tables: Tables) -> _ShingleSets:
    """Write the 5-grams of the samples of `pairs` to a file of the stage: 8 bytes a word."""
    import numpy as np

    tables.connection.execute("""
        create or replace temp table candidates as
        select sample_id from places where place in (select place from pairs union select other from pairs)""")
    places = _places_in_file_order(tables, "candidates")
    wanted = tables.connection.sql("select sample_id from candidates").to_arrow_table()["sample_id"].combine_chunks()
    tables.connection.execute("drop table candidates")
    sizes = np.zeros(len(places), np.int64)
    path = tables.folder / "shingles"
    done = 0
    with path.open("wb") as file:
        for batch in tables.texts(wanted):
            for _, questions, answers in chunks(batch):
                hashes, bounds = shingles(_words(questions, answers)[0])
                for low, high in pairwise(bounds.tolist()):
                    unique = np.unique(hashes[low:high])
                    file.write(unique.data)
                    sizes[done] = len(unique)
                    done += 1
    stops = np.cumsum(sizes)
    order = np.argsort(places)
    data = np.asarray(np.memmap(path, np.uint64, mode="r")) if len(stops) and stops[-1] else np.zeros(0, np.uint64)
    return _ShingleSets(places=places[order], starts=(stops - sizes)[order], stops=stops[order], data=data)
