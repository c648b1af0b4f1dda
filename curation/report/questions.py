"""The report's own questions: saved queries beside this file, written like those of `curation.stats`."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from curation.queries import run_query
from curation.stats import Answer, SavedQuery, load_query, read_query

if TYPE_CHECKING:
    import duckdb

QUESTIONS = (
    "counts",
    "shares",
    "tokens",
    "lengths",
    "answers",
    "turns",
    "sizes",
    "fill",
    "duplicates",
    "repeated_media",
    "repeated_answers",
)
STATS = ("sources", "durations", "videos", "drops", "contamination")


def load_question(name: str) -> SavedQuery:
    """Read a saved query of the report."""
    return read_query(files("curation.report") / f"{name}.sql")


def ask_all(connection: duckdb.DuckDBPyConnection) -> dict[str, Answer]:
    """Answer every question of the page by name, those of `curation stats` included."""
    queries = [*map(load_question, QUESTIONS), *map(load_query, STATS)]
    return {query.name: Answer(query=query, frame=run_query(connection, query.sql)) for query in queries}


def choose_samples(connection: duckdb.DuckDBPyConnection, per_source: int) -> list[str]:
    """Return the ids of the samples of lowest rank of each source: the same ones at every call."""
    query = load_question("gallery").sql.replace("getvariable('gallery')", str(int(per_source)))
    return [str(row[1]) for row in run_query(connection, query).rows()]
