"""The items of benchmarks: what is asked, the answers, the pictures."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.errors import FilterError, nearest
from curation.filters.benchmark_files import field_names, is_image, list_files, read_rows
from curation.filters.benchmark_pictures import Picture, cell_picture, cells_of, picture_name, read_picture
from curation.filters.benchmarks import Benchmark

QUESTIONS = ("question", "query", "problem", "prompt", "text", "Question", "instruction")
ANSWERS = ("answer", "answers", "solution", "label", "gt_answer", "Answer", "target")
PICTURES = ("image", "images", "decoded_image", *(f"image_{number}" for number in range(1, 10)))
IDS = ("id", "question_id", "questionId", "pid", "sample_index", "index", "row_id")
OPTIONS = ("options", "choices", "candidates")
_PLACEHOLDER = re.compile(r"<(?:image|video)(?: ?\d+)?>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One test item. `pictures` are positions in `Items.pictures`; `shows` says whether its row names any.

    `answers` are the ways to say the answer: as given, and the option's words where a letter or number is given.
    """

    benchmark: str
    file: str
    key: str
    question: str
    answers: tuple[str, ...]
    pictures: tuple[int, ...] = ()
    shows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """All items and pictures; `owners[p]` are the items of picture p, none for those of a folder."""

    items: list[Item] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    owners: list[list[int]] = field(default_factory=list)
    files: list[tuple[str, str]] = field(default_factory=list)  # of each picture: the benchmark and the file

    def add_picture(self, picture: Picture, benchmark: str, file: str) -> int:
        self.pictures.append(picture)
        self.owners.append([])
        self.files.append((benchmark, file))
        return len(self.pictures) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The fields to read of a file's rows."""

    question: str | None
    answer: str | None
    pictures: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        names = (self.question, self.answer, *self.pictures, *self.others)
        return list(dict.fromkeys(name for name in names if name))


def load_items(benchmarks: Sequence[Benchmark], folders: Sequence[str], kept: Path) -> Items:
    """Read benchmarks, and folders of their images by which rows that only name a file find it.

    Pictures in cells are written to folder `kept`. A picture that can't be read is left out. Raises FilterError for a
    file without the field that is named, or with neither words nor pictures.
    """
    found = Items()
    places: dict[str, int] = {}
    loose = [(str(Path(path).parent.name), path) for folder in folders for path in _image_files(folder)]
    rows: list[tuple[Benchmark, str]] = []
    for benchmark in benchmarks:
        for path in list_files(benchmark):
            if is_image(path):
                loose.append((benchmark.name, path))
            else:
                rows.append((benchmark, path))
    only = benchmarks[0].name if len({benchmark.name for benchmark, _ in rows}) == 1 else None
    for name, path in loose:
        picture = read_picture(path)
        if picture is not None:
            place = found.add_picture(picture, only or name, path)
            places[path] = place
            places.setdefault(path.rpartition("/")[2], place)
    for benchmark, path in rows:
        _add_rows(found, benchmark, path, places, kept)
    return found


def fields_of(benchmark: Benchmark, path: str) -> Fields:
    """Choose the fields of a file. Raises FilterError with the names that it has."""
    names = field_names(path)
    for option, name in (
        ("field", benchmark.field),
        ("answer_field", benchmark.answer_field),
        ("image_field", benchmark.image_field),
    ):
        if name is not None and name not in names:
            raise FilterError(
                f"filters.contamination.{option}: {path} has no field '{name}'{nearest(name, names)} "
                f"(it has {', '.join(names)})"
            )
    question = benchmark.field or next((name for name in QUESTIONS if name in names), None)
    pictures = (benchmark.image_field,) if benchmark.image_field else tuple(n for n in PICTURES if n in names)
    if question is None and not pictures:
        raise FilterError(
            f"filters.contamination: {path} has no field named {', '.join(QUESTIONS)}; say which holds the question "
            f"with `field: NAME` (it has {', '.join(names)})"
        )
    return Fields(
        question=question,
        answer=benchmark.answer_field or next((name for name in ANSWERS if name in names and name != question), None),
        pictures=pictures,
        others=tuple(name for name in (*IDS, *OPTIONS) if name in names),
    )


def answers_of(given: Any, options: Any) -> tuple[str, ...]:
    """Return the ways to say an answer.

    >>> answers_of("B", "['two', 'three']")
    ('B', 'three')
    >>> answers_of(0, ["two", "three"])
    ('0', 'two')
    """
    if isinstance(options, str):
        try:
            options = ast.literal_eval(options)
        except (ValueError, SyntaxError):
            options = None
    choices = [str(option) for option in options] if isinstance(options, (list, tuple)) else []
    ways: list[str] = []
    for value in given if isinstance(given, (list, tuple)) else [given]:
        if isinstance(value, (str, int, float)) and str(value).strip():
            ways.append(str(value).strip())
            place = _place_of(value)
            if place is not None and place < len(choices):
                ways.append(choices[place])
    return tuple(dict.fromkeys(ways))


def _place_of(value: str | int | float) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else None
    letter = str(value).strip("(). ").upper()
    return ord(letter) - ord("A") if len(letter) == 1 and "A" <= letter <= "Z" else None


def _add_rows(found: Items, benchmark: Benchmark, path: str, places: dict[str, int], kept: Path) -> None:
    fields = fields_of(benchmark, path)
    for number, row in enumerate(read_rows(path, fields.columns)):
        cells = [cell for name in fields.pictures for cell in cells_of(row.get(name))]
        pictures: list[int] = []
        for cell in cells:
            name = picture_name(cell, path)
            place = places.get(name, places.get(name.rpartition("/")[2]))
            if place is None:
                picture = cell_picture(cell, name, kept / f"{len(found.pictures)}")
                place = None if picture is None else found.add_picture(picture, benchmark.name, path)
            if place is not None:
                places[name] = place
                pictures.append(place)
                found.owners[place].append(len(found.items))
                found.files[place] = (benchmark.name, found.files[place][1])
        identity = next((row[name] for name in IDS if row.get(name) is not None), number)
        found.items.append(
            Item(
                benchmark=benchmark.name,
                file=path,
                key=str(identity),
                question=_PLACEHOLDER.sub(" ", str(row.get(fields.question or "") or "")),
                answers=answers_of(
                    row.get(fields.answer or ""), next((row[n] for n in OPTIONS if row.get(n) is not None), None)
                ),
                pictures=tuple(dict.fromkeys(pictures)),
                shows=bool(cells),
            )
        )


def _image_files(folder: str) -> list[str]:
    return [path for path in list_files(Benchmark(name="images", places=(folder,)), option="images") if is_image(path)]
