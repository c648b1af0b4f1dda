"""The standard questions about a build, each a saved query beside this file.

The first comment line of a query is its title, the further ones say what its columns mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Protocol

from curation.errors import CurationError, nearest

if TYPE_CHECKING:
    import duckdb
    import polars

BUILD_TABLES = ("mixture", "kinds", "sources", "drops", "lengths", "media", "videos", "durations", "packs", "size")
ON_REQUEST = ("contamination", "contamination_items", "splice")
PLAN_TABLES = ("mixture", "kinds", "sources", "drops", "videos", "durations", "packs", "size")


class Tables(Protocol):
    """What has tables to ask: a build or a plan opened with `open_build`."""

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Open a connection with a view per table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedQuery:
    """A query with its title and its notes (what the columns mean, may be empty)."""

    name: str
    title: str
    notes: str
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A saved query and its rows."""

    query: SavedQuery
    frame: polars.DataFrame


def load_query(name: str) -> SavedQuery:
    """Read a saved query by name; an unknown name is a `CurationError` with the nearest one."""
    path = files("curation.stats") / f"{name}.sql"
    if name not in (*BUILD_TABLES, *ON_REQUEST) or not path.is_file():
        known = (*BUILD_TABLES, *ON_REQUEST)
        raise CurationError(
            f"stats: no table named '{name}'{nearest(name, known) or '; there are ' + ', '.join(known)}"
        )
    return read_query(path)


def read_query(path: Traversable) -> SavedQuery:
    """Read a saved query; its first comment line is the title, the further ones its notes."""
    text = path.read_text("utf-8")
    comments = [line.removeprefix("--").strip() for line in text.splitlines() if line.startswith("--")]
    name = path.name.removesuffix(".sql")
    return SavedQuery(name=name, title=comments[0], notes=" ".join(comments[1:]), sql=text)


def answer(build: Tables, names: Sequence[str] = BUILD_TABLES) -> list[Answer]:
    """Run saved queries over a build, in the order given, on one connection."""
    from curation.queries import run_query

    queries = [load_query(name) for name in names]
    with build.connect() as connection:
        return [Answer(query=query, frame=run_query(connection, query.sql)) for query in queries]
