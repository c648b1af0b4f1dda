"""Build again after a change, beside a cold build of the changed manifest.

    python benchmarks/rebuild.py [--rounds 3] [--demo FOLDER] [--workers 2]

Draws the demo's corpus (or takes the one in FOLDER), builds it once, and then in every round builds each changed
manifest twice: with that workspace, and cold, with an empty one. Output folders are always new. The demo is small, so
what a build costs at least (starting workers, opening files) weighs as much as the work that is left.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from reporting import Report, arguments
from rounds import Run, run_command, summarise

from curation.demo.corpus import write_corpus, write_manifest

# Every change has a value of its own for each round, so that nothing of it was done before.
CHANGES = {
    "weight": "mixture.weights.cot.weight={}",
    "prompt": 'prompts.system.default="Answer in {} words."',
    "video setting": "video.max_frames={}",
}


def main() -> None:
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("--demo", type=Path, help="a folder that `curation demo` wrote")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    report = Report(path=options.json)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = options.demo / "manifest.yaml" if options.demo else _drawn(folder / "demo")
        warm = folder / "warm"
        first = _build(manifest, folder, workspace=warm, workers=options.workers)
        print(f"cold build of the manifest as it is: {first.wall:.1f} s")
        for change, override in CHANGES.items():
            runs: dict[str, list[Run]] = {"ours, again": [], "cold": []}
            for number in range(options.rounds):
                overrides = [override.format(7 + number)]
                kept, empty = folder / "kept", folder / "empty"
                shutil.copytree(warm, kept)
                for kind, workspace in (("ours, again", kept), ("cold", empty)):
                    run = _build(manifest, folder, workspace, workers=options.workers, overrides=overrides)
                    runs[kind].append(run)
                    shutil.rmtree(workspace)
            timings = {kind: summarise(found) for kind, found in runs.items()}
            report.seconds(f"build again after another {change}", timings, ours="ours, again")


def _drawn(folder: Path) -> Path:
    folder.mkdir()
    write_corpus(folder)
    return write_manifest(folder)


def _build(manifest: Path, folder: Path, workspace: Path, *, workers: int, overrides: Sequence[str] = ()) -> Run:
    """Build into a new folder, in a process of its own, start and imports included."""
    output = folder / "out"
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, "-m", "curation", "build", manifest, "-o", output, "--workspace", workspace]
    settings = [word for override in overrides for word in ("--set", override)]
    return run_command([*command, "--workers", str(workers), *settings], folder=folder)


if __name__ == "__main__":
    main()
