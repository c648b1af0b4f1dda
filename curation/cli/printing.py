"""How results look on stdout: aligned tables with units, JSON, Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from curation.visible import visible

if TYPE_CHECKING:
    import polars

MAX_CELL = 80
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


def print_json(value: object) -> None:
    """Print a value as indented JSON; what JSON has no form for becomes text.

    Lone surrogates (bytes of a file's name that are no UTF-8) and control characters stand there as escapes.
    """
    import json

    import orjson

    try:
        option = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
        text = orjson.dumps(value, option=option, default=_plain).decode()
    except TypeError:  # a lone surrogate, or a number beyond 64 bits
        text = json.dumps(_mended(value), indent=2, default=_plain, ensure_ascii=False)
    click.echo(text.translate(_JSON_ESCAPES))


def _mended(value: object) -> object:
    """Return a value as JSON can say it: lone surrogates as the text of their escapes, no infinite numbers."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {str(_mended(str(key))): _mended(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return float(value) if isinstance(value, Decimal) else str(value)


def print_frame(frame: polars.DataFrame, *, title: str = "", humanise: bool = False) -> None:
    """Print a data frame as an aligned table; `humanise` writes shares as percents and bytes with units."""
    columns = frame.columns
    shown = [
        [format_cell(value, name if humanise else "") for name, value in zip(columns, row, strict=True)]
        for row in frame.iter_rows()
    ]
    numeric = [dtype.is_numeric() for dtype in frame.dtypes]
    print_table(columns, shown, title=title, is_right=numeric)


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "", is_right: Sequence[bool] | None = None
) -> None:
    """Print text cells in columns two blanks apart, numbers to the right, heads bold on a terminal."""
    if title:
        click.secho(title, bold=True)
    right = list(is_right or [False] * len(columns))
    cells = [[_clip(cell) for cell in row] for row in rows]
    widths = [max([len(name), *(len(row[at]) for row in cells)]) for at, name in enumerate(columns)]
    click.echo(click.style(_line(columns, widths, right), dim=True))
    for row in cells:
        click.echo(_line(row, widths, right))
    if not rows:
        click.echo("(no rows)")


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        cell.rjust(width) if is_right else cell.ljust(width)
        for cell, width, is_right in zip(cells, widths, right, strict=True)
    ]
    return "  ".join(padded).rstrip()


def _clip(cell: str) -> str:
    line = _printable(cell)
    return line if len(line) <= MAX_CELL else line[: MAX_CELL - 1] + "…"


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def markdown(frame: polars.DataFrame) -> str:
    """Write a data frame as a Markdown table."""
    head = "| " + " | ".join(frame.columns) + " |"
    rule = "|" + "|".join("---:" if dtype.is_numeric() else "---" for dtype in frame.dtypes) + "|"
    rows = [
        "| " + " | ".join(_printable(format_cell(value)).replace("|", "\\|") for value in row) + " |"
        for row in frame.iter_rows()
    ]
    return "\n".join([head, rule, *rows])


def format_cell(value: Any, column: str = "") -> str:
    """Write one value for people; the column's name tells its unit.

    >>> format_cell(0.4567, "asked_share"), format_cell(1500000, "tokens"), format_cell(2621440, "shard_bytes")
    ('45.67 %', '1,500,000', '2.6 MB')
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, bytes):
        return value[:20].hex() + ("…" if len(value) > 20 else "")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if formatter := _formatter(value, column):
        return formatter(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _formatter(value: Any, column: str) -> Callable[[Any], str] | None:
    if not column or not isinstance(value, int | float):
        return None
    if column.endswith(("share", "fill", "fraction")):
        return lambda number: f"{100 * number:.2f} %"
    if column.endswith("bytes"):
        return format_bytes
    return (lambda number: f"{number:,}") if isinstance(value, int) else None


def format_bytes(number: float) -> str:
    """Write a number of bytes with a unit of thousands.

    >>> format_bytes(999), format_bytes(1.5e9)
    ('999 B', '1.5 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if abs(number) < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def format_seconds(seconds: float) -> str:
    """Write a duration: `8 s`, `3:05 min`, `2:03:00 h`.

    >>> format_seconds(8.2), format_seconds(185), format_seconds(7380)
    ('8 s', '3:05 min', '2:03:00 h')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d} h"


def one_line(text: str) -> str:
    """Make a text one line: control characters visible, line ends and tabs too.

    >>> one_line("a\\nb")
    'a␊b'
    """
    return visible(text).translate({9: 0x2409, 10: 0x240A})
