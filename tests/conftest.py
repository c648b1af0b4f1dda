"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("loaded", deadline=None)  # a busy machine is no failure
settings.load_profile("loaded")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real files named by CURATION_REAL_DATA (default: `../shared`), or skip the test.

    With CURATION_REQUIRE_REAL_DATA set, its absence fails instead: .ci/run sets it where the folder is there.
    """
    folder = Path(os.environ.get("CURATION_REAL_DATA") or Path(__file__).resolve().parents[2] / "shared")
    if not (folder / "real").is_dir():
        if os.environ.get("CURATION_REQUIRE_REAL_DATA"):
            pytest.fail(f"no real data under {folder}")
        pytest.skip(f"no real data under {folder}; set CURATION_REAL_DATA")
    return folder
