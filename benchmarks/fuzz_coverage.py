"""Let atheris (coverage-guided, libFuzzer) look for bytes that the first readers do not end well on.

    python benchmarks/fuzz_coverage.py {ink,manifest,rows,tar} [--seconds 60]

Needs atheris, which stands in no extra: `pip install atheris`. What it finds it keeps as `crash-…` in the folder it is
run in. `rows` are the three forms of JSON, `tar` the members of a shard; the seeds are those of tests/fuzzing.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the seeds are the tests' own
import atheris

with atheris.instrument_imports(include=["curation", "yaml", "tarfile"]):
    from curation.errors import CurationError
    from curation.manifests import load_manifest
    from curation.sources.defects import RowDefect
    from curation.sources.ink import draw_strokes, read_inkml
    from curation.sources.json_list import list_elements
    from curation.sources.jsonl import json_rows
    from curation.sources.tar_members import member_groups
from curation.records import Location, Task
from tests.fuzzing.ink import RECORDING
from tests.fuzzing.manifests import shipped
from tests.hostile.tars import ENDS, member

SEEDS: dict[str, list[bytes]] = {
    "ink": [RECORDING],
    "manifest": [text.encode() for text in shipped()],
    "rows": [b'[{"a": 1}, {"b": "}, {"}, [1, 2]]', b'{"a": {"x": 1}}\n{"b": 2}\n', b'{"a": {"b": 1}, "c": {}}'],
    "tar": [member("a.png", b"x") + end[:4096] + bytes(1024) for end in ENDS.values()],
}


def read_ink(data: bytes) -> None:
    try:
        draw_strokes(read_inkml(data).strokes, size=64, stroke=3.0, margin=8)
    except RowDefect:
        return


def read_manifest(data: bytes, path: Path) -> None:
    path.write_bytes(data)
    try:
        load_manifest(path)
    except CurationError:
        return


def read_rows(data: bytes, path: Path) -> None:
    path.write_bytes(data)
    list(list_elements(io.BytesIO(data), chunk_bytes=16))
    list(json_rows(Task(path=str(path), key="a", num_bytes=len(data), location=Location(uri=(str(path),)))))


def read_tar(data: bytes) -> None:
    list(member_groups(io.BytesIO(data)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage-guided fuzzing of the readers that see bytes first.")
    parser.add_argument("target", choices=sorted(SEEDS))
    parser.add_argument("--seconds", type=int, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="curation-fuzz-") as name:
        folder = Path(name)
        for number, seed in enumerate(SEEDS[asked.target]):
            (folder / "corpus").mkdir(exist_ok=True)
            (folder / "corpus" / str(number)).write_bytes(seed)
        targets: dict[str, Callable[[bytes], None]] = {
            "ink": read_ink,
            "manifest": lambda data: read_manifest(data, folder / "fuzzed.yaml"),
            "rows": lambda data: read_rows(data, folder / "fuzzed.json"),
            "tar": read_tar,
        }
        options = [f"-max_total_time={asked.seconds}", "-max_len=8192", "-timeout=20"]
        atheris.Setup([sys.argv[0], str(folder / "corpus"), *options], targets[asked.target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
