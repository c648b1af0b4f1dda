"""Stage folders, whole files, locks."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest

from curation.errors import BuildError
from curation.shared_workspace import SharedFolder
from curation.workspace import FORMAT, TEMPORARY, Workspace, locked, open_workspace, replacing, write_bytes

ROOT = Path(__file__).resolve().parent.parent


def _run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


KILLED = """
import os, signal, sys
from pathlib import Path
from curation.workspace import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"new" * 1000)
    if sys.argv[2] == "rename":
        os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
    else:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("moment", ["write", "rename"])
def test_a_kill_before_the_rename_leaves_what_was_there_before(tmp_path: Path, moment: str) -> None:
    old, missing = tmp_path / "old", tmp_path / "missing"
    old.write_bytes(b"old")
    for path in (old, missing):
        assert _run(KILLED, str(path), moment).returncode == -signal.SIGKILL
    assert old.read_bytes() == b"old"
    assert not missing.exists()
    assert all(path.name.startswith(".") and path.suffix == TEMPORARY for path in tmp_path.iterdir() if path != old)


def test_a_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "file") as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    with replacing(tmp_path / "file") as first, replacing(tmp_path / "file") as second:
        assert first != second
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert (tmp_path / "file").read_bytes() == b"first"  # the outer block ends last
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="the disk is full; free space"), replacing(tmp_path / "file"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(PermissionError), replacing(tmp_path / "file"):
        raise PermissionError(errno.EACCES, "not that")


def test_writing_makes_the_folders_above(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a" / "b" / "c", b"data")
    assert (tmp_path / "a" / "b" / "c").read_bytes() == b"data"


def test_a_stage_is_named_by_all_that_it_depends_on(tmp_path: Path) -> None:
    workspace = Workspace(root=tmp_path)
    stage = workspace.stage("pull", 1, {"a": 1, "b": [2]})
    assert workspace.stage("pull", 1, {"b": [2], "a": 1}) == stage
    others = [
        workspace.stage("encode", 1, {"a": 1, "b": [2]}),
        workspace.stage("pull", 2, {"a": 1, "b": [2]}),
        workspace.stage("pull", 1, {"a": 1, "b": [2.5]}),
        workspace.stage("pull", 1, {"a": "1", "b": [2]}),
    ]
    assert len({each.folder for each in [stage, *others]}) == 5


def test_a_name_that_is_no_utf_8_is_part_of_an_identity_like_any_other(tmp_path: Path) -> None:
    workspace = Workspace(root=tmp_path)
    odd = os.fsdecode(b"caf\xe9.png")
    assert workspace.stage("pull", odd).fingerprint != workspace.stage("pull", odd + "x").fingerprint


def test_a_stage_is_done_when_its_marker_is_written(tmp_path: Path) -> None:
    stage = Workspace(root=tmp_path).stage("pull", 1)
    assert not stage.is_done
    stage.finish({"samples": 3})
    assert stage.is_done and stage.summary() == {"samples": 3}


def test_the_workspace_is_the_argument_else_the_environment_else_beside_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CURATION_WORKSPACE", raising=False)
    assert open_workspace(None, tmp_path / "m.yaml").root == tmp_path / ".curation"
    monkeypatch.setenv("CURATION_WORKSPACE", str(tmp_path / "by-name"))
    assert open_workspace(None, tmp_path / "m.yaml").root == tmp_path / "by-name"
    assert open_workspace(tmp_path / "asked", tmp_path / "m.yaml").root == tmp_path / "asked"


def test_a_new_workspace_is_tagged_as_a_cache_and_a_folder_with_other_files_is_not(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.png").touch()
    assert (open_workspace(tmp_path / "new", None).root / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f59")
    assert not (open_workspace(tmp_path / "data", None).root / "CACHEDIR.TAG").exists()


def test_a_workspace_that_can_not_be_made_is_told_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BuildError, match=r"file/ws: .*; name a folder that can be written with --workspace"):
        open_workspace(tmp_path / "file" / "ws", None)


def test_a_lock_that_is_held_is_refused_and_free_again_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "new" / ".lock"
    for _ in range(2):
        with (
            locked(path, busy="unused"),
            pytest.raises(BuildError, match="someone is in"),
            locked(path, busy="someone is in"),
        ):
            pytest.fail("held twice")


def test_a_lock_goes_with_its_process(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom curation.workspace import locked\n"
        "with locked(Path(sys.argv[1]), busy=''):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert _run(script, str(tmp_path / ".lock")).returncode == -signal.SIGKILL
    with locked(tmp_path / ".lock", busy="still held"):
        assert (tmp_path / ".lock").exists()


def test_a_lock_on_a_file_that_its_last_holder_took_away_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder unlinks the file between our opening and locking it; who comes next locks a new file."""
    import fcntl

    real = fcntl.flock

    def flock(file: object, operation: int) -> None:
        (tmp_path / ".lock").unlink()
        real(file, operation)  # type: ignore[arg-type]

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(BuildError, match="busy"), locked(tmp_path / ".lock", busy="busy"):
        pytest.fail("two may hold it")


def test_a_folder_that_can_not_be_locked_is_told_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BuildError, match="can be written"), locked(tmp_path / "file" / ".lock", busy=""):
        pytest.fail("locked")


@pytest.mark.parametrize(("marker", "stated"), [(b'{"format": 99}', "99"), (b"half a mark", "unknown"), (b"[]", "unk")])
def test_a_workspace_of_another_format_is_refused_and_left_as_it_is(tmp_path: Path, marker: bytes, stated: str) -> None:
    workspace = open_workspace(tmp_path / "ws", None)
    (workspace.root / "workspace.json").write_bytes(marker)
    with pytest.raises(BuildError, match=rf"its format is {stated}.* this toolkit uses {FORMAT}; .* --workspace"):
        open_workspace(tmp_path / "ws", None)
    assert (workspace.root / "workspace.json").read_bytes() == marker


def test_a_workspace_from_before_the_mark_gets_it(tmp_path: Path) -> None:
    (tmp_path / "ws" / "pull").mkdir(parents=True)
    for _ in range(2):
        open_workspace(tmp_path / "ws", None)
    assert json.loads((tmp_path / "ws" / "workspace.json").read_bytes()) == {"format": FORMAT}


def test_whoever_asks_is_told_of_every_stage_before_anything_is_in_it(tmp_path: Path) -> None:
    seen: list[tuple[str, bool]] = []
    workspace = Workspace(root=tmp_path, on_stage=lambda stage: seen.append((stage.name, stage.is_done)))
    workspace.stage("pull", 1).finish({})
    workspace.stage("pull", 1)
    assert seen == [("pull", False), ("pull", True)]


def test_two_processes_may_fetch_the_same_file_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATION_CACHE", str(tmp_path / "cache"))
    shared = SharedFolder.at(f"memory://{tmp_path.name}")
    name, data = "cache/archives/a.tar", bytes(range(256)) * 64
    write_bytes(shared.root / name, data)
    shared.keep_files([name])
    (shared.root / name).unlink()
    readers: list[BytesIO] = []

    class Slow(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if len(readers) == 1:
                shared.fetch_files([name])
            return super().read(size)

    def open_slowly(url: str, **options: int) -> BytesIO:
        readers.append(Slow(data))
        return readers[-1]

    monkeypatch.setattr("curation.shared_workspace.open_file", open_slowly)
    shared.fetch_files([name])
    assert len(readers) == 2 and (shared.root / name).read_bytes() == data
    assert [path.name for path in (shared.root / name).parent.iterdir()] == ["a.tar"]
