"""The local folder that a build is written into: who may write there, and what may be in the way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curation.errors import BuildError
from curation.mixtures.index import settings_text
from curation.workspace import TEMPORARY, locked, write_bytes

BUILDING = ".building.json"
LOCK = ".lock"


@contextmanager
def held(folder: Path, digest: str, *, replace: bool) -> Iterator[bool]:
    """Hold a folder for a build and make room in it; give False when it already holds exactly this one.

    Raises BuildError when the folder can't be made, holds another build or anything else, or when another process
    builds into it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise BuildError(f"output {folder}: {err.strerror}; choose a folder that can be made with -o DIR") from err
    with locked(folder / LOCK, busy=f"{folder}: another process is building into it; wait for it or choose -o DIR"):
        try:
            is_needed = not is_built(folder, digest)
            if is_needed:
                make_room(folder, digest, replace=replace)
            yield is_needed
        finally:
            (folder / LOCK).unlink(missing_ok=True)


def check_room(folder: Path) -> None:
    """Raise BuildError when no build can be written into a folder, whichever it is. Writes nothing."""
    if folder.exists() and not folder.is_dir():
        raise BuildError(f"output {folder}: is a file; choose a folder with -o DIR")
    is_ours = any((folder / name).is_file() for name in ("build.json", BUILDING))
    if folder.is_dir() and not is_ours and (present := _present(folder)):
        raise BuildError(f"{folder}: is not empty ({', '.join(present[:3])} …); choose another folder with -o DIR")


def is_built(folder: Path, digest: str) -> bool:
    """Whether the folder holds exactly this build, every file of it."""
    try:
        description = json.loads((folder / "build.json").read_bytes())
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return description.get("fingerprint") == digest and all((folder / name).is_file() for name in description["files"])


def make_room(folder: Path, digest: str, *, replace: bool) -> None:
    """Make sure that the folder may be written: empty, this build's own unfinished work, or to be replaced."""
    check_room(folder)
    is_ours = (folder / BUILDING).is_file()
    if (folder / "build.json").exists() and not replace:
        other = json.loads((folder / "build.json").read_bytes()).get("fingerprint", "")
        if other != digest:
            raise BuildError(
                f"{folder}: holds another build ({other[:12]}, this one is {digest[:12]}); choose another folder with "
                "-o DIR, or give --replace"
            )
    if is_ours and json.loads((folder / BUILDING).read_bytes()).get("fingerprint") == digest:
        return
    (folder / "build.json").unlink(missing_ok=True)
    for name in ("shards", "index"):
        shutil.rmtree(folder / name, ignore_errors=True)
    write_bytes(folder / BUILDING, settings_text({"fingerprint": digest}))


def _present(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != LOCK and path.suffix != TEMPORARY)
