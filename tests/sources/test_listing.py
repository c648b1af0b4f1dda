"""The table of sources in docs/datasets.md is the one that the cards give."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.errors import CurationError
from curation.sources import ADAPTERS
from curation.sources.listing import sources_table, with_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "datasets.md"


BEGIN, END = "<!-- sources:begin -->", "<!-- sources:end -->"


def test_the_page_has_the_table_of_the_cards() -> None:
    page = PAGE.read_text()
    assert page == with_table(page), "run: python -m curation.sources.listing docs/datasets.md"


def test_every_adapter_has_a_row_of_five_cells() -> None:
    rows = sources_table().splitlines()
    assert [row.split(" | ")[0] for row in rows[2:]] == [f"| `{name}`" for name in sorted(ADAPTERS)]
    assert {len(row.replace("\\|", "").split("|")) for row in rows} == {7}


def test_the_rest_of_a_page_stays_and_a_page_without_a_place_is_refused() -> None:
    page = with_table(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert page.startswith(f"before\n{BEGIN}\n| adapter |")
    assert page.endswith(f" |\n{END}\nafter\n")
    with pytest.raises(CurationError, match="no place for the sources"):
        with_table(f"before {END} {BEGIN}")
