"""Tests of the training side skip where torch is missing, unless CURATION_REQUIRE_TORCH says that it must be there."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest


def required(name: str) -> Any:
    """Import a module of the training side, or skip the test."""
    if os.environ.get("CURATION_REQUIRE_TORCH"):
        return importlib.import_module(name)
    return pytest.importorskip(name, reason=f"{name} is not installed; CURATION_REQUIRE_TORCH=1 makes this an error")
