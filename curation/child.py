"""Processes that run functions by name, watched from outside.

A worker of the local engine and the guard around native decoders are both a `Child`: a fresh interpreter (no fork, no
`__main__` guard needed in the user's script) that serves calls over a socket, dies with its parent, and can be killed
and replaced when it crashes or overstays.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from socket import socketpair
from typing import Any

from curation.errors import CurationError


class ChildDiedError(Exception):
    """The process ended before it answered; `exit_code` is negative for a signal."""

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(f"the process ended with {exit_code}")
        self.exit_code = exit_code


class ChildTimeoutError(Exception):
    """The process did not answer in time and was killed."""


class Child:
    """One process that runs one call at a time.

    `quiet` sends its stderr to nowhere (native libraries print there). `memory_bytes` bounds its address space, so
    that a runaway allocation fails inside it instead of taking the machine.
    """

    def __init__(self, *, quiet: bool = False, memory_bytes: int | None = None) -> None:
        self._quiet = quiet
        self._memory_bytes = memory_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._life: int | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def connection(self) -> Connection:
        """The connection to wait on while a call runs."""
        assert self._connection is not None
        return self._connection

    def start(self) -> None:
        """Start the process if it does not run."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        ours, theirs = socketpair()
        life_read, life_write = os.pipe()
        environment = dict(os.environ, CURATION_CHILD_PATH=os.pathsep.join(sys.path))
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from curation.child import serve; serve()",
                str(theirs.fileno()),
                str(life_read),
                str(self._memory_bytes or 0),
            ],
            pass_fds=(theirs.fileno(), life_read),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if self._quiet else None,
            env=dict(environment, PYTHONPATH=_package_path(environment.get("PYTHONPATH", ""))),
        )
        theirs.close()
        os.close(life_read)
        self._life = life_write
        self._connection = Connection(ours.detach())

    def submit(self, function: str, *args: Any) -> None:
        """Begin `module:name`(*args); read the answer with `receive`."""
        self.start()
        try:
            self.connection.send((function, args))
        except (BrokenPipeError, ConnectionResetError) as err:
            raise self._died() from err

    def receive(self) -> Any:
        """Return the answer of the call that runs, or raise what it raised, or `ChildDiedError`."""
        try:
            is_done, value = self.connection.recv()
        except (EOFError, OSError) as err:  # OSError: it ended in the middle of its answer
            raise self._died() from err
        if is_done:
            return value
        raise value

    def call(self, function: str, *args: Any, timeout: float | None = None) -> Any:
        """Run `module:name`(*args) and wait at most `timeout` seconds; on a time-out the process is killed."""
        self.submit(function, *args)
        if not self.connection.poll(timeout):
            self.kill()
            raise ChildTimeoutError(f"no answer within {timeout} s")
        return self.receive()

    def kill(self) -> None:
        """Kill the process at once."""
        if self._process is not None:
            self._process.kill()
        self.close()

    def close(self) -> None:
        """End the process: it leaves when its connection closes, and is killed if it does not."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._life is not None:
            os.close(self._life)
            self._life = None
        if self._process is not None:
            try:
                self._process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _died(self) -> ChildDiedError:
        exit_code = None
        if self._process is not None:
            try:
                exit_code = self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self.close()
        return ChildDiedError(exit_code)


def _package_path(current: str) -> str:
    """Prepend the folder that holds this package, so that the child finds it in a checkout that is not installed."""
    root = str(Path(__file__).resolve().parent.parent)
    return os.pathsep.join(part for part in (root, current) if part)


def serve() -> None:
    """Serve calls until the connection closes. The entry point of the process."""
    connection, life, memory = Connection(int(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for path in os.environ.pop("CURATION_CHILD_PATH", "").split(os.pathsep):
        if path and path not in sys.path:
            sys.path.append(path)
    if memory:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    threading.Thread(target=_die_with_parent, args=(life,), daemon=True).start()
    functions: dict[str, Any] = {}
    while True:
        try:
            name, args = connection.recv()
        except (EOFError, OSError):
            os._exit(0)
        try:
            if name not in functions:
                module, _, attribute = name.partition(":")
                functions[name] = getattr(import_module(module), attribute)
            answer: tuple[bool, Any] = (True, functions[name](*args))
        except BaseException as err:  # a native library may raise past Exception (pyo3's PanicException)
            answer = (False, portable(err))
        connection.send(answer)


def portable(err: BaseException) -> BaseException:
    """Return an exception that survives pickling, with its traceback as a note where it is not a known problem."""
    import pickle
    import traceback

    note = "".join(traceback.format_exception(err))
    copy: BaseException = RuntimeError(f"{type(err).__name__}: {err}")
    try:
        again = pickle.loads(pickle.dumps(err))
    except Exception:
        again = None
    if isinstance(again, Exception):
        copy = again
    if not isinstance(copy, CurationError):
        copy.add_note(note)
    return copy


def _die_with_parent(life: int) -> None:
    while os.read(life, 1):
        time.sleep(0)
    os._exit(1)
