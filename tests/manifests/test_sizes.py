"""Sizes as people write them: counts and bytes, with their units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.manifests.sizes import parse_bytes, parse_count


@pytest.mark.parametrize(
    ("written", "count"),
    [
        ("50M", 50_000_000),
        ("1.5B", 1_500_000_000),
        ("200k", 200_000),
        ("7", 7),
        (12, 12),
        (1e6, 1_000_000),
        ("2 T", 2 * 10**12),
    ],
)
def test_counts_are_read_with_their_units(written: int | float | str, count: int) -> None:
    assert parse_count(written) == count


@pytest.mark.parametrize(
    ("written", "size"),
    [("256MB", 256_000_000), ("2GiB", 2 << 30), ("1.5KiB", 1536), ("512", 512), (0, 0), ("3 tb", 3 * 10**12)],
)
def test_bytes_are_read_with_their_units(written: int | str, size: int) -> None:
    assert parse_bytes(written) == size


@pytest.mark.parametrize(
    "written", ["", "M", "-5M", "50MB", "1.5", "1,000", "1e6", True, -1, 1.5, float("nan"), "٣M", "M5"]
)
def test_what_is_no_count_is_refused(written: int | float | str) -> None:
    with pytest.raises(ValueError):
        parse_count(written)


@pytest.mark.parametrize("written", ["256M", "1.5B", "2Gi", "0.3KB1", "1e400GB", float("inf"), "9" * 30 + "GB"])
def test_what_is_no_size_in_bytes_is_refused(written: float | str) -> None:
    with pytest.raises(ValueError):
        parse_bytes(written)


@given(st.integers(0, 10**6), st.sampled_from(["K", "M", "B"]))
def test_a_unit_multiplies_exactly(number: int, unit: str) -> None:
    assert parse_count(f"{number}{unit}") == number * {"K": 10**3, "M": 10**6, "B": 10**9}[unit]


@given(st.integers(0, 10**9))
def test_thousandths_of_a_unit_lose_nothing(thousandths: int) -> None:
    assert parse_count(f"{thousandths // 1000}.{thousandths % 1000:03d}K") == thousandths
