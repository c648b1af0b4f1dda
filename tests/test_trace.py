"""What trace says a step saw is what the loader handed out."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from curation.build import build as build_manifest
from curation.builds import Build
from curation.cli.main import main
from curation.errors import BuildError
from curation.position import Position, position_after, read_position
from curation.trace import count_packs, trace
from curation.training import PackLoader
from tests.corpora import write_corpus

SEED = 11


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build a corpus of some tens of packs with several samples each."""
    manifest = write_corpus(tmp_path_factory.mktemp("corpus"))
    return build_manifest(manifest, workers=1, overrides=["packing.context=2048"])


def ids(packs: Any) -> list[list[str]]:
    return [[row["sample_id"] for row in pack.samples] for pack in packs]


@pytest.mark.parametrize(("batch_size", "world_size"), [(1, 1), (3, 2), (2, 3), (7, 1)])
def test_every_step_of_every_rank_is_what_the_loader_gave(build: Build, batch_size: int, world_size: int) -> None:
    """Two epochs and a half, so that short last batches and the turns of epochs are among the steps."""
    loaders = [PackLoader(build, batch_size, rank, world_size, SEED) for rank in range(world_size)]
    num_packs = count_packs(build)
    wanted = 5 * len(loaders[0]) // 2
    step = 0
    while step < wanted:
        for batches in zip(*loaders, strict=True):
            step += 1
            read = read_position(json.loads(json.dumps(loaders[0].state_dict())), build, num_packs=num_packs)
            counted = position_after(num_packs, step, seed=SEED, batch_size=batch_size, world_size=world_size)
            assert read == counted
            if step % 5 and loaders[0].epoch == (step - 1) // -(-(num_packs // world_size) // batch_size):
                continue  # every fifth step and the last of each epoch will do
            (traced,) = trace(build, read, batch_size=batch_size, world_size=world_size)
            assert ids(traced.packs) == [pack["sample_ids"] for batch in batches for pack in batch]
            (own,) = trace(build, read, batch_size=batch_size, world_size=world_size, rank=world_size - 1)
            assert own.packs == traced.packs[-len(batches[-1]) :]
    assert loaders[0].epoch >= 2


def test_the_last_steps_are_given_from_the_earliest_across_the_turn_of_an_epoch(build: Build) -> None:
    loader = PackLoader(build, 2, seed=SEED)
    given = [[pack["sample_ids"] for pack in batch] for _ in range(2) for batch in loader][: len(loader) + 2]
    reached = position_after(count_packs(build), len(given), seed=SEED, batch_size=2, world_size=1)
    traced = trace(build, reached, batch_size=2, last=4)
    assert [ids(step.packs) for step in traced] == given[-4:]
    assert [step.epoch for step in traced] == [0, 0, 1, 1]


def test_a_row_says_where_the_sample_came_from_and_where_it_lies(build: Build) -> None:
    (step,) = trace(build, Position(seed=SEED, epoch=0, position=1))
    (pack,) = step.packs
    for row in pack.samples:
        assert row["sample_id"] == f"{row['source']}/{row['row_key']}"
        assert build.read_row(int(row["shard"][-13:-8]), row["shard_row"])["sample_id"] == row["sample_id"]


def test_what_no_step_led_to_is_refused_with_the_reason(build: Build) -> None:
    beginning = Position(seed=SEED, epoch=0, position=0)
    with pytest.raises(BuildError, match="is the beginning of the run"):
        trace(build, beginning)
    with pytest.raises(BuildError, match="is the beginning of the run"):
        trace(build, Position(seed=SEED, epoch=0, position=4), batch_size=2, last=3)
    with pytest.raises(BuildError, match="1 packs are no step of 2 ranks"):
        trace(build, Position(seed=SEED, epoch=0, position=1), world_size=2)
    with pytest.raises(BuildError, match=r"packs can't feed 10000 ranks; give the --world-size"):
        position_after(count_packs(build), 3, seed=1, batch_size=1, world_size=10_000)
    with pytest.raises(BuildError, match="rank 2 of 2; ranks count from 0"):
        trace(build, Position(seed=SEED, epoch=0, position=4), world_size=2, rank=2)


def test_the_command_takes_a_state_a_file_stdin_or_a_step(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = PackLoader(build, 2, seed=SEED)
    batches = iter(loader)
    given = [pack["sample_ids"] for _ in range(3) for pack in next(batches)][-2:]
    state = json.dumps(loader.state_dict())
    (tmp_path / "state.json").write_text(state)
    monkeypatch.setattr("sys.stdin", io.StringIO(state))
    folder = str(build.folder)
    for where in ([state], [str(tmp_path / "state.json")], ["-"], ["--step", "3", "--seed", str(SEED)]):
        assert main(["trace", folder, *where, "--batch-size", "2", "--json"]) == 0
        (step,) = json.loads(capsys.readouterr().out)["steps"]
        assert [[row["sample_id"] for row in pack["samples"]] for pack in step["packs"]] == given
    assert main(["trace", folder, state, "--batch-size", "2"]) == 0
    told = capsys.readouterr().out
    assert "epoch 0, packs 4 to 5 of its order: 2 packs" in told
    assert all(name in told for names in given for name in names)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("nowhere.json", "nowhere.json: No such file or directory; give the JSON of PackLoader.state_dict()"),
        ("{not json", "the state: is no JSON"),
        ('{"seed": 1}', "the state has no build, epoch, position"),
        ('{"build": "ffff", "seed": 1, "epoch": 0, "position": 1}', "the state is of build ffff, this is"),
    ],
)
def test_what_is_no_state_of_this_build_is_one_line(
    build: Build, state: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", str(build.folder), state]) == 1
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1


def test_a_state_and_a_step_or_neither_is_wrong_usage(build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", str(build.folder)]) == 2
    assert main(["trace", str(build.folder), "{}", "--step", "3"]) == 2
    assert "say where the run stood" in capsys.readouterr().err
