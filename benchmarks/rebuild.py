"""Build again after a change, beside a cold build of the changed manifest.

    python benchmarks/rebuild.py [--rounds 3] [--demo FOLDER] [--workers 2]

Draws the demo's corpus (or takes the one in FOLDER), builds it once, and then in every round builds each changed
manifest twice: with that workspace, and cold, with an empty one. Output folders are always new. The demo is small, so
what a build costs at least (starting workers, opening files) weighs as much as the work that is left.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from curation.build import build
from curation.demo.corpus import write_corpus, write_manifest

# Every change has a value of its own for each round, so that nothing of it was done before.
CHANGES = {
    "weight": "mixture.weights.cot.weight={}",
    "prompt": 'prompts.system.default="Answer in {} words."',
    "video setting": "video.max_frames={}",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--demo", type=Path, help="a folder that `curation demo` wrote")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = options.demo / "manifest.yaml" if options.demo else _drawn(folder / "demo")
        warm = folder / "warm"
        seconds = _seconds(manifest, folder / "out", workspace=warm, workers=options.workers)
        print(f"cold build of the manifest as it is: {seconds:.1f} s")
        print(f"{'change':16} {'cold':>8} {'again':>8} {'cold / again':>13}")
        for change, override in CHANGES.items():
            cold, again = [], []
            for number in range(options.rounds):
                overrides = [override.format(7 + number)]
                kept = folder / "kept"
                shutil.copytree(warm, kept)
                again.append(_seconds(manifest, folder / "out", kept, workers=options.workers, overrides=overrides))
                shutil.rmtree(kept)
                empty = folder / "empty"
                cold.append(_seconds(manifest, folder / "out", empty, workers=options.workers, overrides=overrides))
                shutil.rmtree(empty)
            first, second = statistics.median(cold), statistics.median(again)
            print(f"{change:16} {first:6.2f} s {second:6.2f} s {first / second:12.1f}x")


def _drawn(folder: Path) -> Path:
    folder.mkdir()
    write_corpus(folder)
    return write_manifest(folder)


def _seconds(
    manifest: Path, output: Path, workspace: Path, *, workers: int, overrides: list[str] | None = None
) -> float:
    """Build into a new folder and return how long it took."""
    shutil.rmtree(output, ignore_errors=True)
    begun = time.perf_counter()
    build(manifest, output=output, workspace=workspace, workers=workers, overrides=overrides or [])
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
