"""Faults from outside: clocks that jump, a workspace of another version, decoders that are killed."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from curation.build import build, plan
from curation.filters.exact_duplicates import ExactDuplicates
from tests.corpora import digests, write_clips, write_pages

MANIFEST = """
version: 1
profile: smolvlm2-256m
tokenizer: bytes
sources:
  pages: {adapter: cauldron, uri: pages/*.parquet}
  clips: {adapter: llava, uri: clips/clips.json, media: clips/videos, kind: video}
filters: [exact_duplicates]
mixture: {unit: samples, weights: {pages: natural, clips: natural}}
"""
LONG_AGO, FAR_AHEAD = 1.0, 4e9  # 1970 and 2096


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a corpus and its manifest."""
    folder = tmp_path_factory.mktemp("faults")
    write_pages(folder / "pages", num_rows=12)
    write_clips(folder / "clips", num_rows=3)
    (folder / "m.yaml").write_text(MANIFEST)
    return folder


@pytest.fixture(scope="module")
def reference(corpus: Path) -> dict[str, str]:
    """Build undisturbed."""
    made = build(corpus / "m.yaml", output=corpus / "reference", workspace=corpus / "ws", workers=1)
    return digests(made.folder)


@pytest.fixture
def space(corpus: Path, reference: dict[str, str], tmp_path: Path) -> Path:
    """Copy the workspace of the reference."""
    return Path(shutil.copytree(corpus / "ws", tmp_path / "ws"))


def _set_clock(folder: Path, moment: float) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (moment, moment))


def _stamps(folder: Path) -> dict[Path, int]:
    stages = [folder / name for name in ("pull", "encode", "filter", "index")]
    return {path: path.stat().st_ino for stage in stages for path in stage.rglob("*.parquet")}


@pytest.mark.parametrize("moment", [LONG_AGO, FAR_AHEAD])
def test_a_clock_that_jumps_between_runs_makes_no_work_and_no_other_bytes(
    corpus: Path, reference: dict[str, str], space: Path, tmp_path: Path, moment: float
) -> None:
    """All that the first run wrote is dated decades away: only names and marks say what is done."""
    _set_clock(space, moment)
    before = _stamps(space)
    made = build(corpus / "m.yaml", output=tmp_path / "out", workspace=space, workers=1)
    assert digests(made.folder) == reference
    assert _stamps(space) == before


@pytest.mark.slow
def test_inputs_dated_in_the_future_or_the_past_give_the_same_bytes_and_a_change_backwards_is_noticed(
    corpus: Path, reference: dict[str, str], tmp_path: Path
) -> None:
    shutil.copytree(corpus / "pages", tmp_path / "kept")
    source = corpus / "pages" / "train-00000-of-00001.parquet"
    stat = source.stat()
    try:
        for name, moment in (("ahead", FAR_AHEAD), ("past", LONG_AGO)):
            os.utime(source, (moment, moment))
            made = build(corpus / "m.yaml", output=tmp_path / name, workspace=tmp_path / "ws", workers=1)
            assert digests(made.folder) == reference
        write_pages(corpus / "pages", num_rows=11)
        os.utime(source, (0.5, 0.5))
        assert plan(corpus / "m.yaml", workspace=tmp_path / "ws").sql(
            "select count(*) from samples where source = 'pages'"
        ).rows() == [(11,)]
    finally:
        shutil.copy(tmp_path / "kept" / source.name, source)
        os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns))


VERSIONS = {
    "pull": "curation.sources.stage:VERSION",
    "encode": "curation.encoded:ENCODE_VERSION",
    "filter": "curation.filters.exact_duplicates:ExactDuplicates.version",
    "index": "curation.output:INDEX_VERSION",
}


@pytest.mark.parametrize("stage", VERSIONS)
def test_what_another_version_of_a_stage_wrote_is_left_alone_and_made_anew(
    corpus: Path,
    reference: dict[str, str],
    space: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
) -> None:
    """Spoil the old folders of the stage: a build that read them could not end in the right bytes."""
    old = sorted(path for path in (space / stage).rglob("*") if path.suffix in (".parquet", ".arrow"))
    assert old
    for path in old:
        path.write_bytes(b"of another version")
    module, _, names = VERSIONS[stage].partition(":")
    owner, name = importlib.import_module(module), names
    if "." in names:
        owner, name = ExactDuplicates, names.rpartition(".")[2]  # type: ignore[assignment]
    monkeypatch.setattr(owner, name, getattr(owner, name) + 1)
    made = build(corpus / "m.yaml", output=tmp_path / "out", workspace=space, workers=1)
    assert digests(made.folder) == reference
    assert all(path.read_bytes() == b"of another version" for path in old)


@pytest.mark.slow
def test_a_build_whose_decoders_and_workers_are_killed_ends_in_the_same_bytes(
    corpus: Path, reference: dict[str, str], tmp_path: Path
) -> None:
    """Kill every second process that the driver has below it as soon as it is seen, four in all."""
    command = [sys.executable, "-m", "curation", "build", str(corpus / "m.yaml"), "-o", str(tmp_path / "out")]
    command += ["--workspace", str(tmp_path / "ws"), "--workers", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    killed: list[int] = []
    seen: list[int] = []
    pause = threading.Event()
    while process.poll() is None:
        for pid in _below(process.pid):
            if pid not in seen:
                seen.append(pid)
                if len(seen) % 2 == 0 and len(killed) < 4:
                    killed.append(pid)
                    os.kill(pid, signal.SIGKILL)
        pause.wait(0.02)
    assert process.returncode == 0, process.stderr.read() if process.stderr else ""
    assert killed, "no process was seen"
    assert digests(tmp_path / "out") == reference


def _below(pid: int) -> list[int]:
    try:
        told = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    found = [int(word) for text in told for word in text.split()]
    return found + [below for child in found for below in _below(child)]
