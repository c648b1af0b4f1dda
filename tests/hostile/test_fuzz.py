"""A short run of the fuzzers: `benchmarks/fuzz.py` runs them for as long as it is told."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzzing.files import damaged_bytes
from tests.fuzzing.ink import RECORDING
from tests.fuzzing.targets import run
from tests.sources.test_contract import FIXTURES


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Damage may name addresses of this machine where nobody answers."""
    monkeypatch.setenv("CURATION_PATIENCE", "0.1")


fuzzing = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzzing
@given(target=st.sampled_from(("manifest", "ink", "plans")), seed=st.integers(0, 2**32))
def test_damaged_manifests_ink_and_times_end_well(target: str, seed: int, tmp_path: Path) -> None:
    assert run(target, seed, str(tmp_path))


@settings(fuzzing, max_examples=25)
@given(name=st.sampled_from(sorted(FIXTURES)), seed=st.integers(0, 2**32))
def test_damaged_datasets_become_rows_ledger_rows_or_a_known_error(
    name: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert run(name, seed, str(tmp_path_factory.getbasetemp()))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FIXTURES))
def test_an_adapter_ends_well_on_many_kinds_of_damage(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    for seed in range(6):
        assert run(name, seed, str(tmp_path_factory.getbasetemp()))


def test_damage_is_done_and_the_same_seed_does_the_same() -> None:
    damaged = [damaged_bytes(RECORDING, Random(seed)) for seed in range(50)]
    assert damaged == [damaged_bytes(RECORDING, Random(seed)) for seed in range(50)]
    assert len(set(damaged)) > 40
