"""Cut a build: a nested, seeded part of it as a build of its own, whose shards are the base's.

A subset holds the rows of the base's tables for the samples that stay, and packs of its own. What was left out, and why
samples were dropped before, is in the base's index: `rows_read` of a subset counts the samples that it took over.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace as changed
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from curation.builds import Build, open_build
from curation.errors import BuildError
from curation.fingerprint import file_sha256, fingerprint
from curation.mixtures.index import settings_text, write_parts, write_rows
from curation.mixtures.subset import Recipe, cut, read_recipe, share_of_tokens
from curation.output_folder import BUILDING, held
from curation.queries import QueryError
from curation.standalone import Copied, copy_rows
from curation.storage import is_url
from curation.subset_tables import Base, Kept, read_base, schema_of
from curation.tables import MIXTURE, PACKS, SHARDS, SOURCES
from curation.workspace import write_bytes

OWN = "shards/"  # how the paths of shards begin that are not borrowed


def subset(
    build: Build | str | Path,
    output: str | Path,
    *,
    fraction: Fraction | str | float | None = None,
    tokens: int | None = None,
    where: str | None = None,
    standalone: bool = False,
    replace: bool = False,
) -> Build:
    """Write a part of a build into `output` and return it.

    `where` keeps the selected samples for which an SQL predicate over `samples` is true; of these, or of all,
    `fraction` keeps that share of every source, `tokens` the largest share with at most so many tokens. Nothing is
    drawn: a smaller share is part of a larger one, and a share of a share is the share. Shards are borrowed by relative
    path, or copied when `standalone`. Raises BuildError, or QueryError for the predicate.
    """
    opened = build if isinstance(build, Build) else open_build(build)
    if opened.url or is_url(str(output)):
        raise BuildError(f"subset: {opened.url or output} is a URL; parts are cut of local builds into local folders")
    _check_asked(opened, fraction=fraction, tokens=tokens, where=where)
    base = read_base(opened, image_seq_len=opened.profile().image_seq_len)
    recipe = _recipe(opened, base)
    if where is not None:
        base = base.at(_true_where(base, where))
        recipe = Recipe(origin=recipe.fingerprint, counts=base.chosen.counts(), where=(*recipe.where, where))
    if fraction is not None:
        recipe = changed(recipe, share=recipe.share * Fraction(fraction))
    elif tokens is not None:
        recipe = changed(recipe, share=share_of_tokens(base.chosen, recipe, tokens))
    packing = opened.settings.get("packing") or {}
    made = cut(
        base.chosen,
        recipe,
        context=opened.context,
        max_tiles=packing.get("max_tiles"),
        strategy=packing.get("strategy", "best"),
    )
    if not len(made.sample):
        raise BuildError(
            f"{opened.folder}: nothing is left of {int(base.chosen.repeats.sum())} samples; ask for a larger part"
        )
    kept = Kept(base=base, cut=made, shard=base.shard, shard_row=base.shard_row)
    return _write(Path(output), kept, recipe, standalone=standalone, replace=replace)


def rebase(build: Build | str | Path, base: str | Path) -> Build:
    """Point a subset at the folder where the build that it borrows shards from stands now.

    Shards are found by their sha256 in the index of `base`. Raises BuildError when one is not there.
    """
    opened = build if isinstance(build, Build) else open_build(build)
    if not opened.base:
        raise BuildError(f"{opened.folder}: borrows no shards; only a subset that does can be pointed elsewhere")
    found = open_build(base)
    offered = {row["sha256"]: row["path"] for row in _shard_rows(found)}
    rows = _shard_rows(opened)
    for row in rows:
        if row["path"] in opened.files:
            continue
        if row["sha256"] not in offered or not (found.folder / offered[row["sha256"]]).is_file():
            raise BuildError(
                f"{base}: holds no shard with the sha256 {row['sha256'][:12]}… of {row['path']}; name the build"
            )
        row["path"] = _relative(found.folder / offered[row["sha256"]], opened.folder)
    table = write_rows(opened.folder / "index" / "shards.parquet", rows, SHARDS)
    described = json.loads((opened.folder / "build.json").read_bytes())
    described["files"]["index/shards.parquet"] = file_sha256(table)
    described["base"] = [_relative(found.folder, opened.folder)]
    write_bytes(opened.folder / "build.json", settings_text(described))
    return open_build(opened.folder)


def _check_asked(build: Build, *, fraction: Any, tokens: int | None, where: str | None) -> None:
    if not build.table_files()["shards"]:
        raise BuildError(f"{build.folder}: a plan has no shards to share; run `curation build` and cut that")
    if fraction is None and tokens is None and where is None:
        raise BuildError("subset: say how much with --fraction, --tokens or --where")
    if fraction is not None and tokens is not None:
        raise BuildError("subset: --fraction and --tokens both say how much; give one of them")
    if fraction is not None and not 0 < Fraction(fraction) <= 1:
        raise BuildError(f"subset: fraction {fraction} is not above 0 and at most 1; write it like 1/8 or 0.125")
    if tokens is not None and tokens < 1:
        raise BuildError(f"subset: {tokens} tokens are none; give at least 1")


def _recipe(build: Build, base: Base) -> Recipe:
    if build.subset:
        return read_recipe(build.subset)
    return Recipe(origin=build.fingerprint, counts=base.chosen.counts())


def _true_where(base: Base, where: str) -> Any:
    """Return a mask over the base's samples: where the predicate is true."""
    try:
        found = base.build.sql(f"select shard, shard_row from samples where selected and (\n{where}\n)")
    except QueryError as err:  # its line and column are those of the query around the predicate
        said = re.sub(r"^sql: (line \d+, column \d+: )?", "", str(err))
        raise QueryError(f"subset: --where {where!r}: {said}") from err
    wanted = _place_key(found["shard"].to_numpy(), found["shard_row"].to_numpy())
    mask = np.isin(_place_key(base.shard, base.shard_row), wanted)
    if not mask.any():
        raise BuildError(f"{base.build.folder}: no selected sample fits --where {where!r}; try it with `curation sql`")
    return mask


def _place_key(shard: Any, row: Any) -> Any:
    return shard.astype(np.int64) << 32 | row.astype(np.int64)


def _write(folder: Path, kept: Kept, recipe: Recipe, *, standalone: bool, replace: bool) -> Build:
    build = kept.base.build
    if os.path.realpath(folder) == os.path.realpath(build.folder):
        raise BuildError(f"{folder}: is the build itself; choose another folder with -o DIR")
    digest = fingerprint(recipe.fingerprint, build.settings, standalone)
    with held(folder, digest, replace=replace) as is_needed:
        if is_needed:
            kept, shards = _copied(folder, kept) if standalone else (kept, _borrowed(folder, kept))
            _write_tables(folder, kept, shards)
            _describe(folder, build, recipe, digest=digest, shards=shards)
    return open_build(folder)


def _borrowed(folder: Path, kept: Kept) -> list[dict[str, Any]]:
    """Return the rows of `shards` that are used, with their paths from the new folder."""
    build = kept.base.build
    used = set(np.unique(kept.shard[kept.places]).tolist())
    rows = [row for row in _shard_rows(build) if row["shard"] in used]
    for row in rows:
        path = build.folder / row["path"]
        if not path.is_file():
            raise BuildError(f"{build.folder}: shard file {path} is missing; {build.repair(row['path'])}")
        row["path"] = _relative(path, folder)
    return rows


def _copied(folder: Path, kept: Kept) -> tuple[Kept, list[dict[str, Any]]]:
    """Copy the rows in the order in which they are first used; return them at their new places."""
    _, first = np.unique(kept.cut.sample, return_index=True)
    first.sort()
    order = kept.cut.sample[first]
    copied: Copied = copy_rows(
        kept.base.build,
        folder,
        shard=kept.shard[order],
        shard_row=kept.shard_row[order],
        pack=kept.cut.pack[first],
    )
    shard, row = kept.shard.copy(), kept.shard_row.copy()
    shard[order], row[order] = copied.shard, copied.shard_row
    return Kept(base=kept.base, cut=kept.cut, shard=shard, shard_row=row), copied.shards


def _write_tables(folder: Path, kept: Kept, shards: list[dict[str, Any]]) -> None:
    files, index = kept.base.build.table_files(), folder / "index"
    tables = (
        ("samples", schema_of(files["samples"]), kept.samples()),
        ("media", schema_of(files["media"]), kept.media()),
        ("ledger", schema_of(files["ledger"]), kept.ledger()),
        ("packs", PACKS, kept.packs()),
    )
    with ThreadPoolExecutor(2) as pool:  # Arrow reads and compresses outside the interpreter's lock
        list(pool.map(lambda table: write_parts(index / table[0], table[1], table[2]), tables))
    write_rows(index / "mixture.parquet", kept.mixture(), MIXTURE)
    write_rows(index / "sources.parquet", kept.sources(), SOURCES)
    write_rows(index / "shards.parquet", shards, SHARDS)


def _describe(folder: Path, build: Build, recipe: Recipe, *, digest: str, shards: list[dict[str, Any]]) -> None:
    write_bytes(folder / "manifest.yaml", (build.folder / "manifest.yaml").read_bytes())
    own = [*sorted((folder / "index").rglob("*.parquet")), folder / "manifest.yaml"]
    files = {path.relative_to(folder).as_posix(): file_sha256(path) for path in own}
    copied = {row["path"]: row["sha256"] for row in shards if row["path"].startswith(OWN)}
    bases = {Path(row["path"]).parents[1].as_posix() for row in shards if not row["path"].startswith(OWN)}
    described: Mapping[str, Any] = json.loads((build.folder / "build.json").read_bytes())
    (folder / BUILDING).unlink(missing_ok=True)
    write_bytes(
        folder / "build.json",
        settings_text(
            {
                **described,
                "fingerprint": digest,
                "files": files | copied,
                "base": sorted(bases),
                "subset": recipe.plain(),
            }
        ),
    )


def _shard_rows(build: Build) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(build.table_files()["shards"]).to_pylist()
    return rows


def _relative(path: Path, folder: Path) -> str:
    """Return the way from one real folder to a file, whatever links lead there; a path that says `..` is not ours."""
    return Path(os.path.relpath(os.path.realpath(path), os.path.realpath(folder))).as_posix()
