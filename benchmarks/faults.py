"""Kill builds at random moments and compare what they end in with a build that nobody disturbed, byte for byte.

    python benchmarks/faults.py [--rounds 50] [--kills 3] [--seed 1] [--manifest FILE]

A round starts from an empty workspace and output folder. Up to `--kills` times a SIGKILL goes, at a moment spread over
how long an undisturbed build takes, to the driver or to one of the processes below it (workers, decoders); a killed
driver is started again at once, while what it left may still be running, until the build is done. The corpus is the
tests' own (pictures, pages, problems, clips), or that of `--manifest`. Exits with 1 when a round ends in other bytes.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("pull", "encode", "filter", "frames", "index", "write")
MAX_STARTS = 20


@dataclass(slots=True, kw_only=True)
class Told:
    """What the rounds came to. `kills` counts by victim and by the furthest stage that had begun."""

    survived: int = 0
    num_bytes: int = 0
    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    restarts: int = 0
    errors: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--kills", type=int, default=3, help="at most so many in a round")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--manifest", type=Path)
    options = parser.parse_args()
    told, chooser = Told(), random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = options.manifest or _drawn(folder / "corpus")
        expected, seconds = _undisturbed(manifest, folder)
        size = sum(path.stat().st_size for path in (folder / "reference").rglob("*") if path.is_file())
        print(f"undisturbed: {seconds:.1f} s, {len(expected)} files of {size:,} bytes")
        for number in range(options.rounds):
            begun = time.perf_counter()
            output, workspace = folder / "out", folder / "ws"
            _disturbed(manifest, output, workspace, told, chooser, kills=options.kills, seconds=seconds)
            told.seconds.append(time.perf_counter() - begun)
            found = digests(output)
            if found == expected:
                told.survived += 1
                told.num_bytes += size
            else:
                names = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
                told.errors.append(f"round {number}: other bytes in {', '.join(names)}")
            shutil.rmtree(output)
            shutil.rmtree(workspace)
    _show(told, rounds=options.rounds)
    sys.exit(told.survived < options.rounds)


def _drawn(folder: Path) -> Path:
    sys.path.insert(0, str(ROOT))
    from tests.corpora import write_corpus

    folder.mkdir()
    return write_corpus(folder)


def digests(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file under a folder, hidden ones too."""
    from curation.fingerprint import file_sha256

    return {str(path.relative_to(folder)): file_sha256(path) for path in folder.rglob("*") if path.is_file()}


def _command(manifest: Path, output: Path, workspace: Path) -> list[str]:
    command = [sys.executable, "-m", "curation", "build", str(manifest), "-o", str(output)]
    return [*command, "--workspace", str(workspace), "--workers", "2"]


def _undisturbed(manifest: Path, folder: Path) -> tuple[dict[str, str], float]:
    """Build once to warm the page cache and once for time and bytes."""
    seconds = 0.0
    for name in ("warm", "reference"):
        begun = time.perf_counter()
        command = _command(manifest, folder / name, folder / f"ws-{name}")
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
        seconds = time.perf_counter() - begun
    return digests(folder / "reference"), seconds


def _disturbed(
    manifest: Path,
    output: Path,
    workspace: Path,
    told: Told,
    chooser: random.Random,
    *,
    kills: int,
    seconds: float,
) -> None:
    """Run a build until it is done, killing what belongs to it on the way."""
    command = _command(manifest, output, workspace)
    left = kills
    for start in range(MAX_STARTS):
        told.restarts += start > 0
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        while left:
            try:
                process.wait(timeout=chooser.uniform(0.1, 1.0) * seconds)
                break
            except subprocess.TimeoutExpired:
                left -= 1
                if _kill_something(process.pid, workspace, told, chooser) == "driver":
                    break
        _, errors = process.communicate()
        if process.returncode == 0:
            return
        if process.returncode != -signal.SIGKILL:
            told.errors.append(f"exit {process.returncode}: {errors.strip()[-300:]}")
    raise SystemExit(f"no end after {MAX_STARTS} starts: {told.errors[-1:]}")


def _kill_something(driver: int, workspace: Path, told: Told, chooser: random.Random) -> str:
    """Send SIGKILL to the driver or to a process below it; return which."""
    below = _below(driver)
    victim = chooser.choice(below) if below and chooser.random() < 0.7 else driver
    name = "driver" if victim == driver else "worker"
    begun = [stage for stage in STAGES if (workspace / stage).is_dir()]
    told.kills[name, begun[-1] if begun else "start"] += 1
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        return "nobody"
    return name


def _below(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    try:
        told = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    found = [int(word) for text in told for word in text.split()]
    return found + [below for child in found for below in _below(child)]


def _show(told: Told, *, rounds: int) -> None:
    print(f"rounds survived: {told.survived} of {rounds}; bytes compared and equal: {told.num_bytes:,}")
    for victim in ("driver", "worker"):
        places = {place: count for (name, place), count in told.kills.items() if name == victim}
        listed = ", ".join(f"{place} {places[place]}" for place in ("start", *STAGES) if place in places)
        print(f"kills of {victim}s: {sum(places.values())} (the furthest stage that had begun: {listed})")
    middle, worst = statistics.median(told.seconds), max(told.seconds)
    print(f"starts again: {told.restarts}; seconds a round: median {middle:.1f}, worst {worst:.1f}")
    for error in told.errors:
        print(error)


if __name__ == "__main__":
    main()
