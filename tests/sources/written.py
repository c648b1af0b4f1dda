"""An adapter outside of the package: its rows are what a test wrote, a pickled list of Sample and Drop per file."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path

from curation.records import Card, Drop, Location, Part, Sample, Task, Text, Turn
from curation.sources.files import list_files

NAME = "tests.sources.written:"
CARD = Card(name="written", title="Rows of a test", kinds=("text", "image", "video"), license="cc0-1.0")


def tasks(location: Location) -> list[Task]:
    """List a task per file."""
    files = list_files(location.uri, suffixes=(".rows",))
    return [Task(path=file.path, key=file.key, num_bytes=file.num_bytes, location=location) for file in files]


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Give the rows of a file."""
    yield from pickle.loads(Path(task.path).read_bytes())


def write_rows(path: Path, rows: Sequence[Sample | Drop]) -> Path:
    """Write a file that this adapter reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(list(rows)))
    return path


def sample(
    row_key: str, *parts: Part, question: str = "Why?", answer: str = "So.", row_id: str | None = None
) -> Sample:
    """Make a sample of one question, its media before it, and one answer."""
    turns = (
        Turn(role="user", parts=(*parts, Text(text=question))),
        Turn(role="assistant", parts=(Text(text=answer),)),
    )
    return Sample(row_key=row_key, turns=turns, row_id=row_id)
