"""What a workspace keeps and what `curation gc` frees: never what a build, a plan or a running process needs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from curation.build import build, plan
from curation.cli.main import main
from curation.collection import Folder, existing_workspace, free, survey
from curation.errors import BuildError
from curation.runs import alone, read_records, recorded
from curation.workspace import Workspace, open_workspace
from tests.corpora import digests, write_clips, write_problems

MANIFEST = """
version: 1
profile: smolvlm2-256m
tokenizer: bytes
sources:
  problems:
    adapter: text
    uri: problems/train.jsonl
    kind: cot
    options: {prompt_field: question, answer_field: answer}
  clips: {adapter: llava, uri: clips/clips.json, media: clips/videos, kind: video}
filters: [exact_duplicates]
mixture: {unit: samples, weights: {problems: 9, clips: 1}}
"""
WEEKS = 30 * 86_400


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a corpus with videos and build two variants of it into one workspace."""
    folder = tmp_path_factory.mktemp("gc")
    write_problems(folder / "problems", num_rows=40)
    write_clips(folder / "clips", num_rows=2)
    (folder / "m.yaml").write_text(MANIFEST)
    for name, override in (("a", "video.max_frames=4"), ("b", "video.max_frames=2")):
        build(folder / "m.yaml", output=folder / name, workspace=folder / "ws", workers=1, overrides=[override])
    return folder


@pytest.fixture
def space(corpus: Path, tmp_path: Path) -> Workspace:
    """Copy the corpus with its builds; everything in the workspace was last used weeks ago."""
    for name in ("ws", "a", "b"):
        shutil.copytree(corpus / name, tmp_path / name)
    for path in (tmp_path / "ws" / "runs").iterdir():
        path.write_text(path.read_text().replace(str(corpus), str(tmp_path)))
    _age(tmp_path / "ws")
    return open_workspace(tmp_path / "ws", None)


def _age(folder: Path, seconds: float = -WEEKS) -> None:
    for path in folder.rglob("*"):
        moment = path.stat().st_mtime + seconds
        os.utime(path, (moment, moment))


def _useless(found: list[Folder]) -> list[str]:
    return [folder.name for folder in found if not folder.needed_by]


def _files(space: Workspace) -> set[Path]:
    return {path for path in space.root.rglob("*") if path.is_file()}


def test_nothing_is_freed_while_every_build_stands_where_it_was_written(space: Workspace) -> None:
    before = _files(space)
    assert free(space) == []
    assert _files(space) == before


def test_what_only_a_removed_build_used_is_freed_and_the_other_is_built_again_from_what_stays(
    corpus: Path, space: Workspace, tmp_path: Path
) -> None:
    kept = digests(tmp_path / "a")
    shutil.rmtree(tmp_path / "b")
    freed = free(space)
    names = {folder.name.partition("/")[0] for folder in freed}
    assert {"encode", "filter", "index", "write", "cache"} <= names
    assert not [folder for folder in freed if folder.name.startswith("pull/")], "both builds pull the same"
    remaining = _stamps(space)
    made = build(
        corpus / "m.yaml",
        output=tmp_path / "again",
        workspace=space.root,
        workers=1,
        overrides=["video.max_frames=4"],
    )
    assert digests(made.folder) == kept
    assert {path: stamp for path, stamp in _stamps(space).items() if path in remaining} == remaining


def _stamps(space: Workspace) -> dict[Path, int]:
    """Return when the files that tasks and decoding leave were written."""
    return {path: path.stat().st_mtime_ns for path in _files(space) if path.suffix in (".parquet", ".arrow", ".blob")}


def test_a_build_that_was_moved_is_kept_when_it_is_named(space: Workspace, tmp_path: Path) -> None:
    (tmp_path / "b").rename(tmp_path / "moved")
    assert _useless(survey(space)) != []
    assert _useless(survey(space, builds=[tmp_path / "moved"])) == []


def test_a_build_of_another_workspace_is_refused_by_name(space: Workspace, tmp_path: Path) -> None:
    for record in read_records(space):
        record.path.unlink()
    with pytest.raises(BuildError, match=r"/a: workspace .* has no record of this build"):
        survey(space, builds=[tmp_path / "a"])


def test_a_folder_that_holds_another_build_now_needs_nothing_of_the_first(space: Workspace, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "b")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert any(name.startswith("encode/") for name in _useless(survey(space)))


def test_what_was_used_in_the_last_days_is_kept_whoever_used_it(space: Workspace, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "a")
    shutil.rmtree(tmp_path / "b")
    assert _useless(survey(space, days=31)) == []
    assert len(_useless(survey(space, days=7))) == len(survey(space))


def test_a_clock_that_was_ahead_makes_nothing_old(space: Workspace, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "b")
    _age(space.root, seconds=10 * WEEKS)
    assert _useless(survey(space, days=0.5)) == []


def test_a_plan_and_a_build_that_was_killed_keep_their_stages_for_days(corpus: Path, tmp_path: Path) -> None:
    space = open_workspace(tmp_path / "ws", None)
    planned = plan(corpus / "m.yaml", workspace=space.root, workers=1)
    with recorded(space, tmp_path / "k.yaml", settings={}, output=tmp_path / "killed") as run:
        run.workspace.stage("pull", "something of its own")
    assert {record.fingerprint for record in read_records(space)} == {planned.fingerprint, None}
    for path in space.root.glob("*/*/*"):
        os.utime(path, (1e9, 1e9))  # only the records say when the stages were used
    assert _useless(survey(space)) == []
    assert len(_useless(survey(space, days=0))) > 4


def test_a_run_that_is_done_needs_no_longer_what_the_one_before_it_used(tmp_path: Path) -> None:
    space = open_workspace(tmp_path / "ws", None)
    for number in range(2):
        with recorded(space, None, settings={}, output=tmp_path / "out") as run:
            run.workspace.stage("pull", number)
            assert len(read_records(space)[0].stages) == number + 1
            run.finish("digest")
    (record,) = read_records(space)
    assert record.fingerprint == "digest" and len(record.stages) == 1


def test_nothing_is_freed_while_something_runs_and_runs_do_not_hinder_each_other(
    space: Workspace, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "b")
    with (
        recorded(space, None, settings=1),
        recorded(space, None, settings=2),
        pytest.raises(BuildError, match="a build or plan runs in it"),
    ):
        free(space)
    assert free(space) != []


def test_the_hold_on_a_workspace_goes_with_its_process(space: Workspace) -> None:
    script = (
        "import os, signal, sys\nfrom curation.runs import recorded\nfrom curation.workspace import open_workspace\n"
        "with recorded(open_workspace(sys.argv[1], None), None, settings=0):\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(space.root)], check=False)
    with alone(space):
        assert read_records(space)


def test_what_killed_runs_left_is_freed_and_what_gc_does_not_know_stays(space: Workspace) -> None:
    stage = next((space.root / "encode").iterdir())
    (stage / ".000000.parquet.77-aa.tmp").write_bytes(b"half")
    (stage / "filters-x1").mkdir()
    (space.root / ".freed").mkdir()
    (space.root / ".freed" / "3-gone").write_bytes(b"gone")
    (space.root / "mine").mkdir()
    (space.root / "mine" / "notes.txt").write_text("mine")
    assert [folder.name for folder in free(space)] == ["left by killed runs"]
    assert not list(space.root.rglob("*.tmp")) and not list(space.root.rglob("filters-*"))
    assert (space.root / "mine" / "notes.txt").read_text() == "mine"
    assert not (space.root / ".freed").exists()


def test_the_command_shows_and_frees_only_when_told_to(
    space: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(tmp_path / "b")
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115, PTH123
    before = _files(space)
    assert main(["gc", "--workspace", str(space.root)]) == 0
    told = capsys.readouterr().out
    assert f"{tmp_path}/a" in told and "nothing needs" in told and "with --yes" in told
    assert _files(space) == before
    assert main(["gc", "--workspace", str(space.root), "--json", "--yes"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {row["freed"] for row in listed if row["needed_by"]} == {False}
    assert all(row["freed"] for row in listed if not row["needed_by"])
    assert main(["gc", "--workspace", str(space.root), "--yes"]) == 0
    assert "nothing needs 0 B in 0 folders" in capsys.readouterr().out


def test_a_folder_that_is_no_workspace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no workspace; name the folder of a workspace with --workspace"):
        existing_workspace(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_record_names_a_remote_build_without_its_secrets_and_keeps_what_it_used(tmp_path: Path) -> None:
    space = open_workspace(tmp_path / "ws", None)
    with recorded(space, None, settings={}, output="s3://me:hunter22@bucket/b?X-Amz-Signature=abcdef123") as run:
        run.workspace.stage("pull", 1)
        run.finish("digest")
    written = b"".join(path.read_bytes() for path in _files(space))
    assert b"s3://" in written and b"hunter22" not in written and b"abcdef123" not in written
    _age(space.root)
    assert _useless(survey(space)) == []


def test_of_a_workspace_under_a_url_only_this_machines_copy_is_freed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATION_CACHE", str(tmp_path))
    with pytest.raises(BuildError, match="memory://gc-test: no copy of it on this machine"):
        existing_workspace("memory://gc-test")
    stage = open_workspace("memory://gc-test", None).stage("pull", 1)
    stage.finish({"samples": 3})
    space = existing_workspace("memory://gc-test")
    _age(space.root)
    assert [folder.name for folder in free(space)] == [f"pull/{stage.folder.name}"]
    assert not stage.folder.exists()
    again = space.stage("pull", 1)
    assert again.is_done and again.summary() == {"samples": 3}
