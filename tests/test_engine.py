"""The local engine: markers, workers that die, errors that come through, figures for a progress bar."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from curation.engine import MAX_ATTEMPTS, Job, LocalEngine, Recorder
from curation.errors import BuildError, SourceError

HERE = "tests.test_engine"


@dataclass(frozen=True)
class Work:
    """What a job of these tests does: leaves a line in a file, and may fail or die until it was tried often enough."""

    diary: Path
    name: str
    deaths: int = 0
    error: str = ""


def work(todo: Work) -> dict[str, Any]:
    """Carry out a job; dies by SIGKILL while there were fewer tries than `deaths` asks for."""
    with todo.diary.open("a") as diary:
        diary.write(f"{todo.name} {os.getpid()}\n")
    if sum(line.startswith(f"{todo.name} ") for line in todo.diary.read_text().splitlines()) <= todo.deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    if todo.error:
        raise SourceError(todo.error)
    return {"name": todo.name, "size": len(todo.name)}


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    """Give an engine of two workers."""
    engine = LocalEngine(workers=2)
    yield engine
    engine.close()


def _jobs(folder: Path, count: int, **about: Any) -> list[Job]:
    return [
        Job(name=f"{number:03d}", argument=Work(folder / "diary", f"{number:03d}", **about), num_bytes=number + 1)
        for number in range(count)
    ]


def _tries(folder: Path) -> list[str]:
    return [line.split()[0] for line in (folder / "diary").read_text().splitlines()]


def test_summaries_come_in_job_order_whoever_was_first(tmp_path: Path, engine: LocalEngine) -> None:
    summaries = engine.map("stage", f"{HERE}:work", _jobs(tmp_path, 7), tmp_path)
    assert [summary["name"] for summary in summaries] == [f"{number:03d}" for number in range(7)]


def test_the_largest_jobs_go_first(tmp_path: Path) -> None:
    engine = LocalEngine(workers=1)
    engine.map("stage", f"{HERE}:work", _jobs(tmp_path, 4), tmp_path)
    engine.close()
    assert _tries(tmp_path) == ["003", "002", "001", "000"]


def test_a_job_with_a_marker_is_not_run_again(tmp_path: Path, engine: LocalEngine) -> None:
    first = engine.map("stage", f"{HERE}:work", _jobs(tmp_path, 3), tmp_path)
    (tmp_path / "001.json").unlink()
    assert engine.map("stage", f"{HERE}:work", _jobs(tmp_path, 3), tmp_path) == first
    assert sorted(_tries(tmp_path)) == ["000", "001", "001", "002"]


def test_a_half_written_marker_is_none(tmp_path: Path, engine: LocalEngine) -> None:
    first = engine.map("stage", f"{HERE}:work", _jobs(tmp_path, 1), tmp_path)
    (tmp_path / "000.json").write_bytes(b'{"name": "0')
    assert engine.map("stage", f"{HERE}:work", _jobs(tmp_path, 1), tmp_path) == first


def test_a_job_whose_file_is_gone_is_run_again_in_spite_of_its_marker(tmp_path: Path, engine: LocalEngine) -> None:
    jobs = [
        Job(name=job.name, argument=job.argument, outputs=(tmp_path / f"{job.name}.out",)) for job in _jobs(tmp_path, 2)
    ]
    for job in jobs:
        job.outputs[0].touch()
    engine.map("stage", f"{HERE}:work", jobs, tmp_path)
    jobs[1].outputs[0].unlink()
    engine.map("stage", f"{HERE}:work", jobs, tmp_path)
    assert sorted(_tries(tmp_path)) == ["000", "001", "001"]


def test_a_job_whose_worker_is_killed_is_tried_again(
    tmp_path: Path, engine: LocalEngine, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = [*_jobs(tmp_path, 2), Job(name="bad", argument=Work(tmp_path / "diary", "bad", deaths=2))]
    with caplog.at_level(logging.WARNING):
        summaries = engine.map("stage", f"{HERE}:work", jobs, tmp_path)
    assert [summary["name"] for summary in summaries] == ["000", "001", "bad"]
    assert _tries(tmp_path).count("bad") == 3
    assert caplog.text.count("task bad retried: its worker died (exit code -9)") == 2


def test_a_job_that_kills_every_worker_ends_the_stage_by_name_and_the_others_keep_their_markers(tmp_path: Path) -> None:
    engine = LocalEngine(workers=1)
    jobs = [*_jobs(tmp_path, 2), Job(name="bad", argument=Work(tmp_path / "diary", "bad", deaths=99), num_bytes=0)]
    with pytest.raises(BuildError, match=r"pull docs: task bad lost its worker 3 times: .* died \(exit code -9\)"):
        engine.map("pull docs", f"{HERE}:work", jobs, tmp_path)
    assert _tries(tmp_path).count("bad") == MAX_ATTEMPTS
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["000.json", "001.json"]


class _KillsItsWorker:
    """An argument that kills the worker while it is being sent: the worker is gone before it has the job."""

    def __init__(self, kill: Callable[[], None], times: int) -> None:
        self.kill, self.times = kill, times

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        if self.times:
            self.times -= 1
            self.kill()
        return (str, ("safe",))


def describe(argument: str) -> dict[str, Any]:
    """Return what arrived."""
    return {"argument": argument}


def _killer(engine: LocalEngine) -> Callable[[], None]:
    def kill() -> None:
        pid = engine._pool._children[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    return kill


def test_a_worker_that_dies_before_it_has_the_job_is_replaced(tmp_path: Path) -> None:
    engine = LocalEngine(workers=1)
    job = Job(name="0", argument=_KillsItsWorker(_killer(engine), 1))
    assert engine.map("stage", f"{HERE}:describe", [job], tmp_path) == [{"argument": "safe"}]
    engine.close()


def test_workers_that_always_die_before_they_have_the_job_end_the_stage(tmp_path: Path) -> None:
    engine = LocalEngine(workers=1)
    job = Job(name="0", argument=_KillsItsWorker(_killer(engine), 99))
    with pytest.raises(BuildError, match="task 0 lost its worker 3 times"):
        engine.map("stage", f"{HERE}:describe", [job], tmp_path)


def test_a_known_error_of_a_job_comes_through_and_the_workers_are_gone(tmp_path: Path, engine: LocalEngine) -> None:
    jobs = [Job(name="0", argument=Work(tmp_path / "diary", "0", error="sources.x: 'a' is cut; fetch it again"))]
    with pytest.raises(SourceError, match="'a' is cut; fetch it again"):
        engine.map("stage", f"{HERE}:work", jobs, tmp_path)
    pid = int((tmp_path / "diary").read_text().split()[1])
    assert not Path(f"/proc/{pid}").exists()
    assert not (tmp_path / "0.json").exists()


def test_workers_are_kept_from_stage_to_stage(tmp_path: Path) -> None:
    engine = LocalEngine(workers=1)
    for stage in ("a", "b"):
        (tmp_path / stage).mkdir()
        engine.map(stage, f"{HERE}:work", _jobs(tmp_path, 1), tmp_path / stage)
    engine.close()
    assert len({line.split()[1] for line in (tmp_path / "diary").read_text().splitlines()}) == 1


def test_progress_counts_jobs_and_bytes_up_to_the_whole_and_starts_with_what_was_done(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int, int, int]] = []
    engine = LocalEngine(workers=2, recorder=Recorder(progress=lambda *figures: seen.append(figures[:5])))
    engine.map("stage", f"{HERE}:work", _jobs(tmp_path, 4), tmp_path)
    assert seen[0] == ("stage", 0, 4, 0, 10) and seen[-1] == ("stage", 4, 4, 10, 10)
    assert [figures[1] for figures in seen] == sorted(figures[1] for figures in seen)
    seen.clear()
    (tmp_path / "003.json").unlink()
    engine.map("stage", f"{HERE}:work", _jobs(tmp_path, 4), tmp_path)
    engine.close()
    assert seen[0] == ("stage", 3, 4, 6, 10) and seen[-1] == ("stage", 4, 4, 10, 10)


def test_no_jobs_start_no_worker(tmp_path: Path, engine: LocalEngine) -> None:
    assert engine.map("stage", f"{HERE}:work", [], tmp_path) == []
    assert engine._pool._children == []
