"""What a run tells: a line per task, a file of events, where the time went, profiles."""

from __future__ import annotations

import json
import logging
import pstats
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.engine import LocalEngine, Recorder, StageTime, TaskEvent, stage_table
from curation.engine import events as events_module
from curation.errors import SourceError
from tests.engine_work import WORK, jobs_of


def _events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[tuple[Recorder, Path]]:
    """Run three tasks of which one loses its worker once, recorded and profiled; return the workspace."""
    recorder = Recorder(is_profiled=True)
    with recorder.recording(tmp_path / "ws", engine="local"):
        engine = LocalEngine(workers=2, recorder=recorder)
        (tmp_path / "stage").mkdir()
        engine.map("pull a/b", WORK, jobs_of(tmp_path, 2, fails="dies"), tmp_path / "stage")
        engine.close()
    yield recorder, tmp_path / "ws"


def test_events_tell_of_run_stages_and_every_try_with_its_figures(run: tuple[Recorder, Path]) -> None:
    told = _events(run[1] / "events.jsonl")
    assert [each["event"] for each in told[:2]] == ["run_start", "stage_start"]
    assert [each["event"] for each in told[-2:]] == ["stage_end", "run_end"]
    assert told[0]["engine"] == "local" and {each["run"] for each in told} == {run[0].run}
    tries = sorted((each["event"], each["task"]) for each in told if "task" in each)
    assert tries == [("task_done", "000"), ("task_done", "001"), ("task_done", "bad"), ("task_retried", "bad")]
    done = next(each for each in told if each.get("task") == "001")
    assert done["bytes"] == 2000 and done["rows"] == 3 and done["stage"] == "pull a/b"
    assert 0 < done["cpu_seconds"] < 60 and done["seconds"] > 0 and done["peak_bytes"] > 1 << 20
    assert int(done["worker"].rpartition(":")[2]) > 1
    lost = next(each for each in told if each["event"] == "task_retried")
    assert lost["reason"] == "its worker died (exit code -9)"
    assert told[-1]["outcome"] == "done" and told[-2]["seconds"] >= told[-2]["own_seconds"] > 0


def test_a_profile_joins_the_tasks_and_the_driver_under_the_table_of_stages(run: tuple[Recorder, Path]) -> None:
    recorder, workspace = run
    assert recorder.report == workspace / "profile" / recorder.run / "profile.txt"
    text = recorder.report.read_text()
    assert text.startswith("stage") and "== workers, 3 tasks: by own time" in text and "== driver" in text
    names = {name for _, _, name in pstats.Stats(str(recorder.report.parent / "workers.pstats")).stats}  # type: ignore[attr-defined]
    assert {"work", "tries"} <= names


def test_a_failed_task_is_told_with_why_and_so_is_the_end_of_its_stage(tmp_path: Path) -> None:
    recorder = Recorder(events=tmp_path / "told" / "events.jsonl")
    with pytest.raises(SourceError), recorder.recording(tmp_path):
        LocalEngine(workers=1, recorder=recorder).map("pull x", WORK, jobs_of(tmp_path, 0, fails="raises"), tmp_path)
    told = _events(tmp_path / "told" / "events.jsonl")
    failed = next(each for each in told if each["event"] == "task_failed")
    assert failed["reason"] == "SourceError: sources.x: 'a' is cut; fetch it again"
    assert [each["outcome"] for each in told if "outcome" in each] == ["failed", "failed"]


def test_runs_are_added_to_a_file_of_events_until_it_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        with Recorder().recording(tmp_path):
            pass
    assert len({each["run"] for each in _events(tmp_path / "events.jsonl")}) == 2
    monkeypatch.setattr(events_module, "KEPT_BYTES", 10)
    with Recorder().recording(tmp_path):
        pass
    assert len({each["run"] for each in _events(tmp_path / "events.jsonl")}) == 1
    assert len({each["run"] for each in _events(tmp_path / "events.1.jsonl")}) == 2


def test_a_task_is_one_line_with_its_rates(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        for amount, unit, rows in ((12_000_000, "bytes", 1000), (300, "frames", 4), (700, "rows", 700)):
            Recorder().task(
                TaskEvent(
                    kind="task_done",
                    stage="pull docs",
                    task="000003",
                    amount=amount,
                    unit=unit,
                    seconds=2.0,
                    cpu_seconds=1.5,
                    peak_bytes=100 << 20,
                    rows=rows,
                )
            )
    assert [record.message.removeprefix("pull docs: task 000003 done, ") for record in caplog.records] == [
        "12.0 MB, 1000 rows in 2.00 s (6.0 MB/s, 500 rows/s), CPU 1.50 s, memory 100 MiB",
        "300 frames, 4 rows in 2.00 s (150 frames/s, 2 rows/s), CPU 1.50 s, memory 100 MiB",
        "700 rows in 2.00 s (350 rows/s), CPU 1.50 s, memory 100 MiB",
    ]


def test_the_time_of_a_stage_leaves_out_the_stages_inside_it() -> None:
    recorder = Recorder()
    with recorder.stage("prepare"):
        for source in ("a", "b"):
            with recorder.stage(f"pull {source}"):
                sum(range(100_000))
    assert list(recorder.stages) == ["prepare", "pull"]
    assert 0 <= recorder.stages["prepare"].seconds < recorder.stages["pull"].seconds


def test_the_table_has_a_row_per_stage_and_blanks_where_nothing_was_counted() -> None:
    stages = [
        StageTime(stage="pull", seconds=4.0, tasks=2, cpu_seconds=7.5, num_bytes=8_000_000, rows=100, retried=1),
        StageTime(stage="mix", seconds=1.0),
    ]
    assert [line.rstrip() for line in stage_table(stages, seconds=5.0).splitlines()] == [
        "stage  seconds  share  tasks  CPU s   MB  MB/s  rows  rows/s  peak MiB  retried",
        "pull      4.00    80%      2   7.50  8.0   2.0   100      25                  1",
        "mix       1.00    20%",
        "in all 5.00 s",
    ]
