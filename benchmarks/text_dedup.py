"""Near-duplicate texts: what is found, what is lost, and how fast, beside datasketch, datatrove, rensa and Data-Juicer.

    python benchmarks/text_dedup.py [--texts 3000] [--rounds 5]

Texts of 60 to 220 words from seeds; a fifth have an edited copy that shares more than 83 % of its 5-word sequences.
Beside them stand half as many questions that differ in their numbers only: each that is dropped is lost. Rivals take
5-word sequences, 128 permutations (Data-Juicer: its default of 256) and a threshold of 0.8 (datatrove: its defaults, 14
bands of 8), and keep the first of each pair. Ours runs the filter `near_duplicate_text` over the rows that pull and
encode write; it verifies each pair.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from filter_texts import dropped_numbers, true_jaccard, write_exchanges
from reporting import Report, arguments
from rounds import interleave

from curation.filters import load_filter
from curation.filters.stage import run_filters

SIMILARITY, PERMUTATIONS = 0.8, 128
Rule = Callable[[Sequence[str]], set[int]]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--texts", type=int, default=3000)
    options = parser.parse_args()
    report = Report(path=options.json)
    texts, num_copies = draw(options.texts)
    num_numeric = len(texts) - options.texts - num_copies
    with tempfile.TemporaryDirectory() as name:
        rules: dict[str, Rule] = {"ours": ours(Path(name), texts), **rivals(report)}
        quality = []
        for rule, run in rules.items():
            gone = run(texts)
            found = sum(options.texts <= number < options.texts + num_copies for number in gone)
            numeric = sum(number >= options.texts + num_copies for number in gone)
            others = sum(number < options.texts for number in gone)
            cells = [f"{found / num_copies:.1%}", f"{numeric / num_numeric:.1%}", f"{others / options.texts:.1%}"]
            quality.append([rule, *cells])
        header = ["", "copies found", "numeric questions lost", "other texts lost"]
        report.table(f"near-duplicate texts: what is dropped of {len(texts):,}", header, quality)

        def timed(run: Rule) -> Callable[[], int]:
            return lambda: (run(texts), len(texts))[1]

        timings = interleave({rule: timed(run) for rule, run in rules.items()}, rounds=options.rounds)
        report.rates(
            "near-duplicate texts, signatures to decisions",
            timings,
            ours="ours",
            unit="texts",
            why="is compiled and has the texts in memory; ours reads rows, compares each pair's true sets, spills "
            "to disk and writes a ledger",
        )


def draw(size: int) -> tuple[list[str], int]:
    """Return texts, their edited copies and numeric questions, in this order; and how many copies there are."""
    choose = random.Random(300_000)
    vocabulary = ["".join(choose.choices("abcdefghijklmnopqrstuvwxyz", k=choose.randint(2, 9))) for _ in range(5000)]
    texts = [" ".join(choose.choices(vocabulary, k=choose.randint(60, 220))) for _ in range(size)]
    copies = []
    for text in texts[: size // 5]:
        words = text.split()
        words[choose.randrange(len(words))] = choose.choice(vocabulary)
        copy = " ".join(words)
        if true_jaccard(text, copy) > 0.83:
            copies.append(copy)
    numeric = [
        f"A shop sells {number % 97 + 2} red and {number * 7 % 991 + 2} blue pens and takes {number} back. "
        "How many are gone?"
        for number in range(size // 2)
    ]
    return texts + copies + numeric, len(copies)


def ours(folder: Path, texts: Sequence[str]) -> Rule:
    """Write the rows once and return the filter over them."""
    pulled, encoded = write_exchanges(folder, [("", text) for text in texts])
    rule = load_filter("near_duplicate_text", {"similarity": SIMILARITY})

    def run(_: Sequence[str]) -> set[int]:
        ledger = run_filters(
            [rule],
            pulled=[pulled],
            encoded=[encoded],
            priorities={"s0": 0},
            seed=1,
            memory_limit="3GB",
            spill=folder,
        )
        return set(dropped_numbers(ledger))

    return run


def rivals(report: Report) -> dict[str, Rule]:
    """Return the rivals that can be imported here."""
    known: dict[str, tuple[str, Rule]] = {
        "datasketch MinHashLSH": ("datasketch", with_datasketch),
        "datatrove minhash, plain words": ("datatrove", with_datatrove),
        "rensa RMinHashLSH": ("rensa", with_rensa),
        "Data-Juicer minhash": ("data_juicer", with_data_juicer),
    }
    for name, (module, _) in known.items():
        if not find_spec(module):
            report.missing(name, "not installed in this environment")
    return {name: rule for name, (module, rule) in known.items() if find_spec(module)}


def sequences(text: str) -> set[str]:
    words = text.lower().split()
    return {" ".join(words[at : at + 5]) for at in range(max(len(words) - 4, 1))}


def with_datasketch(texts: Sequence[str]) -> set[int]:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=SIMILARITY, num_perm=PERMUTATIONS)
    gone = set()
    for number, text in enumerate(texts):
        signature = MinHash(num_perm=PERMUTATIONS)
        signature.update_batch([sequence.encode() for sequence in sequences(text)])
        if index.query(signature):
            gone.add(number)
        else:
            index.insert(number, signature)
    return gone


def with_datatrove(texts: Sequence[str]) -> set[int]:
    """Run datatrove's four steps with its defaults (numbers become 0); words split by characters, not by spacy."""
    import xxhash
    from datatrove.data import Document
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.utils.logging import logger

    from curation.filters.plain_words import plain_words

    logger.remove()
    documents = [Document(text=text, id=str(number)) for number, text in enumerate(texts)]
    with tempfile.TemporaryDirectory() as name:
        signatures, buckets, removed = (f"{name}/{step}" for step in ("signatures", "buckets", "removed"))
        config = MinhashConfig()
        sign = MinhashDedupSignature(signatures, config=config, language=plain_words())
        sign._hash_func = lambda words: xxhash.xxh64_intdigest(words.encode())  # its own passes str, which 4.0 refuses
        sign.run(iter(documents), 0, 1)
        for number in range(config.num_buckets):
            MinhashDedupBuckets(signatures, buckets, config=config).run(None, number, config.num_buckets)
        MinhashDedupCluster(buckets, removed, config=config).run(None, 0, 1)
        kept = MinhashDedupFilter(removed).run(iter(documents), 0, 1)
        return set(range(len(texts))) - {int(document.id) for document in kept}


def with_rensa(texts: Sequence[str]) -> set[int]:
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(threshold=SIMILARITY, num_perm=PERMUTATIONS, num_bands=16)
    kept: dict[int, RMinHash] = {}
    gone = set()
    for number, text in enumerate(texts):
        signature = RMinHash(num_perm=PERMUTATIONS, seed=1)
        signature.update(list(sequences(text)))
        if any(kept[other].jaccard(signature) >= SIMILARITY for other in index.query(signature)):
            gone.add(number)
        else:
            index.insert(number, signature)
            kept[number] = signature
    return gone


def with_data_juicer(texts: Sequence[str]) -> set[int]:
    import datasets
    from data_juicer.ops.deduplicator.document_minhash_deduplicator import DocumentMinhashDeduplicator
    from loguru import logger

    logger.remove()
    datasets.disable_progress_bars()
    rule = DocumentMinhashDeduplicator(jaccard_threshold=SIMILARITY)
    rows = datasets.Dataset.from_dict({"text": list(texts), "number": list(range(len(texts)))})
    kept, _ = rule.process(rows.map(rule.compute_hash, load_from_cache_file=False))
    return set(range(len(texts))) - set(kept["number"])


if __name__ == "__main__":
    main()
