"""Run the benchmarks and write results.md: `make bench`, or `make bench NAME=packing` for some rows.

    python benchmarks/run.py [NAME …] [--quick] [--minutes 40]

Each row is a script that can be run by itself, in the environment that has its rivals (`environments.py` makes it). A
row that fails or does not end in its time is named in the results with the reason; the others go on. `--quick` takes
small sizes: it shows that everything runs, and its figures mean nothing. With names, results.md is left as it is and
only the tables are printed, unless --output says where the page goes.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from environments import ROOT, python_of
from results import Outcome, page

HERE = Path(__file__).resolve().parent
OWN, RIVALS, STREAMING = "", "rivals", "streaming"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A script, the environment it runs in, its arguments (quick ones, too) and the seconds it may take.

    A script that does not add its figures to a file has `is_text`: what it prints is its figure.
    """

    script: str
    environment: str = RIVALS
    arguments: str = ""
    quick: str = ""
    seconds: int = 180
    is_text: bool = False


ROWS: dict[str, Row] = {
    "pull": Row(script="pull.py", quick="--rounds 1 --images 40"),
    "encode": Row(script="encode.py", quick="--rounds 1"),
    "video": Row(script="video.py", arguments="--opens 100", quick="--rounds 1 --opens 20", seconds=600),
    "image-dedup": Row(
        script="image_dedup.py",
        environment=STREAMING,
        arguments="--pictures 50",
        quick="--rounds 1 --pictures 8",
        seconds=420,
    ),
    "text-dedup": Row(script="text_dedup.py", quick="--rounds 1 --texts 200"),
    "packing": Row(script="packing.py", quick="--rounds 1 --mixed 5000", seconds=300),
    "shards": Row(script="shards.py", environment=STREAMING, quick="--rounds 1 --samples 200"),
    "loader": Row(
        script="loader.py",
        environment=STREAMING,
        arguments="--samples 3000",
        quick="--rounds 1 --samples 200 --index-packs 10000",
    ),
    "energon": Row(script="energon.py", environment="energon", quick="--rounds 1 --samples 60"),
    "sql": Row(script="queries.py", quick="--rounds 1 --samples 20000"),
    "batches": Row(script="batches.py", quick="--rounds 1 --samples 12"),
    "whole-job": Row(script="whole_job.py", quick="--rounds 1 --samples 24", seconds=240),
    "rebuild": Row(script="rebuild.py", environment=OWN, quick="--rounds 1 --films 2", seconds=900),
    "scaling": Row(script="scaling.py", environment=OWN, quick="--rows 20 --output .bench/scaling.svg", seconds=300),
    "plan": Row(script="scale.py", environment=OWN, quick="--rows 50000", seconds=1200, is_text=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"rows: {', '.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round")
    parser.add_argument("--minutes", type=float, default=40, help="begin no further row after this time")
    parser.add_argument("--output", type=Path, help="the page; default: results.md when all rows run, else none")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in ROWS]:
        parser.error(f"no row named '{unknown[0]}'; there are {', '.join(ROWS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the row that runs ends, too
    begun, outcomes = time.monotonic(), []
    for name in options.names or list(ROWS):
        print(f"\n=== {name}", flush=True)
        if time.monotonic() - begun > options.minutes * 60:
            outcomes.append(Outcome(name=name, reason=f"not begun: {options.minutes:.0f} minutes were over"))
        else:
            outcomes.append(run(name, ROWS[name], is_quick=options.quick))
        if outcomes[-1].reason:
            print(f"{name}: {outcomes[-1].reason}", file=sys.stderr)
    seconds = time.monotonic() - begun
    written = page(outcomes, seconds=seconds, is_quick=options.quick)
    output = options.output or (None if options.names else HERE / "results.md")
    if output:
        output.write_text(written)
    print(f"\n{len(outcomes)} rows in {seconds / 60:.1f} minutes, {sum(bool(one.reason) for one in outcomes)} failed")


def run(name: str, row: Row, *, is_quick: bool) -> Outcome:
    """Run a row's script to its end or its limit; its output goes to the terminal, too."""
    python = Path(sys.executable) if row.environment == OWN else python_of(row.environment)
    if not python.exists():
        return Outcome(name=name, reason=f"no environment '{row.environment}': python benchmarks/environments.py")
    begun = time.monotonic()
    kept: deque[str] = deque(maxlen=200)
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.jsonl"
        command = [python, "-W", "ignore", HERE / row.script, *(row.quick if is_quick else row.arguments).split()]
        command += [] if row.is_text else ["--json", figures]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1", "TMPDIR": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        reason = _follow(process, kept, seconds=row.seconds)
        records = [json.loads(line) for line in figures.read_text().splitlines()] if figures.exists() else []
    text = "".join(kept) if row.is_text else ""
    return Outcome(name=name, reason=reason, records=tuple(records), text=text, seconds=time.monotonic() - begun)


def _follow(process: subprocess.Popen[str], kept: deque[str], *, seconds: float) -> str:
    """Print what a process prints and keep it; return why it failed, or nothing."""
    is_late = threading.Event()

    def stop() -> None:
        is_late.set()
        os.killpg(process.pid, signal.SIGKILL)  # the process began a group of its own

    timer = threading.Timer(seconds, stop)
    timer.start()
    assert process.stdout is not None
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
            kept.append(line)
        code = process.wait()
    finally:
        timer.cancel()
        if process.poll() is None:
            stop()
    if is_late.is_set():
        return f"stopped after {seconds:.0f} s"
    return f"ended with {code}: {''.join(list(kept)[-3:]).strip()}" if code else ""


if __name__ == "__main__":
    main()
