"""Run native decoders in a watched child process: a crash or a hang costs one medium, not the worker."""

from __future__ import annotations

import os
import threading
from typing import Any

from curation.child import Child, ChildDiedError, ChildTimeoutError
from curation.errors import MediaError

# A 7680 x 4320 decoder holds about 17 pictures of 50 MB; the libraries themselves take 2 GB of addresses.
MEMORY_BYTES = 8 << 30


class Guard:
    """One child, started at the first call and again after a crash, a time-out or a fork."""

    def __init__(self, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self._memory_bytes = memory_bytes
        self._child: Child | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def run(self, function: str, *args: Any, timeout: float) -> Any:
        """Run `module:name`(*args) within `timeout` seconds, in a fresh process once more when its process died.

        A medium that crashes its decoder does it again; a process that was killed from outside, by the kernel's want
        of memory or by hand, or that an earlier medium left damaged, must not cost a sample.

        Raises:
            MediaError: what the function raised, or `video_timeout`, `decoder_crashed` (measured: the exit code,
                negative for a signal), `decoder_out_of_memory`.
        """
        with self._lock:
            if self._child is None or self._owner != os.getpid():
                self._child = Child(quiet=True, memory_bytes=self._memory_bytes)
                self._owner = os.getpid()
            try:
                return self._call(self._child, function, *args, timeout=timeout)
            except ChildTimeoutError as err:
                raise MediaError("video_timeout", f"no result within {timeout:g} s", measured=timeout) from err
            except ChildDiedError as err:
                detail = f"the decoder's process ended with {err.exit_code}"
                raise MediaError("decoder_crashed", detail, measured=err.exit_code) from err
            except MemoryError as err:
                detail = f"decoding needs more than {self._memory_bytes >> 20} MiB"
                raise MediaError("decoder_out_of_memory", detail, measured=self._memory_bytes) from err
            except Exception:
                raise
            except BaseException:  # interrupted: an answer that nobody waits for must not reach the next call
                self._child.kill()
                raise

    @staticmethod
    def _call(child: Child, function: str, *args: Any, timeout: float) -> Any:
        try:
            return child.call(function, *args, timeout=timeout)
        except ChildDiedError:
            return child.call(function, *args, timeout=timeout)

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._child.pid if self._child and self._owner == os.getpid() else None

    def close(self) -> None:
        """End the child; the next call starts another."""
        with self._lock:
            if self._child is not None and self._owner == os.getpid():
                self._child.close()
            self._child = None
