"""The page about filters: its reference is what the code says, its examples are what the manifest takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from curation.errors import CurationError
from curation.filters import FILTERS, filter_options, load_filter
from curation.filters.benchmarks import BENCHMARKS
from curation.filters.listing import filters_reference, with_reference

PAGE = Path(__file__).parents[2] / "docs" / "filters.md"


def test_the_page_has_the_filters_and_benchmarks_as_they_are() -> None:
    page = PAGE.read_text()
    assert page == with_reference(page), "run: python -m curation.filters.listing docs/filters.md"


def test_every_filter_option_and_benchmark_is_in_the_reference() -> None:
    reference = filters_reference()
    for name in FILTERS:
        section = reference.partition(f"## `{name}`\n")[2].partition("\n## ")[0]
        assert section, name
        assert all(f"| `{option}` |" in section for option in filter_options(name)), name
    assert all(f"| `{name}` | `hf://datasets/" in reference for name in BENCHMARKS)


def test_the_examples_of_the_page_are_filters() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    loaded = []
    for block in blocks:
        read = yaml.safe_load(block)
        for entry in read["filters"] if isinstance(read, dict) else read:
            name, options = next(iter(entry.items())) if isinstance(entry, dict) else (entry, None)
            loaded.append(load_filter(name, options).name)
    assert loaded.count("where") == 8 and len(loaded) == 14


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(CurationError, match="filters:begin"):
        with_reference("# A page\n")
