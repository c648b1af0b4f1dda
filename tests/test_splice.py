"""A build that goes on from another shows nothing that a run has seen, and says what is left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.build import build as build_manifest
from curation.build import plan
from curation.builds import Build, open_build
from curation.cli.main import main
from curation.errors import BuildError, MixtureError
from curation.position import Position
from curation.rebuild import rebuild
from curation.seen import read_seen
from curation.show import show
from curation.training import PackLoader
from curation.verify import verify
from tests.corpora import digests, write_corpus

OVERRIDES = ["packing.context=2048", "output.shard_size=30kB"]
WEIGHTS = "mixture.weights={{problems: 1, clips: {}, pictures: 0, pages: 0}}"
SEED = 3


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def first(manifest: Path) -> Build:
    """Build the corpus with half as many problems, so that some were not needed."""
    weights = "mixture.weights={pictures: 30, pages: 24, problems: 100, clips: 4}"
    return build_manifest(manifest, workers=1, overrides=[*OVERRIDES, weights, "mixture.budget=158"])


@pytest.fixture(scope="module")
def loader(first: Build) -> PackLoader:
    """Run a third of an epoch on two ranks; return the loader of one of them."""
    ranks = [PackLoader(first, 2, rank, 2, SEED) for rank in range(2)]
    for _, _ in zip(range(len(ranks[0]) // 3), zip(*ranks, strict=True), strict=False):
        pass
    return ranks[0]


def seen_by(first: Build, loader: PackLoader) -> set[str]:
    """Return the samples of the packs that the two ranks took."""
    position = loader.state_dict()["position"]
    whole = [pack for batch in PackLoader(first, 1, seed=SEED) for pack in batch]
    return {name for pack in whole[:position] for name in pack["sample_ids"]}


def position(loader: PackLoader) -> Position:
    state = loader.state_dict()
    return Position(seed=state["seed"], epoch=state["epoch"], position=state["position"])


def selected(made: Build) -> set[str]:
    return set(made.sql("select sample_id from samples where selected")["sample_id"])


def test_nothing_that_the_run_has_seen_comes_again_and_everything_else_is_left(
    manifest: Path, first: Build, loader: PackLoader, tmp_path: Path
) -> None:
    wanted = seen_by(first, loader)
    assert wanted and wanted < selected(first)
    seen = read_seen(first, position(loader))
    assert set(seen.samples["sample_id"]) == wanted
    made = build_manifest(manifest, output=tmp_path / "next", workers=1, overrides=OVERRIDES, seen=seen)
    everything = set(made.sql("select sample_id from samples")["sample_id"])
    assert selected(made) == everything - wanted
    rows = made.sql("from ledger where reason = 'already_seen'")
    assert set(rows["sample_id"]) == wanted and set(rows["stage"]) == {"mix"}
    assert (rows["evidence_sample_id"] == rows["sample_id"]).all()
    assert made.after["build"] == first.fingerprint and made.after["packs"] == loader.state_dict()["position"]
    assert [check.name for check in verify(made) if not check.is_passed] == []


def test_the_same_splice_gives_the_same_bytes_and_is_another_build_than_the_whole(
    manifest: Path, first: Build, loader: PackLoader, tmp_path: Path
) -> None:
    seen = read_seen(first, position(loader))
    one = build_manifest(manifest, output=tmp_path / "one", workers=1, overrides=OVERRIDES, seen=seen)
    space = tmp_path / "space"
    two = build_manifest(manifest, output=tmp_path / "two", workspace=space, workers=2, overrides=OVERRIDES, seen=seen)
    assert digests(one.folder) == digests(two.folder)
    with pytest.raises(BuildError, match="holds another build"):
        build_manifest(manifest, output=one.folder, workers=1, overrides=OVERRIDES)
    with pytest.raises(BuildError, match=r"goes on from build .* again with `curation splice`"):
        rebuild(one)


def test_a_source_under_another_name_is_known_by_what_it_says(
    manifest: Path, first: Build, loader: PackLoader, tmp_path: Path
) -> None:
    renamed = manifest.with_name("renamed.yaml")
    renamed.write_text(manifest.read_text().replace("problems:", "riddles:"))
    seen = read_seen(first, position(loader))
    made = open_build(plan(renamed, workers=1, overrides=OVERRIDES, seen=seen).folder)
    problems = {name.partition("/")[2] for name in seen_by(first, loader) if name.startswith("problems/")}
    rows = made.sql("from ledger where reason = 'already_seen' and source = 'riddles' order by sample_id")
    assert {name.partition("/")[2] for name in rows["sample_id"]} == problems
    assert set(rows["evidence_source"]) == {"problems"}
    assert not any(name.partition("/")[2] in problems for name in selected(made) if name.startswith("riddles/"))


def test_a_splice_of_a_splice_leaves_out_what_both_have_shown(
    manifest: Path, first: Build, loader: PackLoader, tmp_path: Path
) -> None:
    earlier = read_seen(first, position(loader))
    second = build_manifest(manifest, output=tmp_path / "second", workers=1, overrides=OVERRIDES, seen=earlier)
    later = read_seen(second, 3)
    shown = {name for pack in second.packs()[:3] for name in pack["sample_ids"]}
    assert set(later.samples["sample_id"]) == shown | seen_by(first, loader)
    third = open_build(plan(manifest, workers=1, overrides=OVERRIDES, seen=later).folder)
    assert not selected(third) & (shown | seen_by(first, loader))


def test_after_an_epoch_every_sample_is_seen_and_a_source_with_nothing_left_is_an_error(
    manifest: Path, first: Build
) -> None:
    seen = read_seen(first, Position(seed=SEED, epoch=1, position=2))
    assert set(seen.samples["sample_id"]) == selected(first)
    with pytest.raises(MixtureError, match="clips"):
        plan(manifest, workers=1, overrides=[*OVERRIDES, WEIGHTS.format(1)], seen=seen)
    left = plan(manifest, workers=1, overrides=[*OVERRIDES, WEIGHTS.format(0)], seen=seen)
    not_needed = first.sql("select sample_id from samples where drop_reason = 'not_needed'")
    assert selected(open_build(left.folder)) == set(not_needed["sample_id"])
    with pytest.raises(BuildError, match=r"packs seen of \d+; give at most"):
        read_seen(first, 10_000)


def test_the_table_accounts_for_every_sample_of_every_source(
    manifest: Path, first: Build, loader: PackLoader, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [word for each in OVERRIDES for word in ("--set", each)]
    common = ["splice", str(manifest), "--after", str(first.folder), "--workers", "1", *settings]
    state = json.dumps(loader.state_dict())
    assert main([*common, "--state", state, "-o", str(tmp_path / "a"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    wanted = seen_by(first, loader)
    for row in told["splice"]:
        assert row["samples"] == row["seen"] + row["dropped"] + row["left"]
        assert row["seen"] == sum(name.startswith(f"{row['source']}/") for name in wanted)
    step = loader.state_dict()["position"] // 4
    counted = ["--step", str(step), "--seed", str(SEED), "--batch-size", "2", "--world-size", "2"]
    assert main([*common, *counted, "--plan"]) == 0
    assert f"after {loader.state_dict()['position']} packs of {first.fingerprint[:12]}" in capsys.readouterr().out
    assert main([*common, "--packs", "0", "--plan", "--json"]) == 0
    assert sum(row["seen"] for row in json.loads(capsys.readouterr().out)["splice"]) == 0
    packs = first.sql("select max(pack) + 1 from packs").item()
    assert main([*common, "--packs", str(packs), "--plan", "--set", WEIGHTS.format(1)]) == 1
    assert f"{len(selected(first))} samples that the run had seen were left out" in capsys.readouterr().err
    assert main([*common, "--packs", "3", "--step", "4"]) == 2
    assert main(common) == 2


def test_a_splice_under_a_url_is_named_by_it(
    manifest: Path, first: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CURATION_CACHE", str(tmp_path / "cache"))
    url = f"memory://{tmp_path.name}/second"
    common = ["splice", str(manifest), "--after", str(first.folder), "--workers", "1", "--set", WEIGHTS.format(1)]
    assert main([*common, "--packs", "2", "-o", url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["folder"] == url
    with pytest.raises(BuildError, match=f"{url}: no pack 99"):
        show(open_build(url), "99")
    assert open_build(url).name == "second"
