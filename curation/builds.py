"""A build on disk, opened for reading: its description, its tables as SQL, the rows of its shards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.credentials import expanded_where_set
from curation.errors import BuildError
from curation.storage import is_url

if TYPE_CHECKING:
    import duckdb
    import polars
    import pyarrow

    from curation.mixtures.profile import Profile
    from curation.mixtures.tokenizer import Tokenizer
    from curation.reading import Packs

SCHEMA_VERSION = 2
DESCRIPTIONS = ("build.json", "plan.json")
DURATION_SCALE = "0-10,10-30,30-60,60-90,90-120,120-180,180-300,300-600,600-1800,1800-3600,3600-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A finished build, or the plan of one (the same index, no shards).

    `settings` is the resolved manifest, `digests` what tokenizer, template and profile were, `files` maps the path of
    each file (relative to `folder`) to its sha256, `base` lists the folders of builds whose shards this one uses,
    `subset` says which part of which build it is (empty: none), `after` which samples of which build were left out
    because a training run had seen them (empty: none). Of a build under a `url`, `folder` is a local copy of the index,
    and shards are fetched when they are first used.
    """

    folder: Path
    fingerprint: str
    settings: Mapping[str, Any]
    digests: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    base: tuple[str, ...] = ()
    subset: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    url: str = ""

    @property
    def place(self) -> str:
        """Where the build is, as it was named: its URL or its folder."""
        return self.url or str(self.folder)

    @property
    def name(self) -> str:
        """The last part of its place."""
        return self.url.rstrip("/").rpartition("/")[2] or self.folder.resolve().name

    @property
    def context(self) -> int:
        """Tokens that one pack holds at most."""
        stated = (self.settings.get("packing") or {}).get("context")
        return int(self.profile().context if stated is None else stated)

    def profile(self) -> Profile:
        """Load the profile that its images and packs were made by."""
        from curation.mixtures.profile import load_profile

        return load_profile(self.settings["profile"])

    def tokenizer(self, profile: Profile | None = None) -> Tokenizer:
        """Load the tokenizer that its ids are of. Raises TokenizerError when it is not there any more."""
        from curation.mixtures.tokenizer import load_tokenizer

        profile = profile or self.profile()
        return load_tokenizer(str(self.settings.get("tokenizer") or profile.tokenizer), profile)

    def variables(self) -> dict[str, int | str]:
        """Return what saved queries may ask for with `getvariable`: the context and the durations asked for.

        `video_mean` is seconds or empty; `video_ranges` is `0-30=1,30-=2` as asked for, or a scale without weights.
        """
        asked = (self.settings.get("mixture") or {}).get("video_seconds") or {}
        ranges = ",".join(f"{name}={weight}" for name, weight in (asked.get("buckets") or {}).items())
        return {
            "context": self.context,
            "video_mean": str(asked.get("mean") or ""),
            "video_ranges": ranges or DURATION_SCALE,
        }

    def table_files(self) -> dict[str, list[Path]]:
        """Return the Parquet files of each public table as build.json lists them, in order; a table may have none."""
        from curation.tables import PUBLIC

        listed = sorted(name for name in self.files if name.endswith(".parquet"))
        return {
            table: [
                self.folder / name for name in listed if name.startswith((f"index/{table}/", f"index/{table}.parquet"))
            ]
            for table in PUBLIC
        }

    def connect(self, also: Mapping[str, Build] | None = None) -> duckdb.DuckDBPyConnection:
        """Open a read-only DuckDB connection with a view per table, locked to the files of the index.

        `also` are other builds by name, each with its own tables: `other.samples`.
        """
        from curation.queries import connect
        from curation.tables import PUBLIC

        beside = {name: build.table_files() for name, build in (also or {}).items()}
        return connect(self.table_files(), PUBLIC, variables=self.variables(), also=beside)

    def sql(self, query: str) -> polars.DataFrame:
        """Answer one query over samples, media, ledger, packs, mixture, sources and shards; `QueryError` says where."""
        from curation.queries import run_query

        with self.connect() as connection:
            return run_query(connection, query)

    def packs(self) -> Packs:
        """Return the packs for reading in any order: `len(packs)`, `packs[i]`. Raises `BuildError` for a plan."""
        from curation.reading import Packs

        return Packs(self)

    def shard_path(self, shard: int) -> Path:
        """Return the file of a shard; raise `BuildError` when it is not where the index says."""
        rows = self.sql(f"select path from shards where shard = {int(shard)}").rows()
        if not rows:
            raise BuildError(f"{self.place}: no shard {shard} in the index; a plan has none, run `curation build`")
        path = self.file(str(rows[0][0]))
        if not path.is_file():
            raise BuildError(f"{self.place}: shard file {path} is missing; {self.repair(str(rows[0][0]))}")
        return path

    def file(self, name: str) -> Path:
        """Return the local file of a shard by its path in the table `shards`; fetch it if the build is under a URL."""
        if not self.url:
            return (self.folder / name).resolve()
        from curation.mirror import fetched

        digest = self.files.get(name) or self._borrowed_digest(name)
        target = self.folder / name if name in self.files else self.folder / "borrowed" / digest / Path(name).name
        return fetched(self.url, name, digest, target=target)

    def _borrowed_digest(self, name: str) -> str:
        import pyarrow.parquet

        (path,) = self.table_files()["shards"]
        table = pyarrow.parquet.read_table(path, columns=["path", "sha256"])
        return str(dict(zip(table["path"].to_pylist(), table["sha256"].to_pylist(), strict=True))[name])

    def repair(self, name: str) -> str:
        """Say what to do about a shard that is not where the index says; `name` is its path in the table `shards`."""
        if name in self.files:
            return "put it back or build again"
        return (
            f"it is borrowed from {', '.join(self.base)}; where that build was moved: "
            f"curation subset {self.folder} --base FOLDER_OF_THAT_BUILD"
        )

    def read_row(self, shard: int, shard_row: int) -> dict[str, Any]:
        """Read one row of a shard as plain values; columns as the contract lists them."""
        path = self.shard_path(shard)
        with telling_broken(path, self):
            for batch in read_batches(path, skip_rows=shard_row):
                rows: list[dict[str, Any]] = batch.slice(0, 1).to_pylist()
                return rows[0]
        raise BuildError(f"{self.place}: shard {shard} has no row {shard_row}; run `curation verify {self.place}`")


@contextmanager
def telling_broken(path: Path, build: Build) -> Iterator[None]:
    """Turn what pyarrow says of a shard that is cut short or damaged into a `BuildError` with its path."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowInvalid, OSError) as err:
        if getattr(err, "errno", None) is not None:  # the disk's or the network's word, told as such
            raise
        raise BuildError(
            f"{path}: can't be read ({' '.join(str(err).split())}); put the file back or build again with --replace; "
            f"`curation verify {build.place}` says what else is broken"
        ) from err


def read_batches(path: Path, *, skip_rows: int = 0) -> Iterator[pyarrow.RecordBatch]:
    """Read a shard (Parquet or Arrow IPC) in its own row groups, so that memory stays at one group.

    The first batch begins at row `skip_rows`; groups before it are not read.
    """
    if path.suffix == ".arrow":
        yield from _read_arrow(path, skip_rows=skip_rows)
        return
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if skip_rows >= rows:
                skip_rows -= rows
                continue
            table = file.read_row_group(group).slice(skip_rows).combine_chunks()
            skip_rows = 0
            yield from table.to_batches()


def _read_arrow(path: Path, *, skip_rows: int) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow

    with pyarrow.memory_map(str(path)) as source:
        file = pyarrow.ipc.open_file(source)
        for batch in map(file.get_batch, range(file.num_record_batches)):
            if skip_rows >= batch.num_rows:
                skip_rows -= batch.num_rows
                continue
            yield batch.slice(skip_rows)
            skip_rows = 0


def open_build(path: str | Path) -> Build:
    """Open a finished build (or a plan's folder) for reading, in a folder or under any fsspec URL.

    Of a remote one the index is fetched into a local cache (`curation.mirror`).
    Raises `BuildError` when there is none, when it is not finished, or when another version of the toolkit wrote it.
    """
    url = str(path).removesuffix("/build.json").rstrip("/") if is_url(str(path)) else ""
    if url:
        from curation.mirror import mirrored

        path = mirrored(url)
    folder = Path(path)
    if folder.name in DESCRIPTIONS:
        folder = folder.parent
    if not folder.is_dir():
        raise BuildError(f"{path}: no such folder; `curation build MANIFEST -o {path}` makes a build there")
    description = next((folder / name for name in DESCRIPTIONS if (folder / name).is_file()), None)
    if description is None:
        raise BuildError(f"{path}: {_why_unfinished(folder)}")
    try:
        read = json.loads(description.read_text("utf-8"))
        version = read["schema_version"]
    except (ValueError, KeyError, TypeError) as err:
        raise BuildError(f"{description}: not a build's description ({err}); build again with --replace") from err
    if version != SCHEMA_VERSION:
        raise BuildError(
            f"{description}: schema version {version}, this toolkit reads {SCHEMA_VERSION}; "
            "build again with --replace, or use the toolkit that wrote it"
        )
    return Build(
        folder=folder,
        fingerprint=str(read.get("fingerprint", "")),
        settings=_settings(read.get("settings") or {}),
        digests=read.get("digests") or {},
        files=read.get("files") or {},
        base=tuple(read.get("base") or ()),
        subset=read.get("subset") or {},
        after=read.get("after") or {},
        url=url,
    )


def _settings(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they are written, but the places of profile and tokenizer, which are read, with `${VAR}` put.

    Where the variable is not set, it stays, and whoever reads the place says that nothing is there.
    """
    places = {key: written.get(key) for key in ("profile", "tokenizer")}
    return dict(written) | {key: expanded_where_set(place) for key, place in places.items() if isinstance(place, str)}


def _why_unfinished(folder: Path) -> str:
    names = {path.name for path in folder.iterdir()}
    if names & {".building.json", "index", "shards", "manifest.yaml"}:
        return (
            "build.json is missing, so the build is not finished; run the same `curation build` again, "
            "it resumes where it stopped"
        )
    nested = sorted(path.parent.name for path in folder.glob("*/build.json"))
    if nested:
        return f"build.json is missing; this is no build but holds some: {', '.join(nested[:5])}"
    return f"build.json is missing, so this is no build; `curation build MANIFEST -o {folder}` makes one"
