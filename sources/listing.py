"""The table of all adapters as Markdown, made from their cards, and its place in a page.

python -m curation.sources.listing docs/datasets.md
"""

from __future__ import annotations

from curation.markdown import markdown_table, with_part, write_pages
from curation.sources import ADAPTERS, load_adapter


def sources_table() -> str:
    """Return one row for each built-in adapter: name, title, kinds, hub id and licence, all from its card."""
    cards = ((name, load_adapter(name).CARD) for name in sorted(ADAPTERS))
    rows = ((f"`{name}`", card.title, ", ".join(card.kinds), card.hub_id or "–", card.license) for name, card in cards)
    return markdown_table(("adapter", "dataset", "kinds", "on the hub", "licence"), rows)


def with_table(page: str) -> str:
    """Return a page with the table between its markers. Raises CurationError when it has no such place."""
    return with_part(page, "sources", sources_table())


if __name__ == "__main__":
    write_pages(with_table)
