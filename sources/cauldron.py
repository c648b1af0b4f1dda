"""The Cauldron: 50 sets of questions on images, one row for all questions on the same image or images.

Parquet, `<config>/train-XXXXX-of-YYYYY-<hash>.parquet`, columns `images` (list of {bytes, path}) and `texts` (list of
{user, assistant, source}). Nothing in the text marks where an image belongs: all images stand first in the first
question, as the dataset's own builders and readers have it. Questions are independent of each other, so a pair
without an answer or a pair that repeats another costs only itself, with a flag (`empty_pair_removed`,
`repeated_pair_removed`).

Quirks: `okvqa` (and others) hold rows whose image has neither bytes nor a file that exists: `missing_media`. Some
literal `<image>` are words of the text and stay text, flagged `placeholder_in_text`. Every config is cut to 200,000
rows.

Licence: each subset's own; the prompts CC BY 4.0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from curation.records import Card, Drop, Flag, Image, Location, Part, Sample, Task, Text, Turn, Video
from curation.sources import parquet
from curation.sources.conversation import text_turn
from curation.sources.defects import RowDefect, build_samples
from curation.sources.media_cells import STILL_OPTIONS, MediaReader, check_media, media_reader
from curation.sources.options import COLUMNS_OPTION, check_options, names_option
from curation.sources.row_values import as_mapping, first_value, row_id_of, scalar_columns
from curation.sources.rows import read_rows, row_tasks

OPTIONS = {**STILL_OPTIONS, **COLUMNS_OPTION}
CARD = Card(
    name="cauldron",
    title="The Cauldron",
    kinds=("image", "multi_image"),
    license="each subset's own; prompts CC BY 4.0",
    hub_id="HuggingFaceM4/the_cauldron",
    configs=(
        "ai2d",
        "aokvqa",
        "chart2text",
        "chartqa",
        "clevr",
        "clevr_math",
        "cocoqa",
        "datikz",
        "diagram_image_to_text",
        "docvqa",
        "dvqa",
        "figureqa",
        "finqa",
        "geomverse",
        "hateful_memes",
        "hitab",
        "iam",
        "iconqa",
        "infographic_vqa",
        "intergps",
        "localized_narratives",
        "mapqa",
        "mimic_cgd",
        "multihiertt",
        "nlvr2",
        "ocrvqa",
        "okvqa",
        "plotqa",
        "raven",
        "rendered_text",
        "robut_sqa",
        "robut_wikisql",
        "robut_wtq",
        "scienceqa",
        "screen2words",
        "spot_the_diff",
        "st_vqa",
        "tabmwp",
        "tallyqa",
        "tat_qa",
        "textcaps",
        "textvqa",
        "tqa",
        "vistext",
        "visual7w",
        "visualmrc",
        "vqarad",
        "vqav2",
        "vsr",
        "websight",
    ),
    layout="Parquet, <config>/train-XXXXX-of-YYYYY-<hash>.parquet",
    columns={
        "images": "list<struct<bytes: binary, path: string>>",
        "texts": "list<struct<user: string, assistant: string, source: string>>",
    },
    options=OPTIONS,
    quirks=(
        "okvqa, clevr_math, spot_the_diff, nlvr2 and mimic_cgd have rows without usable images",
        "images are not marked in the text; they stand first in the first question",
        "every config is cut to its first 200,000 rows",
        "websight and datikz answers are whole programs",
    ),
    citation="Laurençon et al., What matters when building vision-language models?, 2024",
)


def tasks(location: Location) -> list[Task]:
    """List runs of row groups over all Parquet files. Raises ManifestError and SourceError."""
    return pair_tasks(location, CARD)


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task in the order of its rows."""
    return pair_samples(task)


def pair_tasks(location: Location, card: Card, *, required: tuple[str, ...] = ("texts",)) -> list[Task]:
    """List the tasks of a dataset of this shape, whose files must have the required columns."""
    check_options(card, location.options)
    names_option(location, "columns")
    check_media(location)
    return row_tasks(location, suffixes=parquet.SUFFIXES, columns=required)


def pair_samples(
    task: Task,
    own_columns: tuple[str, ...] = (),
    *,
    prepare: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
    reads: tuple[str, ...] = (),
) -> Iterator[Sample | Drop]:
    """Yield the samples of a dataset of this shape.

    `own_columns` are scalars to keep besides those of the options. `prepare` makes a row of this shape of one that is
    not quite, for which it `reads` further columns.
    """
    extra = (*own_columns, *names_option(task.location, "columns"))
    build = partial(sample_of, reader=media_reader(task), extra=extra)
    rows = read_rows(task, ("images", "image", "texts", "id", *extra, *reads))
    if prepare is None:
        return build_samples(rows, build)
    return build_samples(rows, lambda row_key, value: build(row_key, prepare(as_mapping(value))))


def sample_of(row_key: str, value: Any, *, reader: MediaReader, extra: tuple[str, ...] = ()) -> Sample:
    """Build the sample of one row. Raises RowDefect and MediaError."""
    row = as_mapping(value)
    flags: list[Flag] = []
    pairs = _pairs(row.get("texts"), flags)
    cells = first_value(row, ("images", "image"))
    cells = [] if cells is None else cells if isinstance(cells, list) else [cells]
    media = [reader.medium(cell, flags, key="image") for cell in cells]
    if marked := sum("<image>" in question for question, _, _ in pairs):
        flags.append(Flag(reason="placeholder_in_text", measured=marked))
    columns = scalar_columns(row, extra)
    if pairs[0][2] and "source" not in columns:
        columns["data_source"] = pairs[0][2]
    return Sample(
        row_key=row_key,
        row_id=row_id_of(row, "id"),
        turns=_turns(pairs, media),
        columns=columns,
        flags=tuple(flags),
    )


def _pairs(texts: Any, flags: list[Flag]) -> list[tuple[str, str, str]]:
    if not isinstance(texts, list):
        raise RowDefect("invalid_row", f"texts is {type(texts).__name__}")
    if not texts:
        raise RowDefect("no_answer", "texts is []")
    pairs: list[tuple[str, str, str]] = []
    empty = 0
    for text in texts:
        if not isinstance(text, Mapping):
            raise RowDefect("invalid_row", f"a text is {type(text).__name__}, not a struct")
        question, answer, source = text.get("user"), text.get("assistant"), text.get("source")
        if not isinstance(question, str | None) or not isinstance(answer, str | None):
            raise RowDefect("invalid_row", "user or assistant is not a string")
        if not question or question.isspace() or not answer or answer.isspace():
            empty += 1
            continue
        pairs.append((question, answer, source if isinstance(source, str) else ""))
    if not pairs:
        raise RowDefect("no_answer", "no pair has a question and an answer", measured=0)
    if empty:
        flags.append(Flag(reason="empty_pair_removed", measured=empty))
    once = list(dict.fromkeys(pairs))
    if len(once) < len(pairs):
        flags.append(Flag(reason="repeated_pair_removed", measured=len(pairs) - len(once)))
    return once


def _turns(pairs: list[tuple[str, str, str]], media: list[Image | Video]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    first: tuple[Part, ...] = tuple(media)
    for question, answer, _ in pairs:
        turns.append(Turn(role="user", parts=(*first, Text(text=question))))
        turns.append(text_turn("assistant", answer))
        first = ()
    return tuple(turns)
