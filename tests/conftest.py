"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real files named by CURATION_REAL_DATA (default: `../shared`), or skip the test."""
    folder = Path(os.environ.get("CURATION_REAL_DATA") or Path(__file__).resolve().parents[2] / "shared")
    if not (folder / "real").is_dir():
        pytest.skip(f"no real data under {folder}; set CURATION_REAL_DATA")
    return folder
