"""Slurm: array jobs that a scheduler on PATH really runs, through datatrove's executor."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from curation.build import build
from curation.engine import EngineSettings, Recorder, open_engine
from curation.engine.rank import Run
from curation.engine.slurm import SlurmLauncher
from curation.errors import BuildError
from tests import slurm_stand_in
from tests.corpora import digests, write_corpus, write_problems
from tests.engine_work import WORK, jobs_of, tries


@pytest.fixture
def scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the scheduler on PATH; return its folder."""
    folder = tmp_path / "slurm"
    slurm_stand_in.install(folder)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def _settings(**options: str) -> EngineSettings:
    return EngineSettings(name="slurm", workers=2, options={"partition": "cpu", "rank_seconds": "0.1", **options})


@pytest.mark.slow
def test_a_build_on_slurm_has_the_bytes_of_a_local_one(tmp_path: Path, scheduler: Path) -> None:
    (tmp_path / "corpus").mkdir()
    write_corpus(tmp_path / "corpus")
    manifest = tmp_path / "corpus" / "clips.yaml"
    manifest.write_text(
        "extends: manifest.yaml\nsources: {pages: null, problems: null, pictures: null}\n"
        "mixture: {weights: {pages: null, problems: null, pictures: null}}\n"
    )
    local = build(manifest, output=tmp_path / "local", workspace=tmp_path / "ws-local")
    recorder = Recorder()
    made = build(
        manifest,
        output=tmp_path / "slurm-build",
        workspace=tmp_path / "ws",
        engine=_settings(),
        recorder=recorder,
    )
    assert digests(made.folder) == digests(local.folder)
    assert len(list(scheduler.glob("*.sh"))) == 4  # pull, encode, decode, write
    assert [recorder.stages[name].tasks for name in ("pull", "encode", "decode")] == [1, 1, 1]


@pytest.mark.slow
def test_a_driver_that_is_killed_while_ranks_run_resumes_to_the_same_bytes(tmp_path: Path, scheduler: Path) -> None:
    (tmp_path / "corpus").mkdir()
    write_problems(tmp_path / "corpus" / "problems")
    manifest = tmp_path / "corpus" / "manifest.yaml"
    manifest.write_text(
        "version: 1\nname: small\nprofile: smolvlm2-256m\ntokenizer: bytes\n"
        "sources:\n  problems:\n    adapter: text\n    uri: problems/train.jsonl\n    kind: cot\n"
        "    options: {prompt_field: question, answer_field: answer}\n"
        "mixture: {unit: samples, weights: {problems: natural}}\n"
    )
    local = build(manifest, output=tmp_path / "local", workspace=tmp_path / "ws-local")
    command = [sys.executable, "-m", "curation", "build", str(manifest), "-o", str(tmp_path / "out")]
    command += ["--workspace", str(tmp_path / "ws"), "--engine", "slurm", "--engine-option", "partition=cpu"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as driver:
        while not (scheduler / "2.sh").exists():  # the second stage is submitted
            assert driver.poll() is None
            with contextlib.suppress(subprocess.TimeoutExpired):
                driver.wait(0.05)
        driver.kill()
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert digests(tmp_path / "out") == digests(local.folder)


@pytest.mark.slow
def test_elements_that_lose_their_process_are_submitted_again(tmp_path: Path, scheduler: Path) -> None:
    engine = open_engine(_settings(account="physics"), Recorder())
    jobs = jobs_of(tmp_path, 3, fails="rank_dies")
    assert [each["name"] for each in engine.map("pull docs", WORK, jobs, tmp_path)] == ["000", "001", "002", "bad"]
    assert sorted(tries(tmp_path / "diary")) == ["000", "001", "002", "bad", "bad"]
    first, second = ((scheduler / f"{number}.sh").read_text() for number in (1, 2))
    assert "#SBATCH --array=0-" in first and "%2\n" in first and "#SBATCH --array=0-0%2" in second
    assert "#SBATCH --account=physics" in first and "#SBATCH --job-name=curation-pull-docs" in first
    assert "#SBATCH --mem-per-cpu=2G" in first and "qos" not in first


def test_a_refused_job_is_told_and_named(tmp_path: Path, scheduler: Path, capfd: pytest.CaptureFixture[str]) -> None:
    engine = open_engine(_settings(partition="closed"), Recorder())
    with pytest.raises(BuildError, match=r"sbatch refuses the job \(exit code 1"):
        engine.map("pull docs", WORK, jobs_of(tmp_path, 1), tmp_path)
    assert "invalid partition specified: closed" in capfd.readouterr().err


def test_cancelled_jobs_end_at_once(tmp_path: Path, scheduler: Path) -> None:
    launcher = SlurmLauncher(_settings())
    run = Run(folder=tmp_path / "run", stage="pull", function=WORK, markers=tmp_path, memory_bytes=None, profile=None)
    run.write([jobs_of(tmp_path, 1)])
    launcher.cancel()
    launcher.launch(run.folder, 1, name="pull")
    assert (scheduler / "1.sh").is_file() and not (scheduler / "1.pid").exists()


def test_without_a_scheduler_or_inside_an_array_job_the_build_stops_by_name(
    tmp_path: Path, scheduler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(_settings(), Recorder())
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    with pytest.raises(BuildError, match="run the build on a login node"):
        open_engine(_settings(), Recorder())
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BuildError, match="no sbatch, squeue, scancel on PATH"):
        open_engine(_settings(), Recorder())
    engine.close()


def test_a_folder_that_the_script_can_not_name_is_refused(tmp_path: Path, scheduler: Path) -> None:
    folder = tmp_path / "my stage"
    folder.mkdir()
    engine = open_engine(_settings(), Recorder())
    with pytest.raises(BuildError, match=r"my stage.* holds a blank"):
        engine.map("pull docs", WORK, jobs_of(tmp_path, 1), folder)
