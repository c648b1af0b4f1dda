"""MathWriting: handwritten formulas as pen strokes with their LaTeX, drawn here to images; and its Parquet mirrors.

The original is `mathwriting-2024.tgz` or its unpacked folder: `train/`, `valid/`, `test/`, `symbols/`, `synthetic/`
of `<16 hex digits>.inkml`. `normalizedLabel` is the answer, and `label` where there is none (symbols) or with `label:
raw`; CROHME's `truth` is read too. Strokes are drawn at `size`, `stroke` and `margin` (`curation.sources.ink`): the
recordings' own units vary widely. `andito/mathwriting-google` (`image`, `label`, `normalized_label`, `source`) and
`deepcopy/MathWriting-human` (`image`, `latex`) hold drawn images.

Nothing in the set asks: the question is the card's, or the option's. The folder of a recording is kept as the column
`split`, so that `where: "split = 'train'"` works; a glob (`train/*.inkml`) reads less.

Licence: CC BY-NC-SA 4.0, its LaTeX CC BY-SA: not for commercial use.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from curation.errors import ManifestError
from curation.records import Card, Drop, Image, Location, Sample, Task, Text, Turn
from curation.sources import parquet
from curation.sources.conversation import text_turn
from curation.sources.defects import Row, RowDefect, build_samples
from curation.sources.fields import Fields
from curation.sources.files import list_files, open_binary, source_root
from curation.sources.im2latex import FORMULA_QUESTION
from curation.sources.ink import draw_strokes, read_inkml
from curation.sources.options import choice_option, count_option, names_option, rate_option, text_option
from curation.sources.questions import IMAGE_COLUMN, Questions, asked_options
from curation.sources.slices import slice_tasks
from curation.tars import members_of, open_packed_tar

CARD = Card(
    name="mathwriting",
    title="MathWriting",
    kinds=("math",),
    license="CC BY-NC-SA 4.0; its LaTeX CC BY-SA",
    hub_id="andito/mathwriting-google",
    configs=("train", "valid", "test", "symbols", "synthetic"),
    layout="folders of .inkml, the same in a .tgz, or Parquet",
    columns={
        "trace": "InkML: x y t, separated by commas; t in milliseconds",
        "annotation": "InkML: label, normalizedLabel, inkCreationMethod, labelCreationMethod, sampleId (row_id)",
        "image": f"{IMAGE_COLUMN}, in Parquet",
        "label, normalized_label | latex": "string, in Parquet",
        "source": "string, in Parquet: the folder; kept as the column split",
    },
    options={
        **asked_options(FORMULA_QUESTION),
        "columns": "names of further annotations (InkML) or columns (Parquet) to keep for filters",
        "label": "normalized (default) or raw",
        "margin": "pixels of white around the ink; default 16",
        "size": "longer side of a drawn image in pixels; default 512; 0: one unit of the recording is one pixel",
        "stroke": "width of the pen in pixels; default 3",
    },
    quirks=(
        "symbols have no normalizedLabel: their label is taken",
        "the .tgz is one task: it can't be split",
        "uncertain: what `source` holds in the mirror, and whether normalized_label of symbols is null or empty",
    ),
    citation="Gervais et al., MathWriting: A Dataset For Handwritten Mathematical Expression Recognition, 2024",
)
_INK, _TARS = (".inkml",), (".tgz", ".tar.gz", ".tar")
_INK_BYTES = 1 << 20
_LABELS = {"normalized": ("normalizedLabel", "label", "truth"), "raw": ("label", "truth", "normalizedLabel")}
_log = logging.getLogger(__name__)


def _prepare(names: tuple[str, ...], row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Choose among the labels of a row of Parquet: an empty one gives way to the next."""
    return {"label": next((row[name] for name in names if row.get(name)), None), "split": row.get("source")}


def _mirror(location: Location) -> Questions:
    is_raw = choice_option(location, "label", ("normalized", "raw")) == "raw"
    names = ("label", "normalized_label", "latex") if is_raw else ("normalized_label", "label", "latex")
    return Questions(
        card=CARD,
        fields=Fields(image=("image",), answer=("label",), id=("sample_id",), asked=FORMULA_QUESTION, extra=("split",)),
        reads=(*names, "source"),
        prepare=partial(_prepare, names),
        suffixes=parquet.SUFFIXES,
    )


def tasks(location: Location) -> list[Task]:
    """List slices of the InkML files, tars, and Parquet row groups. Raises ManifestError and SourceError."""
    _mirror(location).check(location)
    _drawing(location)
    found: list[Task] = []
    ink_sizes: list[int] = []
    for file in list_files(location.uri, suffixes=(*_INK, *_TARS, *parquet.SUFFIXES)):
        name = file.path.lower()
        if name.endswith(parquet.SUFFIXES):
            found += parquet.parquet_tasks(file, location, required=("image",))
        elif name.endswith(_TARS):
            _log.warning("%s is read from end to end by one task", file.path)
            found.append(Task(path=file.path, key=file.key, num_bytes=file.num_bytes, location=location))
        else:
            ink_sizes.append(file.num_bytes)
    return [*slice_tasks(ink_sizes, location, path=source_root(location.uri)), *found]


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task in the order of its files or rows."""
    if task.row_groups:
        return _mirror(task.location).samples(task)
    rows = _file_rows(task) if task.length is not None else _tar_rows(task)
    location = task.location
    asked = text_option(location, "question", FORMULA_QUESTION) or ""
    labels = _LABELS[choice_option(location, "label", ("normalized", "raw"))]
    extra = names_option(location, "columns")
    return build_samples(rows, partial(_sample, draw=_drawing(location), asked=asked, labels=labels, extra=extra))


def _drawing(location: Location) -> Callable[[Any], bytes]:
    size, margin = count_option(location, "size", 512), count_option(location, "margin", 16)
    stroke = rate_option(location, "stroke") or 3.0
    if size and size < 2 * margin + stroke + 2:
        raise ManifestError(f"source options: size {size} leaves no room beside margins and pen; give a larger one")
    return partial(draw_strokes, size=size, stroke=stroke, margin=margin)


def _file_rows(task: Task) -> Iterator[Row]:
    wanted = (*_INK, *_TARS, *parquet.SUFFIXES)
    files = [file for file in list_files(task.location.uri, suffixes=wanted) if file.path.lower().endswith(_INK)]
    for file in files[task.offset : task.offset + (task.length or 0)]:
        with open_binary(file.path) as opened:
            yield Row(f"{file.key}:0", (file.key, opened.read(_INK_BYTES + 1)))


def _tar_rows(task: Task) -> Iterator[Row | Drop]:
    """Yield the recordings of a tar from its first to its last; a row's number counts recordings only."""
    import tarfile

    number = 0
    with open_binary(task.path) as opened:
        try:
            with open_packed_tar(opened) as tar:
                for member in members_of(tar):
                    if member.isdir() or not member.name.lower().endswith(_INK):
                        continue
                    file = tar.extractfile(member) if member.isreg() else None
                    row_key = f"{task.key}:{number}"
                    number += 1
                    if file is None:
                        yield Drop(row_key=row_key, reason="outside_media_root", detail={"detail": "it is a link"})
                    else:
                        yield Row(row_key, (member.name, file.read(_INK_BYTES + 1)))
        except (tarfile.TarError, EOFError, OSError, zlib.error) as err:
            yield Drop(row_key=f"{task.key}:{number}", reason="truncated_file", detail={"detail": str(err)})


def _sample(
    row_key: str,
    value: tuple[str, bytes],
    *,
    draw: Callable[[Any], bytes],
    asked: str,
    labels: tuple[str, ...],
    extra: tuple[str, ...],
) -> Sample:
    name, data = value
    if len(data) > _INK_BYTES:
        raise RowDefect("ink_too_large", f"{name} has more than 1 MiB", measured=len(data), threshold=_INK_BYTES)
    ink = read_inkml(data)
    label = next((ink.annotations[label] for label in labels if ink.annotations.get(label)), None)
    if label is None:
        raise RowDefect("no_answer", f"none of {', '.join(labels)} has a text")
    image = Image(content=draw(ink.strokes), name=name)
    columns = {
        "split": name.rpartition("/")[0].rpartition("/")[2] or None,
        "ink_creation_method": ink.annotations.get("inkCreationMethod"),
        "label_creation_method": ink.annotations.get("labelCreationMethod"),
        **{name: ink.annotations.get(name) for name in extra},
    }
    turns = (
        Turn(role="user", parts=(image, Text(text=asked)) if asked else (image,)),
        text_turn("assistant", label),
    )
    return Sample(row_key=row_key, row_id=ink.annotations.get("sampleId"), turns=turns, columns=columns)
