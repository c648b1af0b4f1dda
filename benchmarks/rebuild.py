"""Build again after a change, beside a cold build of the changed manifest.

    python benchmarks/rebuild.py [--rounds 3] [--films 24] [--workers 2]

Draws the demo's corpus and films of one to four minutes (720p H.264), builds them once, and then in every round builds
each changed manifest twice: with that workspace, and cold, with an empty one. Output folders are always new. What a
build costs at least (starting workers, opening files, writing shards) is some two seconds, so the ratio grows with the
films: without them a cold build takes seven.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from reporting import Report, arguments
from rounds import Run, run_command, summarise
from video import encode_minute, repeat

from curation.demo.corpus import write_corpus, write_manifest

# Every change has a value of its own for each round, so that nothing of it was done before.
CHANGES = {
    "weight": "mixture.weights.problems={}",
    "prompt": 'prompts.system.default="Answer in {} words."',
    "video setting": "video.max_frames={}",
}


MANIFEST = """
extends: demo/manifest.yaml
sources:
  films: {adapter: videos, uri: films, kind: video, options: {question: What happens?}}
filters: []
mixture:
  unit: samples                 # the films are the fewest, so all are in, whatever is changed
  weights:
    {text: 0, document: 0, video: 0, cot: null, image: null, charts: 0, formulas: 0, stories: 0,
     films: 10, scenes: 20, problems: 6}
"""


def main() -> None:
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("--films", type=int, default=24)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    report = Report(path=options.json)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = draw(folder / "corpus", options.films)
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


def draw(folder: Path, films: int) -> Path:
    """Write the demo's corpus, so many films with a caption each, and return a manifest over both."""
    (folder / "demo").mkdir(parents=True)
    write_corpus(folder / "demo")
    write_manifest(folder / "demo")
    (folder / "films").mkdir()
    encode_minute(folder / "minute.mp4")
    for number in range(films):
        repeat(folder / "minute.mp4", folder / "films" / f"{number}.mp4", times=number % 4 + 1)
    captions = {f"{number}.mp4": f"Boxes drift, {number % 4 + 1} minutes long." for number in range(films)}
    (folder / "films" / "captions.json").write_text(json.dumps(captions))
    manifest = folder / "manifest.yaml"
    manifest.write_text(MANIFEST)
    return manifest


def _build(manifest: Path, folder: Path, workspace: Path, *, workers: int, overrides: Sequence[str] = ()) -> Run:
    """Build into a new folder, in a process of its own, start and imports included."""
    output = folder / "out"
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, "-m", "curation", "build", manifest, "-o", output, "--workspace", workspace]
    settings = [word for override in overrides for word in ("--set", override)]
    return run_command([*command, "--workers", str(workers), *settings], folder=folder)


if __name__ == "__main__":
    main()
