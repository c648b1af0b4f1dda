"""`contamination`: samples that ask or show what a benchmark does."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from curation.errors import ManifestError
from curation.filters.benchmark_files import list_files, named, stamp
from curation.filters.benchmark_items import Items, load_items
from curation.filters.benchmarks import Benchmark
from curation.filters.filter import Action, Tables, ledger_table
from curation.filters.hamming import MAX_BITS
from curation.filters.leaks import ImageLeak, TextLeak, asks, image_leaks, text_leaks
from curation.tables import LEDGER, from_rows

if TYPE_CHECKING:
    import pyarrow as pa

Verdict = Literal["confirmed", "text_only", "image_only"]
ORDER: tuple[Verdict, ...] = ("confirmed", "text_only", "image_only")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a sample has of an item (None: only of a picture without one). `is_weak`: too little to drop for."""

    verdict: Verdict
    score: float
    item: int | None
    image: ImageLeak | None
    is_weak: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """Compare every sample with the items of benchmarks, and drop (or flag) what training on would spoil.

    `against` names ready benchmarks (`mmmu`, `docvqa`, ...: `curation.filters.benchmarks`) or files of one's own:
    Parquet, JSON Lines, JSON, images, globs, folders, URLs. `field`, `answer_field` and `image_field` name the rows'
    fields where they are not the usual ones; `images` is a folder of pictures that rows name by their file.

    Words: a sample holds an item when one of its exchanges has at least `share` of the item's sequences of `ngram`
    words, and all its question's numbers (GPT-3 used 13 words). Sequences of more than 10 items are phrases and don't
    count. Items that are shorter are held when question and answer are equal word for word.
    Images: candidates differ in at most `bits` of the 256 bits of their hash, and the pixels of the 8 nearest are
    compared as `near_duplicate_images` does (`difference`). What is alike by its hash alone is flagged unless the words
    of a long item go with it: it may be a crop, or another page of one layout.

    Verdicts, each with its action: `confirmed`: the item's picture and its question; `text_only`: its words alone, of a
    short item only between samples and items without pictures (else it is a flag, and nothing when the picture is known
    to be another); `image_only`: its picture alone, which is no leak where a benchmark reuses a public training image.
    `action: flag` drops nothing. One row for a sample and benchmark; measured: the share of the item's words, for
    `image_only` the differing bits; detail: benchmark, file, item, question, and how the images compare.
    """

    name: ClassVar[str] = "contamination"
    version: ClassVar[int] = 3
    is_guarded: ClassVar[bool] = True
    reads_media: ClassVar[bool] = True

    against: tuple[str, ...]
    ngram: int = 13
    images: tuple[str, ...] = ()
    field: str | None = None
    answer_field: str | None = None
    image_field: str | None = None
    share: float = 0.5
    bits: int = MAX_BITS
    difference: float = 13.0
    confirmed: Action = "drop"
    text_only: Action = "drop"
    image_only: Action = "flag"
    action: Action = "drop"

    def __post_init__(self) -> None:
        if not self.against:
            raise ManifestError("filters.contamination.against is empty; name benchmarks or their files")
        if self.ngram < 2:
            raise ManifestError(f"filters.contamination.ngram is {self.ngram}; write a number of words above 1")
        if not 0 < self.share <= 1:
            raise ManifestError(f"filters.contamination.share is {self.share}; write a share above 0, at most 1")
        if not 0 <= self.bits <= MAX_BITS:
            raise ManifestError(f"filters.contamination.bits is {self.bits}; write 0 to {MAX_BITS} (of 256)")
        if self.difference < 0:
            raise ManifestError(f"filters.contamination.difference is {self.difference}; write 0 to 255")

    def inputs(self) -> tuple[str, ...]:
        """Return every file that is read, with size and time. Raises FilterError when one is missing."""
        folders = [Benchmark(name="images", places=(folder,)) for folder in self.images]
        files = [path for each in self._benchmarks() for path in list_files(each)]
        files += [path for folder in folders for path in list_files(folder, option="images")]
        return tuple(stamp(path) for path in files)

    def ledger(self, tables: Tables) -> pa.Table:
        """Return a row for each sample and benchmark that have something in common. Reads the benchmarks' files."""
        with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=tables.folder) as folder:
            found = load_items(self._benchmarks(), self.images, Path(folder))
            texts = list(text_leaks(tables, found.items, num_words=self.ngram, share=self.share))
            images = list(image_leaks(tables, found, bits=self.bits, difference=self.difference))
        touched = sorted({leak.sample_id for leak in texts} | {leak.sample_id for leak in images})
        asked = _questions(tables, {leak.sample_id for leak in images})
        sources = _sources(tables, touched)
        rows = []
        for sample_id, findings in _findings(texts, images, found, asked, sources):
            for benchmark, finding in sorted(_best(findings, found).items()):
                rows.append(self._row(sample_id, sources[sample_id][0], benchmark, finding, found))
        return ledger_table(from_rows(rows, LEDGER))

    def _benchmarks(self) -> list[Benchmark]:
        made = [named(place) for place in self.against]
        if not (self.field or self.answer_field or self.image_field):
            return made
        return [
            replace(each, field=self.field, answer_field=self.answer_field, image_field=self.image_field)
            for each in made
        ]

    def _row(self, sample_id: str, source: str, benchmark: str, finding: Finding, found: Items) -> dict[str, object]:
        image = finding.image
        item = found.items[finding.item] if finding.item is not None else None
        detail: dict[str, object] = {"benchmark": benchmark}
        if item is not None:
            detail |= {"file": item.file, "item": item.key, "question": item.question.strip()[:200]}
        elif image is not None:
            detail |= {"file": found.files[image.picture][1]}
        if finding.verdict != "image_only":
            detail |= {"share": finding.score}
        if image is not None:
            detail |= {"bits": image.bits, "pixels": image.pixels}
        policy: Mapping[Verdict, Action] = {
            "confirmed": self.confirmed,
            "text_only": self.text_only,
            "image_only": self.image_only,
        }
        return {
            "sample_id": sample_id,
            "source": source,
            "filter": self.name,
            "action": "flag" if finding.is_weak or self.action == "flag" else policy[finding.verdict],
            "reason": finding.verdict,
            "measured": finding.score,
            "threshold": float(self.bits) if finding.verdict == "image_only" else self.share,
            "detail": json.dumps(detail, ensure_ascii=False),
        }


def _findings(
    texts: Sequence[TextLeak],
    images: Sequence[ImageLeak],
    found: Items,
    asked: Mapping[str, Sequence[str]],
    sources: Mapping[str, tuple[str, bool]],
) -> Iterator[tuple[str, list[Finding]]]:
    """Bring together what is known of each sample, in order of sample_id."""
    by_sample: dict[str, tuple[list[TextLeak], list[ImageLeak]]] = {}
    for text in texts:
        by_sample.setdefault(text.sample_id, ([], []))[0].append(text)
    for image in images:
        by_sample.setdefault(image.sample_id, ([], []))[1].append(image)
    for sample_id in sorted(by_sample):
        said, shown = by_sample[sample_id]
        findings = [_by_image(leak, said, found, asked[sample_id]) for leak in shown]
        findings += [finding for leak in said for finding in _by_text(leak, found, sources[sample_id][1])]
        yield sample_id, findings


def _by_image(leak: ImageLeak, said: Sequence[TextLeak], found: Items, asked: Sequence[str]) -> Finding:
    """Judge a likeness of images: confirmed when the sample also asks what an item with this picture asks."""
    benchmark = found.files[leak.picture][0]
    own = found.owners[leak.picture]
    for text in said:
        item = found.items[text.item]
        if text.item in own or (not own and not item.pictures and item.benchmark == benchmark):
            is_weak = text.is_short and leak.pixels != "same"
            return Finding(verdict="confirmed", score=text.share, item=text.item, image=leak, is_weak=is_weak)
    for number in own if leak.pixels == "same" else ():
        if any(asks(question, found.items[number]) for question in asked):
            return Finding(verdict="confirmed", score=1.0, item=number, image=leak)
    return Finding(
        verdict="image_only",
        score=float(leak.bits),
        item=own[0] if own else None,
        image=leak,
        is_weak=leak.pixels != "same",
    )


def _by_text(leak: TextLeak, found: Items, has_media: bool) -> Iterator[Finding]:
    """Judge a likeness of words without the picture: short ones say little, and nothing when the picture is another."""
    item = found.items[leak.item]
    if not (leak.is_short and item.pictures):
        is_weak = leak.is_short and (has_media or item.shows)
        yield Finding(verdict="text_only", score=leak.share, item=leak.item, image=None, is_weak=is_weak)


def _best(findings: Sequence[Finding], found: Items) -> dict[str, Finding]:
    """Return the strongest finding of each benchmark; of equal ones the first item."""

    def strength(finding: Finding) -> tuple[int, bool, float, int]:
        is_near = -finding.score if finding.verdict != "image_only" else finding.score
        return ORDER.index(finding.verdict), finding.is_weak, is_near, -1 if finding.item is None else finding.item

    best: dict[str, Finding] = {}
    for finding in sorted(findings, key=strength):
        if finding.item is not None:
            best.setdefault(found.items[finding.item].benchmark, finding)
        elif finding.image is not None:
            best.setdefault(found.files[finding.image.picture][0], finding)
    return best


def _questions(tables: Tables, sample_ids: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {sample_id: [] for sample_id in sample_ids}
    if sample_ids:
        for batch in tables.exchanges(sorted(sample_ids)):
            for sample_id, question in zip(batch["sample_id"].to_pylist(), batch["question"].to_pylist(), strict=True):
                found[sample_id].append(question)
    return found


def _sources(tables: Tables, sample_ids: Sequence[str]) -> dict[str, tuple[str, bool]]:
    """Return the source of each sample and whether it has media."""
    import pyarrow as pa

    tables.connection.register("touched", pa.table({"sample_id": pa.array(sample_ids, pa.string())}))
    rows = tables.connection.execute(
        "select sample_id, source, media_sha256 is not null from samples join touched using (sample_id)"
    ).fetchall()
    tables.connection.unregister("touched")
    return {sample_id: (source, has_media) for sample_id, source, has_media in rows}
