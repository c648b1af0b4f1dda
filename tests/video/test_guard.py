"""A decoder that hangs, crashes or eats memory costs one call."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from curation.errors import MediaError
from curation.records import Address
from curation.video import Guard, decode, guard, probe
from tests.video.painted import request_of, write_video


def test_a_hang_ends_at_its_limit_and_the_next_call_works() -> None:
    watched = Guard()
    begin = time.monotonic()
    with pytest.raises(MediaError) as failure:
        watched.run("time:sleep", 60, timeout=0.2)
    assert (failure.value.reason, failure.value.measured) == ("video_timeout", 0.2)
    assert time.monotonic() - begin < 10
    assert watched.run("os:getpid", timeout=20) == watched.pid != os.getpid()
    watched.close()


def test_a_crash_is_told_with_its_signal_and_the_next_call_works() -> None:
    watched = Guard()
    with pytest.raises(MediaError) as failure:
        watched.run("os:abort", timeout=20)
    assert (failure.value.reason, failure.value.measured) == ("decoder_crashed", -signal.SIGABRT)
    assert watched.run("operator:add", 1, 2, timeout=20) == 3
    watched.close()


def die_the_first_time(marks: str) -> int:
    """Leave a mark; end by SIGKILL when it is the first. Returns how many there are."""
    marks_folder = Path(marks)
    (marks_folder / str(os.getpid())).touch()
    if len(list(marks_folder.iterdir())) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return len(list(marks_folder.iterdir()))


def test_a_decoder_that_is_killed_from_outside_is_asked_again_and_costs_nothing(tmp_path: Path) -> None:
    watched = Guard()
    assert watched.run("tests.video.test_guard:die_the_first_time", str(tmp_path), timeout=20) == 2
    watched.close()


def test_memory_is_bounded() -> None:
    watched = Guard(memory_bytes=2 << 30)
    with pytest.raises(MediaError, match="decoder_out_of_memory"):
        watched.run("operator:mul", b"x", 4 << 30, timeout=20)
    assert watched.run("operator:add", 1, 2, timeout=20) == 3
    watched.close()


def test_a_child_killed_between_calls_is_replaced(tmp_path: Path) -> None:
    content = Address(path=str(write_video(tmp_path / "a.mp4", [0, 40, 80])))
    before = probe(content)
    assert guard.pid is not None
    os.kill(guard.pid, signal.SIGKILL)
    os.waitid(os.P_PID, guard.pid, os.WEXITED | os.WNOWAIT)
    assert probe(content).pts.tolist() == before.pts.tolist()


def test_a_short_limit_on_a_real_video_is_a_timeout(tmp_path: Path) -> None:
    content = Address(path=str(write_video(tmp_path / "a.mp4", [40 * number for number in range(100)])))
    request = request_of(probe(content), 99)
    with pytest.raises(MediaError, match="video_timeout"):
        decode(content, request, timeout=0.0)


def test_memory_stays_flat_over_many_opens(tmp_path: Path) -> None:
    content = Address(path=str(write_video(tmp_path / "a.mp4", [40 * number for number in range(30)])))
    request = request_of(probe(content), 3, 20)

    def resident_after(opens: int) -> int:
        for _ in range(opens):
            decode(content, request)
        pages = Path(f"/proc/{guard.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    settled = resident_after(50)
    assert resident_after(200) - settled < 8_000_000  # left open, 200 containers cost hundreds of megabytes
