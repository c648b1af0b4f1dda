"""A process that runs functions by name: answers, errors, deaths, time-outs, and its end with its parent."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.child import Child, ChildDiedError, ChildTimeoutError
from curation.errors import CurationError, MediaError, SourceError

HERE = "tests.test_child"


def double(number: int) -> int:
    """Return a number twice: something for the process to do."""
    return 2 * number


def whoami() -> int:
    """Return the process id of whoever runs this."""
    return os.getpid()


def fail_with(kind: str) -> None:
    """Raise one of the errors that a worker may meet."""
    if kind == "source":
        raise SourceError("sources.x: 'a' is gone; put it back")
    if kind == "media":
        raise MediaError("truncated_image", "12 bytes missing", measured=12)
    if kind == "unpicklable":
        raise _StubbornError(lambda: None)
    if kind == "base":
        raise KeyboardInterrupt("not an Exception")
    raise ZeroDivisionError("division by zero")


class _StubbornError(Exception):
    """An error that can't be pickled, as native libraries raise them."""


def die(number: int) -> None:
    """End the process by a signal."""
    os.kill(os.getpid(), number)


def die_in_the_middle_of_the_answer() -> None:
    """Write the head of a message of 1,000 bytes and ten bytes of it, and end."""
    os.write(int(sys.argv[1]), struct.pack("!i", 1000) + b"x" * 10)
    os._exit(3)


def sleep(seconds: float) -> None:
    """Overstay."""
    time.sleep(seconds)


def allocate(num_bytes: int) -> int:
    """Ask for memory."""
    return len(bytearray(num_bytes))


@pytest.fixture
def child() -> Iterator[Child]:
    """Give a process and end it."""
    child = Child(quiet=True)
    yield child
    child.kill()


def test_calls_are_answered_in_one_and_the_same_process(child: Child) -> None:
    assert [child.call(f"{HERE}:double", number) for number in range(3)] == [0, 2, 4]
    assert child.call(f"{HERE}:whoami") == child.call(f"{HERE}:whoami") == child.pid != os.getpid()


def test_a_known_error_comes_through_as_itself_without_a_traceback(child: Child) -> None:
    with pytest.raises(SourceError, match="'a' is gone; put it back") as caught:
        child.call(f"{HERE}:fail_with", "source")
    assert not getattr(caught.value, "__notes__", [])


def test_a_media_error_keeps_its_reason_and_its_measure(child: Child) -> None:
    with pytest.raises(MediaError) as caught:
        child.call(f"{HERE}:fail_with", "media")
    assert (caught.value.reason, caught.value.detail, caught.value.measured) == (
        "truncated_image",
        "12 bytes missing",
        12,
    )


def test_a_bug_comes_through_with_its_traceback_as_a_note(child: Child) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        child.call(f"{HERE}:fail_with", "bug")
    assert not isinstance(caught.value, CurationError)
    assert "in fail_with" in "".join(caught.value.__notes__)


@pytest.mark.parametrize(("kind", "named"), [("unpicklable", "_StubbornError"), ("base", "KeyboardInterrupt")])
def test_an_error_that_can_not_travel_is_told_by_another(child: Child, kind: str, named: str) -> None:
    with pytest.raises(RuntimeError, match=named):
        child.call(f"{HERE}:fail_with", kind)
    assert child.call(f"{HERE}:double", 2) == 4


def test_a_process_that_dies_is_named_by_its_signal_and_replaced_by_the_next_call(child: Child) -> None:
    first = child.call(f"{HERE}:whoami")
    with pytest.raises(ChildDiedError) as caught:
        child.call(f"{HERE}:die", int(signal.SIGSEGV))
    assert caught.value.exit_code == -signal.SIGSEGV
    assert child.call(f"{HERE}:whoami") != first


def test_a_process_that_dies_in_the_middle_of_its_answer_is_noticed(child: Child) -> None:
    with pytest.raises(ChildDiedError) as caught:
        child.call(f"{HERE}:die_in_the_middle_of_the_answer")
    assert caught.value.exit_code == 3


def test_a_process_that_was_killed_between_calls_is_replaced(child: Child) -> None:
    pid = child.call(f"{HERE}:whoami")
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert child.call(f"{HERE}:double", 21) == 42


def test_a_call_that_overstays_is_killed(child: Child) -> None:
    pid = child.call(f"{HERE}:whoami")
    with pytest.raises(ChildTimeoutError, match=r"0\.2 s"):
        child.call(f"{HERE}:sleep", 60.0, timeout=0.2)
    assert not Path(f"/proc/{pid}").exists()
    assert child.pid is None


def test_a_bound_on_memory_fails_the_call_and_not_the_machine() -> None:
    child = Child(quiet=True, memory_bytes=1 << 30)
    try:
        with pytest.raises(MemoryError):
            child.call(f"{HERE}:allocate", 2 << 30)
        assert child.call(f"{HERE}:allocate", 1 << 10) == 1 << 10
    finally:
        child.close()


def test_an_unknown_function_is_an_error_of_the_call(child: Child) -> None:
    with pytest.raises(AttributeError, match="nothing_like_it"):
        child.call(f"{HERE}:nothing_like_it")


def test_closing_ends_the_process_and_gives_every_descriptor_back(child: Child) -> None:
    before = _num_descriptors()
    for _ in range(3):
        pid = child.call(f"{HERE}:whoami")
        child.close()
        assert not Path(f"/proc/{pid}").exists()
        with pytest.raises(ChildDiedError):
            child.call(f"{HERE}:die", int(signal.SIGKILL))
    assert _num_descriptors() == before


def test_the_process_dies_with_its_parent() -> None:
    script = (
        "from curation.child import Child\n"
        "child = Child()\n"
        f"print(child.call('{HERE}:whoami'), flush=True)\n"
        f"child.call('{HERE}:sleep', 600.0)\n"
    )
    root = Path(__file__).resolve().parent.parent
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=root)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    assert parent.stdout.read() == ""  # ends when the child, who shares it, has ended
    parent.stdout.close()
    assert not _runs(pid)


def _num_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
