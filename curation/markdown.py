"""Pages of Markdown of which a part is made from the code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from curation.errors import CurationError


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows of cells, each on one line, under a head."""
    lines = (head, ["---" for _ in head], *rows)
    cells = ((" ".join(cell.replace("|", "\\|").split()) for cell in line) for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def with_part(page: str, name: str, part: str) -> str:
    """Return a page with a part between its markers. Raises CurationError when it has no such place.

    >>> with_part("<!-- sources:begin --> old <!-- sources:end -->.", "sources", "new ")
    '<!-- sources:begin -->\\nnew <!-- sources:end -->.'
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    head, begun, rest = page.partition(begin)
    _, ended, tail = rest.partition(end)
    if not begun or not ended:
        raise CurationError(f"the page has no place for the {name}; write {begin} and {end} where they belong")
    return f"{head}{begin}\n{part}{end}{tail}"


def write_pages(made: Callable[[str], str]) -> None:
    """Make the pages that the command line names anew."""
    for name in sys.argv[1:]:
        page = Path(name)
        page.write_text(made(page.read_text()))
