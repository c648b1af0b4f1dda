"""The table of all adapters as Markdown, made from their cards, and its place in a page.

python -m curation.sources.listing docs/datasets.md
"""

from __future__ import annotations

import sys
from pathlib import Path

from curation.errors import SourceError
from curation.sources import ADAPTERS, load_adapter

BEGIN, END = "<!-- sources:begin -->", "<!-- sources:end -->"
_COLUMNS = ("adapter", "dataset", "kinds", "on the hub", "licence")


def sources_table() -> str:
    """Return one row for each built-in adapter: name, title, kinds, hub id and licence, all from its card."""
    rows = [_COLUMNS, tuple("---" for _ in _COLUMNS)]
    for name in sorted(ADAPTERS):
        card = load_adapter(name).CARD
        rows.append((f"`{name}`", card.title, ", ".join(card.kinds), card.hub_id or "–", card.license))
    return "".join(
        "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in row) + " |\n" for row in rows
    )


def with_table(page: str) -> str:
    """Return a page with the table between its markers. Raises SourceError when it has no such place."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SourceError(f"the page has no place for the table of sources; write {BEGIN} and {END} where it belongs")
    return f"{head}{BEGIN}\n{sources_table()}{END}{tail}"


def main() -> None:
    """Put the table into the pages that are named."""
    for name in sys.argv[1:]:
        page = Path(name)
        page.write_text(with_table(page.read_text()))


if __name__ == "__main__":
    main()
