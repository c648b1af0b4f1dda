"""What jobs of the engines' tests do: leave a line in a diary, then fail in the way that is asked for."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.engine import Job
from curation.errors import SourceError
from curation.records import Card, Location, Sample, Task
from curation.sources.files import list_files
from tests.sources.written import sample

WORK = "tests.engine_work:work"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """`fails` says how the first `times` tries end.

    dies: the worker is killed. rank_dies: the process above the worker is. node_dies: Ray's process for the node is.
    holds: the worker takes 400 MB and keeps them. raises: a known error.
    """

    diary: Path
    name: str
    fails: str = ""
    times: int = 1


def work(todo: Work) -> dict[str, Any]:
    """Carry out a job."""
    with todo.diary.open("a") as diary:
        diary.write(f"{todo.name} {os.getpid()}\n")
    if todo.fails and tries(todo.diary).count(todo.name) <= todo.times:
        fail(todo.fails)
    return {"name": todo.name, "rows": len(todo.name)}


def fail(how: str) -> None:
    """End this try."""
    if how == "raises":
        raise SourceError("sources.x: 'a' is cut; fetch it again")
    if how == "holds":
        held = bytearray(b"x") * 400_000_000
        signal.pause()  # until somebody minds
        del held
    victim = os.getpid()
    if how == "rank_dies":
        victim = os.getppid()
    if how == "node_dies":
        victim = next(pid for pid in ancestors(victim) if "raylet" in Path(f"/proc/{pid}/cmdline").read_text())
    os.kill(victim, signal.SIGKILL)
    signal.pause()


def ancestors(pid: int) -> Iterator[int]:
    """Give the processes above one."""
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        yield pid


def tries(diary: Path) -> list[str]:
    """Return the names of the jobs as they were tried."""
    return [line.split()[0] for line in diary.read_text().splitlines()] if diary.exists() else []


def jobs_of(folder: Path, count: int, **bad: Any) -> list[Job]:
    """Make `count` jobs of rising size; with `bad`, one more, the smallest, that fails so."""
    works = [Work(diary=folder / "diary", name=f"{number:03d}") for number in range(count)]
    jobs = [Job(name=each.name, argument=each, num_bytes=1000 * (number + 1)) for number, each in enumerate(works)]
    if bad:
        jobs.append(Job(name="bad", argument=Work(diary=folder / "diary", name="bad", **bad)))
    return jobs


# An adapter whose worker takes too much memory the first time: a file per task, `<name>.rows`, its size the rows.
CARD = Card(name="greedy", title="Rows that cost memory once", kinds=("text",), license="cc0-1.0")


def tasks(location: Location) -> list[Task]:
    """List a task per file."""
    files = list_files(location.uri, suffixes=(".rows",))
    return [Task(path=file.path, key=file.key, num_bytes=file.num_bytes, location=location) for file in files]


def samples(task: Task) -> Iterator[Sample]:
    """Give a row per byte; hold 400 MB in the middle of the first try where a file `<task>.greedy` asks for it."""
    greedy = Path(task.path).with_suffix(".greedy")
    for number in range(task.num_bytes):
        if number == task.num_bytes // 2 and greedy.exists():
            greedy.unlink()
            fail("holds")
        yield sample(f"{task.key}:{number}", question=f"What is {number}?", answer=f"{number} of {task.key}.")
