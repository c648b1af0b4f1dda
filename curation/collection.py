"""Find the folders of a workspace that nothing needs any more, and free them: `curation gc`.

A stage is needed by a finished build that is still where it was written (or that is named), and by whatever used it in
the last days: unfinished builds that resume, plans. Copies of archives and decoded frames are needed where a kept
stage's rows name them. What this module does not know stays.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.builds import open_build
from curation.credentials import hidden
from curation.errors import BuildError
from curation.runs import Record, alone, read_records
from curation.shared_workspace import SharedFolder
from curation.storage import is_url
from curation.workspace import TEMPORARY, Workspace, open_workspace

FREED = ".freed"
DAY_SECONDS = 86_400.0
_STAGE = re.compile(r"[0-9a-f]{32}")
_ARCHIVE = r"/archives/(?P<name>[0-9a-f]{64})\.tar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A stage's folder, or what is kept of archives and frames: where, its bytes, days since its last use, who uses it.

    `needed_by` is empty for what can be freed. `paths` are what freeing removes.
    """

    name: str
    num_bytes: int
    days: float
    needed_by: str
    paths: tuple[Path, ...]


def existing_workspace(folder: str | Path | None) -> Workspace:
    """Open the workspace in a folder, else in CURATION_WORKSPACE, else in `.curation/` here. BuildError for none.

    Of a workspace under a URL it is this machine's copy: other machines may need what is under the URL.
    """
    named = str(folder or os.environ.get("CURATION_WORKSPACE") or ".curation")
    root = SharedFolder.at(named).root if is_url(named) else Path(named)
    if not (root / "workspace.json").is_file():
        what = "no copy of it on this machine" if is_url(named) else "no workspace"
        raise BuildError(f"{hidden(named)}: {what}; name the folder of a workspace with --workspace")
    return open_workspace(named, None)


def survey(workspace: Workspace, *, builds: Sequence[str | Path] = (), days: float = 7.0) -> list[Folder]:
    """List what is in a workspace, the needed first, each group by size.

    `builds` are finished builds to keep beside those that are where they were written. Raises BuildError for one of
    them that this workspace has no record of.
    """
    records = read_records(workspace)
    named = _named(workspace, records, builds)
    needed: dict[str, str] = {}
    for record in records:
        why = _needed_by(record, named, days)
        needed |= dict.fromkeys(sorted(record.stages), why) if why else {}
    stages = [_stage(workspace, folder, needed, days) for folder in _stage_folders(workspace)]
    kept = [workspace.root / stage.name for stage in stages if stage.needed_by]
    found = [*stages, *_cached(workspace, kept, days), *_leftovers(workspace, kept)]
    return sorted(found, key=lambda folder: (not folder.needed_by, -folder.num_bytes, folder.name))


def free(workspace: Workspace, *, builds: Sequence[str | Path] = (), days: float = 7.0) -> list[Folder]:
    """Free what nothing needs and return it. Raises BuildError while something runs in the workspace."""
    trash = workspace.root / FREED
    with alone(workspace):
        freed = [folder for folder in survey(workspace, builds=builds, days=days) if not folder.needed_by]
        trash.mkdir(exist_ok=True)
        taken = len(list(trash.iterdir()))
        for number, path in enumerate((path for folder in freed for path in folder.paths), taken):
            path.rename(trash / f"{number}-{path.name}")  # at once: half a stage must never look whole
        for record in read_records(workspace):
            if not any((workspace.root / stage).exists() for stage in record.stages):
                record.path.unlink()
    shutil.rmtree(trash)
    return freed


def _named(workspace: Workspace, records: Sequence[Record], builds: Sequence[str | Path]) -> dict[str, str]:
    """Return the named builds by fingerprint."""
    named = {open_build(build).fingerprint: str(build) for build in builds}
    for digest, build in named.items():
        if digest not in {record.fingerprint for record in records}:
            raise BuildError(
                f"{build}: workspace {workspace.root} has no record of this build; name the workspace that it was "
                "built in with --workspace"
            )
    return named


def _needed_by(record: Record, named: dict[str, str], days: float) -> str:
    """Say who needs a record's stages; empty when nobody does."""
    if record.fingerprint is not None and record.fingerprint in named:
        return named[record.fingerprint]
    if record.output is not None and record.fingerprint is not None and _stands(record.output, record.fingerprint):
        return record.output
    if _days(record.path.stat().st_mtime) <= days:
        who = "a plan of" if record.output is None else "a build of"
        return f"{who} {record.manifest}, used in the last {days:g} days"
    return ""


def _stands(output: str, digest: str) -> bool:
    """Say whether a build is where it was written; of a remote one nobody can tell for sure, so it counts as there."""
    if "://" in output:
        return True
    try:
        return bool(json.loads((Path(output) / "build.json").read_bytes()).get("fingerprint") == digest)
    except (OSError, ValueError, AttributeError):
        return False


def _stage_folders(workspace: Workspace) -> Iterator[Path]:
    for path in sorted(workspace.root.glob("*/*/identity.json")):
        if _STAGE.fullmatch(path.parent.name):
            yield path.parent


def _stage(workspace: Workspace, folder: Path, needed: dict[str, str], days: float) -> Folder:
    name = str(folder.relative_to(workspace.root))
    num_bytes, used = _weight([folder])
    recent = f"used in the last {days:g} days" if _days(used) <= days else ""
    return Folder(name=name, num_bytes=num_bytes, days=_days(used), needed_by=needed.get(name, recent), paths=(folder,))


def _cached(workspace: Workspace, kept: Sequence[Path], days: float) -> Iterator[Folder]:
    """Give what is cached in four parts: archives and frames that kept stages name, and those that none does."""
    cache = workspace.root / "cache"
    groups = {
        "archives": [path for path in sorted((cache / "archives").glob("*")) if path.suffix in (".tar", ".cut")],
        "frames": sorted((cache / "frames").glob("*/*.*")),
    }
    for kind, paths in groups.items():
        if not paths:
            continue
        wanted = _archives(kept) if kind == "archives" else _frames(kept)
        parts: dict[str, list[Path]] = {}
        for path in paths:
            is_recent = _days(path.stat().st_mtime) <= days
            why = "stages that are kept" if path.name.partition(".")[0] in wanted else ""
            parts.setdefault(why or (f"used in the last {days:g} days" if is_recent else ""), []).append(path)
        for why, own in parts.items():
            num_bytes, used = _weight(own)
            yield Folder(name=f"cache/{kind}", num_bytes=num_bytes, days=_days(used), needed_by=why, paths=tuple(own))


def _archives(kept: Sequence[Path]) -> set[str]:
    """Return the names of the archive copies that rows of kept pulls lie in."""
    import pyarrow.compute as pc

    wanted: set[str] = set()
    for media in _media(kept, "pull", ["address"]):
        found = pc.struct_field(pc.extract_regex(media.field("address"), pattern=_ARCHIVE), "name")
        wanted.update(name for name in pc.unique(found).to_pylist() if name)
    return wanted


def _frames(kept: Sequence[Path]) -> set[str]:
    """Return the names of the frames that kept rows would be decoded to."""
    from curation.mixtures.frames_stage import Clip

    wanted: set[str] = set()
    for media in _media(kept, "encode", ["media_id", "frame_plan"]):
        videos = media.filter(media.field("frame_plan").is_valid())
        for media_id, plan in zip(
            *(videos.field(name).to_pylist() for name in ("media_id", "frame_plan")), strict=True
        ):
            wanted.add(Clip(media_id=media_id, address="", plan=plan, num_frames=0).path(Path()).stem)
    return wanted


def _media(kept: Sequence[Path], stage: str, fields: Sequence[str]) -> Iterator[Any]:
    """Give these fields of all media in the kept folders of a stage, as struct arrays."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    names = [f"media.list.element.{field}" for field in fields]
    files = [path for folder in kept if folder.parent.name == stage for path in sorted(folder.glob("*.parquet"))]
    for path in files:
        if not path.name.endswith(".ledger.parquet"):
            with pq.ParquetFile(path) as file:
                yield from (pc.list_flatten(batch["media"]) for batch in file.iter_batches(columns=names))


def _leftovers(workspace: Workspace, kept: Sequence[Path]) -> Iterator[Folder]:
    """Give what killed runs and an interrupted gc left behind."""
    found = [path for folder in kept for path in (*folder.rglob(f".*{TEMPORARY}"), *folder.glob("filters-*"))]
    found += sorted((workspace.root / FREED).glob("*"))
    if found:
        num_bytes, used = _weight(found)
        yield Folder(
            name="left by killed runs", num_bytes=num_bytes, days=_days(used), needed_by="", paths=tuple(found)
        )


def _weight(paths: Sequence[Path]) -> tuple[int, float]:
    """Return the bytes of files and folders and when the youngest file was written."""
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]
    stats = [file.stat() for file in files]
    return sum(stat.st_size for stat in stats), max((stat.st_mtime for stat in stats), default=0.0)


def _days(moment: float) -> float:
    """Return the days since a moment; one in the future is now: a clock that jumped must not make things old."""
    return max(0.0, time.time() - moment) / DAY_SECONDS
