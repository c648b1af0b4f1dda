"""Write what was decided: a plan's index into the workspace, a build's shards and index into its folder."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from curation.builds import SCHEMA_VERSION, Build, open_build
from curation.credentials import hidden
from curation.decisions import Decided
from curation.engine import Engine, Job
from curation.errors import BuildError, ChangedError, StorageError
from curation.fingerprint import fingerprint
from curation.manifests import dump
from curation.mixtures.candidates import Candidates
from curation.mixtures.index import settings_text, write_index, write_rows
from curation.mixtures.layout import image_layout
from curation.mixtures.selection import Selection, place_in_shards
from curation.mixtures.shards import VERSION as SHARD_VERSION
from curation.mixtures.shards import ShardTask
from curation.publishing import claim, publish, release
from curation.sources.changes import note_change
from curation.storage import is_url
from curation.tables import SHARDS
from curation.version import __version__
from curation.workspace import TEMPORARY, Workspace, locked, write_bytes

INDEX_VERSION = 2
BUILDING = ".building.json"
LOCK = ".lock"
OUTPUTS = "outputs"


def write_plan(workspace: Workspace, decided: Decided) -> tuple[Path, str]:
    """Write a plan's index and description into the workspace; return its folder and fingerprint."""
    folder, files = _write_index(workspace, decided)
    digest = _fingerprint(decided, files)
    write_bytes(folder / "plan.json", settings_text(_description(decided, digest, files)))
    return folder, digest


def write_build(output: str | Path, decided: Decided, workspace: Workspace, engine: Engine, *, replace: bool) -> Build:
    """Write a decided mixture into a folder or under a URL; one that already holds exactly this build is left as it is.

    Under a URL the build is first written whole into the workspace, then uploaded (`curation.publishing`).
    Raises BuildError when the folder holds another build or anything else, or when another process builds into it.
    """
    decided = _in_shards(decided)
    index, files = _write_index(workspace, decided)
    digest = _fingerprint(decided, files)
    if is_url(str(output)):
        return _write_to_url(
            str(output), decided, workspace, engine, index=index, files=files, digest=digest, replace=replace
        )
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise BuildError(f"output {folder}: {err.strerror}; choose a folder that can be made with -o DIR") from err
    with locked(folder / LOCK, busy=f"{folder}: another process is building into it; wait for it or choose -o DIR"):
        try:
            if not is_built(folder, digest):
                make_room(folder, digest, replace=replace)
                _write(folder, decided, workspace, engine, index=index, files=files, digest=digest)
        finally:
            (folder / LOCK).unlink(missing_ok=True)
    return open_build(folder)


def _write_to_url(
    url: str,
    decided: Decided,
    workspace: Workspace,
    engine: Engine,
    *,
    index: Path,
    files: dict[str, str],
    digest: str,
    replace: bool,
) -> Build:
    notes = workspace.root / OUTPUTS / fingerprint(url)[:32]
    staged = notes / "build"
    with locked(notes / LOCK, busy=f"{hidden(url)}: another process is building to it; wait for it or choose -o"):
        mine = claim(url, digest=digest, notes=notes, replace=replace)
        if mine is not None:
            try:
                staged.mkdir(exist_ok=True)
                if not is_built(staged, digest):
                    make_room(staged, digest, replace=True)
                    _write(staged, decided, workspace, engine, index=index, files=files, digest=digest)
                publish(mine, staged, open_build(staged).files)
            except StorageError:
                raise
            except Exception:
                with suppress(StorageError, OSError):
                    release(mine)
                raise
        shutil.rmtree(staged, ignore_errors=True)
    return open_build(url)


def _write(
    folder: Path,
    decided: Decided,
    workspace: Workspace,
    engine: Engine,
    *,
    index: Path,
    files: dict[str, str],
    digest: str,
) -> None:
    written = _write_shards(folder, decided, workspace, engine, digest)
    for name in files:
        _copy(index / name, folder / name)
    shards = write_rows(folder / "index" / "shards.parquet", written, SHARDS)
    write_bytes(folder / "manifest.yaml", dump(decided.manifest.resolved()).encode())
    files = files | {
        "index/shards.parquet": file_sha256(shards),
        "manifest.yaml": file_sha256(folder / "manifest.yaml"),
        **{row["path"]: row["sha256"] for row in written},
    }
    for leftover in folder.rglob(f".*{TEMPORARY}"):  # of a build that was killed while it wrote
        leftover.unlink(missing_ok=True)
    (folder / BUILDING).unlink(missing_ok=True)
    write_bytes(folder / "build.json", settings_text(_description(decided, digest, files)))


def is_built(folder: Path, digest: str) -> bool:
    """Whether the folder holds exactly this build, every file of it."""
    try:
        description = json.loads((folder / "build.json").read_bytes())
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return description.get("fingerprint") == digest and all((folder / name).is_file() for name in description["files"])


def make_room(folder: Path, digest: str, *, replace: bool) -> None:
    """Make sure that the folder may be written: empty, this build's own unfinished work, or to be replaced."""
    present = sorted(path.name for path in folder.iterdir() if path.name != LOCK and path.suffix != TEMPORARY)
    is_ours = (folder / BUILDING).is_file()
    if (folder / "build.json").exists() and not replace:
        other = json.loads((folder / "build.json").read_bytes()).get("fingerprint", "")
        if other != digest:
            raise BuildError(
                f"{folder}: holds another build ({other[:12]}, this one is {digest[:12]}); choose another folder with "
                "-o DIR, or give --replace"
            )
    elif present and not is_ours and not (folder / "build.json").exists():
        raise BuildError(f"{folder}: is not empty ({', '.join(present[:3])} …); choose another folder with -o DIR")
    if is_ours and json.loads((folder / BUILDING).read_bytes()).get("fingerprint") == digest:
        return
    (folder / "build.json").unlink(missing_ok=True)
    for name in ("shards", "index"):
        shutil.rmtree(folder / name, ignore_errors=True)
    write_bytes(folder / BUILDING, settings_text({"fingerprint": digest}))


def _in_shards(decided: Decided) -> Decided:
    """Place every selected sample in a shard, by the bytes its row will take."""
    candidates = decided.candidates
    num_bytes = candidates.media_bytes.copy()
    for position, frames in decided.decoded.frame_bytes.items():
        num_bytes[position] = frames
    num_bytes += 3 * candidates.amounts["tokens"]
    selection = place_in_shards(decided.selection, num_bytes, decided.manifest.output.shard_size)
    return replace(decided, selection=selection)


def _write_shards(
    folder: Path, decided: Decided, workspace: Workspace, engine: Engine, digest: str
) -> list[dict[str, Any]]:
    """Write all shards and return the rows of the `shards` table."""
    output = decided.manifest.output
    stage = workspace.stage("write", SHARD_VERSION, digest, str(folder.resolve()))
    suffix = "arrow" if output.format == "arrow" else "parquet"
    jobs = []
    for shard, (file, row) in enumerate(_shard_rows(decided.candidates, decided.selection)):
        path = folder / "shards" / f"shard-{shard:05d}.{suffix}"
        used = np.unique(file)
        task = ShardTask(
            path=path,
            format=output.format,
            images=output.images,
            fit=decided.profile.longest_edge,
            encoded=tuple(decided.candidates.files[index].encoded.with_suffix(".arrow") for index in used.tolist()),
            file=np.searchsorted(used, file).astype(np.int32),
            row=row.astype(np.int32),
            layout=image_layout(decided.profile, decided.tokenizer, tiles=decided.manifest.prompts.tiles),
            cache=workspace.cache,
        )
        jobs.append(Job(name=f"{shard:05d}", num_bytes=len(row), unit="rows", argument=task, outputs=(path,)))
    (folder / "shards").mkdir(exist_ok=True)
    try:
        summaries = engine.map("write shards", "curation.mixtures.shards:write_shard", jobs, stage.folder)
    except ChangedError as err:
        note_change(workspace, err)
        raise
    return [
        {"shard": shard, "path": f"shards/{job.argument.path.name}", **summary}
        for shard, (job, summary) in enumerate(zip(jobs, summaries, strict=True))
    ]


def _shard_rows(candidates: Candidates, selection: Selection) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return for each shard the file index and the row in that file of its rows, in order."""
    positions = np.flatnonzero(selection.shard >= 0)
    order = np.lexsort((selection.shard_row[positions], selection.shard[positions]))
    positions = positions[order]
    bounds = np.flatnonzero(np.diff(selection.shard[positions])) + 1
    shards = []
    for part in np.split(positions, bounds):
        file = np.searchsorted(candidates.starts, part, side="right") - 1
        shards.append((file, part - candidates.starts[file]))
    return shards


def _write_index(workspace: Workspace, decided: Decided) -> tuple[Path, dict[str, str]]:
    """Write all tables into the workspace; return the folder and the sha256 of each file but `shards`."""
    is_placed = bool((decided.selection.shard >= 0).any())
    stage = workspace.stage("index", INDEX_VERSION, decided.identity, is_placed)
    if not stage.is_done:
        write_index(
            stage.folder / "index",
            decided.candidates,
            decided.selection,
            sources=_source_rows(decided),
            ledgers=decided.ledgers(),
            decisions=decided.decisions,
            backends=decided.decoded.backends,
            shards=[],
        )
        paths = sorted((stage.folder / "index").rglob("*.parquet"))
        stage.finish({str(path.relative_to(stage.folder)): file_sha256(path) for path in paths})
    files = {name: digest for name, digest in stage.summary().items() if name != "index/shards.parquet"}
    return stage.folder, dict(sorted(files.items()))


def _source_rows(decided: Decided) -> list[dict[str, Any]]:
    selected = np.bincount(
        decided.candidates.source[decided.selection.repeats > 0], minlength=len(decided.candidates.sources)
    )
    rows = []
    for number, encoded in enumerate(decided.encoded):
        pulled = encoded.pulled
        said = decided.manifest.sources[pulled.source.name]
        kinds = {kind for task in pulled.tasks for kind in _kinds(pulled.rows_path(task))}
        rows.append(
            {
                "source": pulled.source.name,
                "adapter": pulled.source.adapter,
                "uri": ", ".join(said.uri),
                "kind": ", ".join(sorted(kinds)),
                "license": pulled.source.license or pulled.card.license,
                "revision": pulled.revision,
                "rows_read": pulled.rows_read,
                "rows_unreadable": pulled.rows_unreadable,
                "samples": sum(pulled.num_rows),
                "selected": int(selected[number]),
            }
        )
    return rows


def _kinds(path: Path) -> set[str]:
    return set(pq.read_table(path, columns=["kind"])["kind"].unique().to_pylist())


def _fingerprint(decided: Decided, files: dict[str, str]) -> str:
    """Return what the build is: settings, versions, digests and every row of its tables, wherever they were made."""
    after = [dict(decided.after)] if decided.after else []
    return fingerprint(SCHEMA_VERSION, SHARD_VERSION, decided.manifest.resolved(), _digests(decided), files, *after)


def _digests(decided: Decided) -> dict[str, str]:
    return {
        "tokenizer": decided.tokenizer.digest,
        "profile": decided.profile.digest,
        "chat_template": hashlib.sha256(decided.profile.chat_template.encode()).hexdigest(),
    }


def _description(decided: Decided, digest: str, files: dict[str, str]) -> dict[str, Any]:
    packages = ("av", "duckdb", "numpy", "pillow", "polars", "pyarrow", "tokenizers")
    return {
        "schema_version": SCHEMA_VERSION,
        "fingerprint": digest,
        "settings": decided.manifest.resolved(),
        "digests": _digests(decided),
        "versions": {"curation": __version__} | {name: importlib.metadata.version(name) for name in packages},
        "files": files,
        "base": [],
        **({"after": dict(decided.after)} if decided.after else {}),
    }


def _copy(source: Path, target: Path) -> None:
    write_bytes(target, source.read_bytes())


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
