"""The benchmarks of scale and faults run and find what they should, on small sizes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _plan(rows: int) -> dict[str, Any]:
    command = [sys.executable, str(ROOT / "benchmarks" / "scale.py"), "--rows", str(rows), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.slow
def test_a_plan_of_five_times_the_samples_needs_at_most_1500_bytes_more_for_each() -> None:
    small, large = _plan(40_000), _plan(200_000)
    assert large["facts"]["samples"] == 200_000 and large["facts"]["selected"] > 100_000
    assert large["facts"]["fill"] > 0.999
    peaks = [found["steps"]["whole plan"][2] for found in (small, large)]
    assert (peaks[1] - peaks[0]) / 160_000 < 1_500


@pytest.mark.slow
def test_rounds_of_kills_end_in_the_same_bytes() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "faults.py"), "--rounds", "2", "--kills", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rounds survived: 2 of 2" in done.stdout
