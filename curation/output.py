"""Write what was decided: a plan's index into the workspace, a build's shards and index into its folder."""

from __future__ import annotations

import hashlib
import importlib.metadata
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from curation.builds import SCHEMA_VERSION, Build, open_build
from curation.credentials import hidden
from curation.decisions import Decided
from curation.engine import Engine
from curation.errors import StorageError
from curation.fingerprint import file_sha256, fingerprint
from curation.manifests import dump
from curation.mixtures.index import settings_text, write_index, write_rows
from curation.mixtures.shards import VERSION as SHARD_VERSION
from curation.output_folder import BUILDING, LOCK, held, is_built, make_room
from curation.output_shards import in_shards, write_shards
from curation.publishing import claim, publish, release
from curation.storage import is_url
from curation.tables import SHARDS
from curation.version import __version__
from curation.workspace import TEMPORARY, Workspace, locked, write_bytes

INDEX_VERSION = 2
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
    decided = in_shards(decided)
    index, files = _write_index(workspace, decided)
    digest = _fingerprint(decided, files)
    if is_url(str(output)):
        return _write_to_url(
            str(output), decided, workspace, engine, index=index, files=files, digest=digest, replace=replace
        )
    folder = Path(output)
    with held(folder, digest, replace=replace) as is_needed:
        if is_needed:
            _write(folder, decided, workspace, engine, index=index, files=files, digest=digest)
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
    written = write_shards(folder, decided, workspace, engine, digest)
    for name in files:
        write_bytes(folder / name, (index / name).read_bytes())
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
