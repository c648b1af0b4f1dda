"""What the steps of one process take, those inside other steps by themselves; and how much a folder holds at most."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rounds import forget_peak, read_peak


@dataclass(slots=True, kw_only=True)
class Step:
    """What one step took by itself: seconds, processor seconds, peak resident bytes."""

    seconds: float = 0.0
    cpu: float = 0.0
    peak: int = 0


@dataclass(slots=True, kw_only=True)
class Meter:
    """Measures steps that may stand inside each other; a step's time is without that of the steps inside."""

    steps: dict[str, Step] = field(default_factory=dict)
    _running: list[str] = field(default_factory=list)
    _since: tuple[float, float] = (0.0, 0.0)

    def wrap(self, function: Callable[..., Any], label: str | None) -> Callable[..., Any]:
        """Return the function, measured as the step `label`; None: as the filter that is its first argument."""

        def measured(*args: Any, **kwargs: Any) -> Any:
            self._switch()
            self._running.append(label or f"filters: {args[0].name}")
            try:
                return function(*args, **kwargs)
            finally:
                self._switch()
                self._running.pop()

        return measured

    def _switch(self) -> None:
        """Give what passed since the last change to the step that was running."""
        now = (time.perf_counter(), time.process_time())
        if self._running:
            step = self.steps.setdefault(self._running[-1], Step())
            step.seconds += now[0] - self._since[0]
            step.cpu += now[1] - self._since[1]
            step.peak = max(step.peak, read_peak())
        forget_peak()
        self._since = now


@contextmanager
def watched(folder: Path) -> Iterator[list[int]]:
    """Look ten times a second at how many bytes of files stand under a folder; the list holds the most."""
    most, stop = [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            most[0] = max(most[0], bytes_under(folder))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        stop.set()
        thread.join()


def bytes_under(folder: Path) -> int:
    """Return the bytes of the files under a folder, some of which may go meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total
