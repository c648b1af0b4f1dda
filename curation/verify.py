"""Check that a build is whole and lawful: its files, its tables, its shards; and that it can be made again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.builds import Build, read_batches
from curation.errors import BuildError
from curation.fingerprint import file_sha256
from curation.queries import QueryError

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from curation.shard_checks import Finding, Rules

MAX_OFFENDERS = 5
Ask = Callable[[str], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One law: how many things were looked at, how many break it, the first of them, or why it was passed over."""

    name: str
    num_checked: int
    num_failed: int = 0
    offenders: tuple[str, ...] = ()
    skipped: str = ""

    @property
    def status(self) -> str:
        """`ok`, `failed` or `skipped`."""
        return "skipped" if self.skipped else "failed" if self.num_failed else "ok"

    @property
    def is_passed(self) -> bool:
        """Whether nothing was found that breaks it."""
        return self.num_failed == 0


def verify(build: Build) -> list[Check]:
    """Check every file's sha256, the laws between the tables, and every row of the shards.

    Reads the whole build once; memory stays at one row group per core. The tokenizer is loaded again, so a
    `TokenizerError` is possible.
    """
    checks = list(check_files(build))
    try:
        checks += [*check_tables(build), *check_shards(build)]
    except (BuildError, QueryError) as err:
        checks.append(_check("the tables can be read", 1, [str(err)]))
    return checks


def check_files(build: Build) -> Iterator[Check]:
    """Compare each file with the sha256 in build.json, and the folders with its list."""
    yield _check("every file has the sha256 of build.json", len(build.files), _changed_files(build))
    present = set(_present(build))
    yield _check("no other file stands in index/ and shards/", len(present), sorted(present - build.files.keys()))


def _present(build: Build) -> Iterator[str]:
    """Give the names of all files in index/ and shards/."""
    if build.url:
        from curation.publishing import present_objects

        yield from (name for name in present_objects(build.url) if name.startswith(("index/", "shards/")))
        return
    for room in ("index", "shards"):
        paths = (path for path in (build.folder / room).rglob("*") if path.is_file())
        yield from (path.relative_to(build.folder).as_posix() for path in paths)


def _changed_objects(build: Build) -> Iterator[str]:
    """Read every object of a remote build anew; the good ones stay in the cache for the checks that follow."""
    from curation.mirror import fetch

    for name, digest in build.files.items():
        try:
            found = fetch(f"{build.url}/{name}", digest, target=build.folder / name)
        except OSError as err:
            yield f"{name}: {err}"
            continue
        if found is None:
            yield f"{name}: missing"
        elif found != digest:
            yield f"{name}: sha256 {found[:12]}…, expected {digest[:12]}…"


def _changed_files(build: Build) -> Iterator[str]:
    if build.url:
        yield from _changed_objects(build)
        return
    for name, digest in build.files.items():
        path = build.folder / name
        if not path.is_file():
            yield f"{name}: missing"
        elif (found := file_sha256(path)) != digest:
            yield f"{name}: sha256 {found[:12]}…, expected {digest[:12]}…"


def _changed_shards(build: Build, rows: list[tuple[str, int, str]]) -> Iterator[str]:
    for name, num_bytes, digest in rows:
        path = build.file(name)
        if not path.is_file():
            yield f"{name}: missing" + ("" if name in build.files else f"; {build.repair(name)}")
        elif (size := path.stat().st_size) != num_bytes:
            yield f"{name}: {size} bytes, expected {num_bytes}"
        elif build.files.get(name, digest) != digest:
            yield f"{name}: sha256 {digest[:12]}… in the index, {build.files[name][:12]}… in build.json"
        elif name not in build.files and file_sha256(path) != digest:
            yield f"{name}: borrowed, and not the bytes of the index"


def check_tables(build: Build) -> Iterator[Check]:
    """Compare the shards' files with their table, and ask for the rows that break each law between the tables."""
    from curation.invariants import INVARIANTS
    from curation.queries import run_query

    with build.connect() as connection:
        rows = run_query(connection, "select path, bytes, sha256 from shards order by shard").rows()
        yield _check("shards have the path, size and sha256 of the index", len(rows), _changed_shards(build, rows))
        for law in INVARIANTS:
            checked = run_query(connection, f"select count(*) from {law.over}").item()
            broken = run_query(connection, law.sql).get_column("offender").to_list()
            yield _check(law.name, checked, (text or "(null)" for text in broken))


def check_shards(build: Build) -> Iterator[Check]:
    """Read every row of every shard and compare it with the index and the chat format."""
    import os
    from concurrent.futures import ThreadPoolExecutor
    from functools import partial

    from curation.queries import run_query
    from curation.shard_checks import SPANS, make_rules

    profile = build.profile()
    tokenizer = build.tokenizer(profile)
    stated = build.digests.get("tokenizer", tokenizer.digest)
    changed = [] if stated == tokenizer.digest else [f"{tokenizer.digest[:12]}…, expected {str(stated)[:12]}…"]
    yield _check("the tokenizer is the one that encoded", 1, changed)
    rules = make_rules(build.settings, profile, tokenizer)
    found: dict[str, Check] = {}
    with build.connect() as connection, ThreadPoolExecutor(os.cpu_count()) as pool:
        ask = partial(run_query, connection)
        for shard, name in ask("select shard, path from shards order by shard").rows():
            is_borrowed = name not in build.files
            path = build.file(name)
            for finding in _check_shard(path, shard, is_borrowed=is_borrowed, ask=ask, rules=rules, pool=pool):
                before = found.get(finding.name, Check(name=finding.name, num_checked=0))
                found[finding.name] = Check(
                    name=finding.name,
                    num_checked=before.num_checked + finding.num_checked,
                    num_failed=before.num_failed + len(finding.offenders),
                    offenders=(*before.offenders, *finding.offenders)[:MAX_OFFENDERS],
                )
    yield from found.values()
    if rules.spans:
        yield Check(name=SPANS, num_checked=0, skipped=rules.spans)


def _check_shard(
    path: Path, shard: int, *, is_borrowed: bool, ask: Ask, rules: Rules, pool: ThreadPoolExecutor
) -> Iterator[Finding]:
    """Check a shard's rows; of a borrowed one those that the index uses."""
    from curation.shard_checks import Finding, check_batch

    if not path.is_file():
        return
    here = f"select sample_id, shard_row from samples where selected and shard = {shard}"
    columns = "sample_id, source, kind, tokens, image_tokens, loss_tokens, images, frames, shard_row"
    expected = ask(f"select {columns} from samples where selected and shard = {shard} order by shard_row").to_dicts()
    media: dict[str, list[dict[str, Any]]] = {}
    chosen = "select sample_id, type, media_id, frames_used from media"
    for row in ask(f"{chosen} join ({here}) using (sample_id) order by shard_row, position").to_dicts():
        media.setdefault(row["sample_id"], []).append(row)
    at = 0
    try:
        for batch in read_batches(path):
            rows, begun = expected[at : at + batch.num_rows], at
            at += batch.num_rows
            if is_borrowed:
                rows = [row for row in expected if begun <= row["shard_row"] < at]
                if not rows:
                    continue
                batch = batch.take([row["shard_row"] - begun for row in rows])
            yield from check_batch(batch, rows, media=media, rules=rules, run=pool.map)
    except (OSError, ValueError) as err:
        yield Finding(name="shards can be read to their last row", num_checked=1, offenders=(f"{path.name}: {err}",))
        return
    num_rows = ask(f"select rows from shards where shard = {shard}").item() if is_borrowed else len(expected)
    missing = (f"{path.name}: {at} rows, the index has {num_rows}",) if at != num_rows else ()
    yield Finding(name="shards can be read to their last row", num_checked=1, offenders=missing)


def compare_files(build: Build, again: Build) -> Check:
    """Compare the files of two builds by sha256."""
    names = sorted(build.files.keys() | again.files.keys())
    differing = [name for name in names if build.files.get(name) != again.files.get(name)]
    return _check("building again gives the same bytes", len(names), differing)


def _check(name: str, num_checked: int, broken: Iterable[str]) -> Check:
    offenders: list[str] = []
    num_failed = 0
    for text in broken:
        num_failed += 1
        if num_failed <= MAX_OFFENDERS:
            offenders.append(text)
    return Check(name=name, num_checked=num_checked, num_failed=num_failed, offenders=tuple(offenders))
