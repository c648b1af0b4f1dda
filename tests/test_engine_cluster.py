"""Engines of many machines, as far as no scheduler is needed: groups, ranks, rounds, what the driver makes of them."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.build import plan
from curation.engine import EngineSettings, Job, Recorder, open_engine
from curation.engine import rank as rank_module
from curation.engine.cluster import RUNS, ClusterEngine
from curation.engine.jobs import grouped
from curation.engine.rank import Run, run_rank
from curation.errors import BuildError, ManifestError, SourceError
from tests.engine_work import WORK, jobs_of, tries


@dataclass(slots=True)
class Processes:
    """Runs ranks as processes of this machine, two at once; loses the ranks of the rounds in `lost`."""

    lost: tuple[int, ...] = ()
    parallel: int = 2
    rounds: int = 0
    closed: list[str] = field(default_factory=list)

    def launch(self, folder: Path, num_ranks: int, *, name: str) -> None:
        """Run the ranks."""
        self.rounds += 1
        if self.rounds in self.lost:
            raise ConnectionError("the scheduler is away")
        script = "import sys; from pathlib import Path; from curation.engine.rank import run_rank; "
        script += "run_rank(Path(sys.argv[1]), int(sys.argv[2]))"
        running = [
            subprocess.Popen([sys.executable, "-c", script, str(folder), str(rank)], stderr=subprocess.DEVNULL)
            for rank in range(num_ranks)
        ]
        for process in running:
            process.wait()

    def cancel(self) -> None:
        """Note it."""
        self.closed.append("cancel")

    def close(self) -> None:
        """Note it."""
        self.closed.append("close")


def _engine(launcher: Processes, recorder: Recorder | None = None) -> ClusterEngine:
    settings = EngineSettings(name="ray", options={"rank_seconds": "0.1"}, memory_bytes=250_000_000)
    return ClusterEngine(settings=settings, launcher=launcher, recorder=recorder or Recorder())


def test_a_stage_is_spread_over_ranks_and_gives_what_the_local_engine_gives(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int, int, int]] = []
    recorder = Recorder(progress=lambda *figures: seen.append(figures[:5]))
    summaries = _engine(Processes(), recorder).map("pull docs", WORK, jobs_of(tmp_path, 4), tmp_path)
    assert summaries == [{"name": f"{number:03d}", "rows": 3} for number in range(4)]
    assert sorted(tries(tmp_path / "diary")) == ["000", "001", "002", "003"]
    assert seen[0] == ("pull docs", 0, 4, 0, 10_000) and seen[-1] == ("pull docs", 4, 4, 10_000, 10_000)
    assert recorder.stages["pull"].tasks == 4 and recorder.stages["pull"].cpu_seconds > 0
    assert list((tmp_path / RUNS).iterdir()) == []


def test_what_a_lost_rank_left_undone_is_run_in_another_round_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    launcher = Processes()
    jobs = jobs_of(tmp_path, 2, fails="rank_dies")
    assert [each["name"] for each in _engine(launcher).map("pull docs", WORK, jobs, tmp_path)] == ["000", "001", "bad"]
    assert launcher.rounds == 2
    assert sorted(tries(tmp_path / "diary")) == ["000", "001", "bad", "bad"]
    assert "pull docs: 1 of 3 tasks were not done (first: bad); running them again, round 2 of 3" in caplog.text


def test_tasks_that_are_never_done_end_the_stage_by_name_and_the_others_keep_their_markers(tmp_path: Path) -> None:
    launcher = Processes()
    with pytest.raises(BuildError, match=r"pull docs: 1 of 2 tasks left no marker in 3 rounds \(bad\)"):
        _engine(launcher).map("pull docs", WORK, jobs_of(tmp_path, 1, fails="rank_dies", times=9), tmp_path)
    assert launcher.rounds == 3 and (tmp_path / "000.json").is_file()
    assert list((tmp_path / RUNS).iterdir())


def test_a_scheduler_that_fails_once_costs_a_round_and_one_that_always_fails_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        _engine(Processes(lost=(1,))).map("pull docs", WORK, jobs_of(tmp_path, 1), tmp_path)
    assert "ConnectionError: the scheduler is away" in caplog.text
    (tmp_path / "000.json").unlink()
    with pytest.raises(BuildError, match="left no marker") as raised:
        _engine(Processes(lost=(1, 2, 3))).map("pull docs", WORK, jobs_of(tmp_path, 1), tmp_path)
    assert isinstance(raised.value.__cause__, ConnectionError)


def test_what_a_job_raises_on_a_node_comes_through_and_is_not_tried_again(tmp_path: Path) -> None:
    launcher = Processes()
    with pytest.raises(SourceError, match="'a' is cut; fetch it again"):
        _engine(launcher).map("pull docs", WORK, jobs_of(tmp_path, 0, fails="raises"), tmp_path)
    assert launcher.rounds == 1 and tries(tmp_path / "diary") == ["bad"]


def test_a_task_over_its_memory_is_told_from_the_node(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()
    _engine(Processes(), recorder).map("pull docs", WORK, jobs_of(tmp_path, 0, fails="holds"), tmp_path)
    assert "pull docs: task bad retried: its worker held" in caplog.text
    assert recorder.stages["pull"].retried == 1


def test_ranks_whose_driver_is_gone_end_before_their_next_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(folder=tmp_path / "run", stage="pull", function=WORK, markers=tmp_path, memory_bytes=None, profile=None)
    run.write([jobs_of(tmp_path, 2)])
    monkeypatch.setattr(rank_module, "SILENT_SECONDS", -1.0)
    run.beat()
    run_rank(run.folder, 0)
    assert tries(tmp_path / "diary") == []
    monkeypatch.undo()
    run.stop()
    run_rank(run.folder, 0)
    assert tries(tmp_path / "diary") == []
    (run.folder / "stop").unlink()
    run_rank(run.folder, 0)
    assert tries(tmp_path / "diary") == ["000", "001"]


def test_a_rank_that_does_not_see_the_workspace_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="the workspace must be shared"):
        run_rank(tmp_path / "elsewhere", 0)


@pytest.mark.parametrize(("end", "code"), [("os.kill(os.getpid(), 9)", -9), ("pass", 7)])
def test_a_process_that_is_killed_in_the_block_takes_its_parent_along(end: str, code: int) -> None:
    inner = f"import os\nfrom curation.engine.rank import taking_parent_along\nwith taking_parent_along():\n    {end}"
    outer = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', sys.argv[1]])\n"
    # A parent that is not taken along ends by itself with 7; one that is waits on its stdin until then.
    outer += "if sys.argv[2] == '-9': sys.stdin.read()\nsys.exit(7)"
    with subprocess.Popen([sys.executable, "-c", outer, inner, str(code)], stdin=subprocess.PIPE) as process:
        assert process.wait(60) == code


def test_closing_ends_what_runs_and_lets_go(tmp_path: Path) -> None:
    launcher = Processes()
    _engine(launcher).close()
    assert launcher.closed == ["cancel", "close"]


@given(
    sizes=st.lists(st.integers(1, 10**9), min_size=1, max_size=60),
    workers=st.integers(1, 100),
    seconds=st.floats(1, 300),
)
def test_groups_hold_every_job_once_and_none_is_much_longer_than_asked(
    sizes: list[int], workers: int, seconds: float
) -> None:
    jobs = [Job(name=str(number), argument=None, num_bytes=size) for number, size in enumerate(sizes)]
    groups = grouped(jobs, workers=workers, seconds=seconds)
    assert sorted(job.name for group in groups for job in group) == sorted(job.name for job in jobs)
    assert all(groups)
    longest = max(job.seconds for job in jobs)
    assert all(sum(job.seconds for job in group) <= 1.5 * seconds + longest for group in groups)
    assert grouped(jobs, workers=workers, seconds=seconds) == groups


def test_workers_get_a_group_each_as_long_as_groups_are_worth_it() -> None:
    def count(num_jobs: int, workers: int) -> int:
        jobs = [Job(name=str(number), argument=None, num_bytes=160_000_000) for number in range(num_jobs)]
        return len(grouped(jobs, workers=workers, seconds=120.0))

    assert count(120, 1) == 10  # 20 minutes of work in groups of two
    assert count(120, 15) == 15
    assert count(120, 500) == 20  # never less than a minute


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (EngineSettings(name="rai"), "no engine named 'rai'; did you mean 'ray'"),
        (EngineSettings(name="slurm"), "no partition; add --engine-option partition=NAME"),
        (EngineSettings(name="slurm", options={"partitoin": "x"}), "no option named 'partitoin'; did you mean 'part"),
        (EngineSettings(name="local", options={"address": "x"}), "no option named 'address'; it takes none"),
        (EngineSettings(name="ray", options={"rank_seconds": "0"}), "rank_seconds '0' is no number of seconds above 0"),
    ],
)
def test_an_engine_that_there_is_not_is_refused_before_anything_is_read(
    settings: EngineSettings, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ManifestError, match=message):
        open_engine(settings, Recorder())
    (tmp_path / "manifest.yaml").write_text(
        "version: 1\nname: x\nprofile: smolvlm2-256m\nsources: {a: {adapter: text, uri: a.jsonl}}\n"
    )
    with pytest.raises(ManifestError, match=message):
        plan(tmp_path / "manifest.yaml", engine=settings, workspace=tmp_path / "ws")
    assert not (tmp_path / "ws").exists()
