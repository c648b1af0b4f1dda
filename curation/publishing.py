"""Put a finished local build under a URL: files first, `build.json` last, so that where it is the build is whole.

An object `.building.json` says that a build is being uploaded and by whom. It is made where none is, in one request
where the store can do that, and goes when the build is whole. The workspace keeps who it is and what it has uploaded,
so the same command goes on where it stopped, and another one is refused.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from curation.credentials import hidden
from curation.errors import BuildError
from curation.fingerprint import canonical
from curation.storage import file_system, read_bytes, tag
from curation.storage_listing import list_objects
from curation.storage_writing import put_bytes, put_new, remove, upload
from curation.workspace import write_bytes

DESCRIPTION = "build.json"
BUILDING = ".building.json"
_UPLOADS_AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A URL that this workspace may write a build to. `journal` keeps what was uploaded: name to [sha256, tag]."""

    url: str
    owner: str
    fingerprint: str
    journal: Path


def claim(url: str, *, digest: str, notes: Path, replace: bool) -> Claim | None:
    """Claim a URL for a build; None when it already holds exactly this one, every file of it.

    `notes` is a local folder for who we are and what was uploaded. Raises BuildError when the URL holds another build
    or anything else, or another workspace builds there.
    """
    url = url.rstrip("/")
    present = present_objects(url)
    described = _read_json(f"{url}/{DESCRIPTION}") if DESCRIPTION in present else {}
    if described.get("fingerprint") == digest and present.keys() >= described["files"].keys():
        return None
    if described and described.get("fingerprint") != digest and not replace:
        raise BuildError(
            f"{hidden(url)}: holds another build ({str(described.get('fingerprint'))[:12]}, this one is "
            f"{digest[:12]}); choose another folder with -o, or give --replace"
        )
    mine = Claim(url=url, owner=_owner(notes), fingerprint=digest, journal=notes / "uploaded.json")
    is_resumed = _take_lock(mine, replace=replace)
    foreign = sorted(present.keys() - {BUILDING})
    if foreign and not described and not is_resumed:
        remove(f"{url}/{BUILDING}")
        raise BuildError(f"{hidden(url)}: is not empty ({', '.join(foreign[:3])} …); choose another folder with -o")
    return mine


def release(mine: Claim) -> None:
    """Give a claim up when nothing was uploaded under it; else it stays, for the command that goes on."""
    if not present_objects(mine.url).keys() - {BUILDING} and _is_mine(mine):
        remove(f"{mine.url}/{BUILDING}")


def publish(mine: Claim, folder: Path, files: Mapping[str, str]) -> None:
    """Upload a finished build; `files` maps each file but build.json to its sha256.

    Objects that are there with the size and tag that this workspace gave them are left. Raises StorageError; BuildError
    when another took the claim over.
    """
    remove(f"{mine.url}/{DESCRIPTION}")
    present = present_objects(mine.url)
    uploaded = _journal(mine)
    todo = [name for name in sorted(files) if uploaded.get(name) != [files[name], present.get(name)]]
    lock = Lock()

    def put(name: str) -> None:
        made = upload(folder / name, f"{mine.url}/{name}")
        with lock:
            uploaded[name] = [files[name], made]
            write_bytes(mine.journal, canonical(uploaded))

    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        list(pool.map(put, todo))
    for name in present.keys() - files.keys() - {BUILDING, DESCRIPTION}:
        if name.startswith(("index/", "shards/")):  # of the build that this one replaces
            remove(f"{mine.url}/{name}")
    if not _is_mine(mine):
        raise BuildError(f"{hidden(mine.url)}: another build took this place over while this one was uploaded")
    upload(folder / DESCRIPTION, f"{mine.url}/{DESCRIPTION}")
    remove(f"{mine.url}/{BUILDING}")
    mine.journal.unlink(missing_ok=True)


def _take_lock(mine: Claim, *, replace: bool) -> bool:
    """Make or find our lock and say whether it was there before; refuse another's."""
    lock = f"{mine.url}/{BUILDING}"
    own = canonical({"fingerprint": mine.fingerprint, "owner": mine.owner})
    if put_new(own, lock) and _is_mine(mine):
        return False
    found = _read_json(lock)
    if found.get("owner") != mine.owner and not replace:
        raise BuildError(
            f"{hidden(mine.url)}: another build is being uploaded to it ({str(found.get('fingerprint'))[:12]}), or one "
            "was given up on; wait for it or choose -o, and where you know that none runs, give --replace"
        )
    put_bytes(own, lock)
    return True


def _is_mine(mine: Claim) -> bool:
    return _read_json(f"{mine.url}/{BUILDING}").get("owner") == mine.owner


def present_objects(url: str) -> dict[str, str]:
    """Return the names below a URL, relative to it, and the objects' tags."""
    _, base = file_system(url)
    try:
        entries = list_objects(url)
    except FileNotFoundError:
        return {}
    return {str(entry["name"]).removeprefix(base).lstrip("/"): tag(entry) for entry in entries}


def _read_json(url: str) -> dict[str, Any]:
    try:
        value = json.loads(read_bytes(url))
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _owner(notes: Path) -> str:
    path = notes / "owner"
    if not path.is_file():
        write_bytes(path, secrets.token_hex(16).encode())
    return path.read_text()


def _journal(mine: Claim) -> dict[str, list[str | None]]:
    try:
        return dict(json.loads(mine.journal.read_bytes()))
    except (FileNotFoundError, ValueError):
        return {}
