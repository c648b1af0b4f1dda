"""Progress: lines now and then, bars on a terminal."""

from __future__ import annotations

import io

import pytest

from curation.cli.progress import LineDisplay, describe, progress_display


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_lines_come_at_most_every_two_seconds_of_a_stage_and_at_its_end() -> None:
    stream = io.StringIO()
    with progress_display(stream) as display:
        for tick in range(1, 101):
            display.update("pull", tick, 100, 0, 0, tick / 10)
        display.update("pull", 100, 100, 0, 0, 11.0)
        display.update("write", 1, 1, 5, 5, 0.0)
    assert stream.getvalue().splitlines() == [
        "pull: 20/100 tasks, 10.0 tasks/s, 8 s left",
        "pull: 40/100 tasks, 10.0 tasks/s, 6 s left",
        "pull: 60/100 tasks, 10.0 tasks/s, 4 s left",
        "pull: 80/100 tasks, 10.0 tasks/s, 2 s left",
        "pull: 100/100 tasks, 10.0 tasks/s, done in 10 s",
        "write: 1/1 tasks, done in 0 s",
    ]


def test_stages_are_told_apart() -> None:
    stream = io.StringIO()
    display = LineDisplay(stream)
    display.update("pull", 1, 9, 0, 0, 2.5)
    display.update("encode", 1, 9, 0, 0, 2.5)
    assert [line.partition(":")[0] for line in stream.getvalue().splitlines()] == ["pull", "encode"]


def test_a_stage_without_tasks_is_not_told() -> None:
    for stream in (io.StringIO(), Terminal()):
        with progress_display(stream) as display:
            display.update("pull", 0, 0, 0, 0, 0.0)
        assert "pull" not in stream.getvalue()


@pytest.mark.parametrize(
    ("tasks", "num_bytes", "seconds", "line"),
    [
        ((0, 4), (0, 100), 3.0, "0/4 tasks"),
        ((1, 4), (10, 100), 2.0, "1/4 tasks, 5 B/s, 18 s left"),
        ((1, 2), (1, 2_000_000), 2.0, "1/2 tasks"),
        ((4, 4), (100, 100), 0.01, "4/4 tasks, done in 0 s"),
        ((2, 4), (2_000_000, 4_000_000_000), 1.0, "2/4 tasks, 2.0 MB/s, 33:19 min left"),
    ],
)
def test_rate_and_time_left_are_those_of_the_bytes(
    tasks: tuple[int, int], num_bytes: tuple[int, int], seconds: float, line: str
) -> None:
    assert describe(*tasks, done_bytes=num_bytes[0], num_bytes=num_bytes[1], seconds=seconds) == line


def test_a_terminal_gets_bars_with_the_same_words() -> None:
    stream = Terminal()
    with progress_display(stream) as display:
        display.update("pull", 1, 4, 10, 100, 2.0)
        display.update("pull", 4, 4, 100, 100, 3.0)
    assert "4/4 tasks, 33 B/s, done in 3 s" in stream.getvalue()
