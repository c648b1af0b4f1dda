"""A new user's walk: the built wheel in an empty environment, the demo, another weight, SQL, an ablation, a batch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
NOT_COPIED = (".*", "*.egg-info", "__pycache__")
BATCH = """
import sys
import curation
from curation.training import PackLoader

build = curation.open_build(sys.argv[1])
loader = PackLoader(build, 2, seed=3)
batch = next(iter(loader))
for pack in batch:
    assert pack["input_ids"].dtype == "int32" and len(pack["input_ids"]) == pack["cu_seqlens"][-1] <= build.context
    assert len(pack["labels"]) == len(pack["input_ids"]) and (pack["labels"] != -100).any()
sizes = [picture.size for pack in batch for picture in pack["images"]]
assert sizes and min(map(min, sizes)) > 0
again = PackLoader(build, 2, seed=3)
again.load_state_dict(loader.state_dict())
assert [pack["sample_ids"] for pack in next(iter(again))] != [pack["sample_ids"] for pack in batch]
print(len(batch), len(sizes), curation.__file__)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walker:
    """A user with an environment and a folder of its own."""

    programs: Path
    folder: Path

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of the environment in the folder and return what it printed."""
        return run(self.folder, self.programs / program, *arguments)


def run(folder: Path, *command: str | Path) -> str:
    """Run a command that must succeed, without this process's own settings, and return what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CURATION"))}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def walker(tmp_path_factory: pytest.TempPathFactory) -> Walker:
    """Build the wheel through the sdist from a copy of the tree, and install it into an empty environment."""
    folder = tmp_path_factory.mktemp("walk")
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns(*NOT_COPIED))
    run(folder, sys.executable, "-m", "build", "--outdir", "dist", tree)
    (wheel,) = (folder / "dist").glob("*.whl")
    shutil.rmtree(tree)
    venv.create(folder / "venv", with_pip=True)
    walker = Walker(programs=folder / "venv" / "bin", folder=folder)
    install = ["install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    walker.run("python", "-m", "pip", *install, "-c", str(ROOT / "constraints.txt"), str(wheel))
    return walker


def test_a_new_user_walks_from_the_wheel_to_a_batch(walker: Walker) -> None:
    assert "curation verify" in walker.run("curation", "demo", "demo")

    counted = "select sum(tokens)::bigint as tokens from samples where selected and kind = 'cot'"
    changed = ("build", "demo/manifest.yaml", "-o", "less", "--set", "mixture.weights.cot.weight=2", "--json")
    assert json.loads(walker.run("curation", *changed))
    tokens = [
        json.loads(walker.run("curation", "sql", build, counted, "--format", "json"))[0]["tokens"]
        for build in ("demo/builds/demo", "less")
    ]
    assert 0 < tokens[1] < tokens[0] / 2

    compared = ("ablate", "demo/manifest.yaml", "--vary", "mixture.weights.cot.weight=2,6", "-o", "ablations", "--json")
    assert json.loads(walker.run("curation", *compared))
    assert len(list((walker.folder / "ablations").rglob("build.json"))) == 2

    (walker.folder / "batch.py").write_text(BATCH)
    packs, images, place = walker.run("python", "batch.py", "less").split()
    assert int(packs) == 2
    assert int(images) > 0
    assert Path(place).is_relative_to(walker.folder)
