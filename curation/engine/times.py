"""Where the time of a run went, by stage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class StageTime:
    """Where the time of one stage went. `seconds` leaves out stages that ran inside it."""

    stage: str
    seconds: float = 0.0
    tasks: int = 0
    cpu_seconds: float = 0.0
    num_bytes: int = 0
    rows: int = 0
    peak_bytes: int = 0
    retried: int = 0


_HEAD = ("stage", "seconds", "share", "tasks", "CPU s", "MB", "MB/s", "rows", "rows/s", "peak MiB", "retried")


def stage_table(stages: Iterable[StageTime], *, seconds: float) -> str:
    """Lay the stages of a run of `seconds` out as a table of plain text, in the order in which they began.

    Seconds are the wall clock's and leave out stages inside a stage, so that they sum to the run's; CPU seconds and
    the peak of memory are the workers'.
    """
    rows = [_HEAD, *(_cells(each, seconds) for each in stages)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    return "\n".join([*lines, f"in all {seconds:.2f} s"])


def _cells(each: StageTime, seconds: float) -> tuple[str, ...]:
    megabytes = each.num_bytes / 1e6
    return (
        each.stage,
        f"{each.seconds:.2f}",
        f"{each.seconds / seconds:.0%}" if seconds else "",
        str(each.tasks or ""),
        f"{each.cpu_seconds:.2f}" if each.tasks else "",
        f"{megabytes:.1f}" if megabytes else "",
        f"{megabytes / each.seconds:.1f}" if megabytes and each.seconds else "",
        str(each.rows or ""),
        f"{each.rows / each.seconds:.0f}" if each.rows and each.seconds else "",
        str(each.peak_bytes >> 20 or ""),
        str(each.retried or ""),
    )
