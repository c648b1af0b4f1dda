"""Tasks over a list of things that are found by listing: media of a folder, members of an archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from curation.records import Location, Task

_MOST_THINGS = 20_000


def slice_tasks(sizes: Iterable[int], location: Location, *, path: str, key: str = "") -> Iterator[Task]:
    """Cut a list into tasks of about `location.task_bytes` or 20,000 things each; `sizes` are the things' bytes.

    A task's `offset` and `length` are positions in the list, which must come in the same order when it is read.
    """
    start = end = num_bytes = 0

    def task() -> Task:
        return Task(path=path, key=key, num_bytes=num_bytes, offset=start, length=end - start, location=location)

    for end, size in enumerate(sizes, 1):
        num_bytes += size
        if num_bytes >= location.task_bytes or end - start >= _MOST_THINGS:
            yield task()
            start, num_bytes = end, 0
    if end > start:
        yield task()
