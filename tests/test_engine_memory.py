"""Workers that take more memory than they may: killed and named, their tasks tried again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.build import build
from curation.child import Child
from curation.engine import EngineSettings, LocalEngine, Recorder
from curation.engine.attempts import renewed
from curation.engine.usage import usage
from curation.errors import BuildError
from tests.corpora import digests
from tests.engine_work import WORK, jobs_of, tries

LIMIT = 250_000_000


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    """Give an engine of two workers of 250 MB each."""
    engine = LocalEngine(workers=2, memory_bytes=LIMIT)
    yield engine
    engine.close()


def test_a_worker_over_its_memory_is_killed_its_task_named_and_tried_again(
    tmp_path: Path, engine: LocalEngine, caplog: pytest.LogCaptureFixture
) -> None:
    summaries = engine.map("pull docs", WORK, jobs_of(tmp_path, 2, fails="holds"), tmp_path)
    assert [summary["name"] for summary in summaries] == ["000", "001", "bad"]
    assert tries(tmp_path / "diary").count("bad") == 2
    assert "pull docs: task bad retried: its worker held" in caplog.text
    assert "more than the 238 MiB that a worker may (--memory)" in caplog.text
    assert engine.recorder.stages["pull"].retried == 1
    assert engine.recorder.stages["pull"].peak_bytes > LIMIT


def test_a_task_that_always_takes_too_much_ends_the_stage_by_name_with_the_way_out(
    tmp_path: Path, engine: LocalEngine
) -> None:
    with pytest.raises(BuildError, match=r"pull docs: task bad lost its worker 3 times: its worker held .* --memory"):
        engine.map("pull docs", WORK, jobs_of(tmp_path, 0, fails="holds", times=9), tmp_path)
    assert tries(tmp_path / "diary") == ["bad"] * 3


def test_a_build_whose_worker_ran_out_of_memory_has_the_same_bytes(tmp_path: Path) -> None:
    for name, rows in (("a", 30), ("b", 50)):
        (tmp_path / f"{name}.rows").write_bytes(b"." * rows)
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(
        "version: 1\nname: greedy\nprofile: smolvlm2-256m\ntokenizer: bytes\n"
        'sources: {rows: {adapter: "tests.engine_work:", uri: "*.rows"}}\n'
        "mixture: {unit: samples, weights: {rows: natural}}\n"
    )
    quiet = digests(build(manifest, output=tmp_path / "quiet", workspace=tmp_path / "ws-quiet", workers=1).folder)
    (tmp_path / "b.greedy").touch()
    settings, recorder = EngineSettings(workers=2, memory_bytes=LIMIT), Recorder()
    made = build(manifest, output=tmp_path / "b", workspace=tmp_path / "ws", engine=settings, recorder=recorder)
    assert digests(made.folder) == quiet
    assert recorder.stages["pull"].retried == 1


def test_what_a_worker_takes_counts_what_runs_below_it_and_not_mapped_files(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100_000_000)
    script = (
        "import mmap, subprocess, sys\n"
        "file = open(sys.argv[1], 'rb')\n"
        "held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "held.read()\n"
        "inner = 'held = bytearray(b\"x\") * 80_000_000; print(1, flush=True); input()'\n"
        "subprocess.run([sys.executable, '-c', inner])\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "file")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        used = usage(process.pid)
        process.communicate(b"\n")
    assert 80_000_000 < used.num_bytes < 260_000_000
    assert 0 < used.cpu_seconds < 60
    assert usage(process.pid) == usage(None)


def test_an_idle_worker_that_holds_much_is_replaced_before_its_next_task(tmp_path: Path) -> None:
    before = Child()
    before.start()
    pid = before.pid
    assert renewed(before, memory_bytes=1).pid is None
    assert pid is not None and not Path(f"/proc/{pid}").exists()
    assert os.getpid() != pid
