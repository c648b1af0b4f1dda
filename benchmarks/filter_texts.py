"""Texts for measuring filters, and two rules that drop what repeats: near_duplicate_text and the usual one."""

from __future__ import annotations

import json
import random
import re
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.filters import load_filter
from curation.filters.shingles import jaccard, minhash, shingles, split_words
from curation.filters.stage import run_filters
from curation.tables import ENCODED, PULLED, from_rows

HELD_OUT = 200_000
USUAL_BANDS, USUAL_ROWS = 14, 8


def edited_texts(choose: random.Random, size: int) -> tuple[list[tuple[str, str]], list[str]]:
    """Return pairs of a text and an edited copy with a true 5-gram Jaccard above 0.83, and as many other texts."""
    vocabulary = ["".join(choose.choices("abcdefghijklmnopqrstuvwxyz", k=choose.randint(2, 9))) for _ in range(5000)]
    pairs: list[tuple[str, str]] = []
    while len(pairs) < size:
        words = choose.choices(vocabulary, k=choose.randint(60, 220))
        copy = list(words)
        for _ in range(choose.randint(1, 5)):
            copy[choose.randrange(len(copy))] = choose.choice(vocabulary)
        pair = " ".join(words), " ".join(copy)
        if pair[0] != pair[1] and true_jaccard(*pair) > 0.83:
            pairs.append(pair)
    return pairs, [" ".join(choose.choices(vocabulary, k=choose.randint(60, 220))) for _ in range(size)]


def true_jaccard(one: str, other: str) -> float:
    """Return the share of 5-word sequences that two texts have in common."""
    hashes, bounds = shingles(split_words([one, other]))
    return jaccard(np.unique(hashes[: bounds[1]]), np.unique(hashes[bounds[1] :]))


def numeric_questions(choose: random.Random, size: int) -> dict[str, str]:
    """Return questions that differ in their numbers only, with their answers."""
    asked: dict[str, str] = {}
    while len(asked) < size:
        a, b, c = (choose.randint(2, 999) for _ in range(3))
        asked[f"A shop sells {a} red and {b} blue pens and takes {c} back. How many pens are gone?"] = str(a + b - c)
    return asked


def dropped_as_usual(exchanges: list[tuple[str, str]]) -> list[int]:
    """Drop as datatrove's MinHash with its defaults: numbers become 0, signs go, 14 bands of 8 minima of 5-grams."""
    plain = [
        re.sub(r"[^\w\s]", " ", re.sub(r"\d+", "0", f"{question}\n{answer}".lower())) for question, answer in exchanges
    ]
    seen: set[tuple[int, bytes]] = set()
    gone = []
    for start in range(0, len(plain), 300):
        minima = minhash(*shingles(split_words(plain[start : start + 300])), USUAL_BANDS * USUAL_ROWS)
        for place, text in enumerate(minima.reshape(-1, USUAL_BANDS, USUAL_ROWS), start=start):
            bands = {(band, text[band].tobytes()) for band in range(USUAL_BANDS)}
            if bands & seen:
                gone.append(place)
            seen |= bands
    return gone


def dropped_by_ours(exchanges: list[tuple[str, str]]) -> list[int]:
    """Drop as the filter near_duplicate_text does."""
    with tempfile.TemporaryDirectory() as folder:
        pulled, encoded = write_exchanges(Path(folder), exchanges)
        ledger = run_filters(
            [load_filter("near_duplicate_text")], pulled=[pulled], encoded=[encoded], priorities={"s0": 0}, seed=1
        )
    return dropped_numbers(ledger)


def dropped_numbers(ledger: pa.Table) -> list[int]:
    """Return the numbers of the exchanges that a filter over `write_exchanges` drops."""
    return [int(row["sample_id"].rpartition(":")[2]) for row in ledger.to_pylist() if row["action"] == "drop"]


def write_exchanges(folder: Path, exchanges: list[tuple[str, str]]) -> tuple[Path, Path]:
    """Write questions and answers as pull and encode do, of source s0; of two that are alike the earlier stays."""
    rows = [
        {
            "sample_id": f"s0/f:{number:08}",
            "source": "s0",
            "kind": "text",
            "question_sha256": str(number),
            "answer_sha256": str(number),
            "rank": 0.5,
            "conversation": json.dumps([["user", [question]], ["assistant", [answer]]]),
        }
        for number, (question, answer) in enumerate(exchanges)
    ]
    pulled, encoded = folder / "pulled.parquet", folder / "encoded.parquet"
    pq.write_table(from_rows(rows, PULLED), pulled)
    pq.write_table(from_rows([{"sample_id": row["sample_id"], "tokens": 40} for row in rows], ENCODED), encoded)
    return pulled, encoded
