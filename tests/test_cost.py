"""What a plan says a build and its training will cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.build import build, plan
from curation.builds import open_build
from curation.cli.main import main
from curation.cli.plan_tree import tree_labels
from curation.cost import estimate, rates_of, read_rates
from tests.corpora import write_corpus


def test_a_rate_is_what_the_tasks_of_the_last_run_did_over_the_stages_own_seconds() -> None:
    done = {"event": "task_done", "stage": "decode videos", "seconds": 9.0}
    ended = {"event": "stage_end", "outcome": "done", "seconds": 99.0}
    events = [
        {**done, "run": "a", "frames": 1000},
        {**ended, "run": "a", "stage": "decode videos", "own_seconds": 1.0},
        {**done, "run": "b", "frames": 30},
        {**done, "run": "b", "frames": 20},
        {**ended, "run": "b", "stage": "decode videos", "own_seconds": 2.0},
        {**done, "run": "b", "stage": "pull x", "bytes": 300},
        {**done, "run": "b", "stage": "pull y", "bytes": 100},
        {**ended, "run": "b", "stage": "pull x", "own_seconds": 1.0},
        {**ended, "run": "b", "stage": "pull y", "own_seconds": 3.0},
        {**ended, "run": "c", "stage": "decode videos", "own_seconds": 0.001},  # everything was there already
    ]
    rates = rates_of(events)
    assert {name: (rate.per_second, rate.unit, rate.run) for name, rate in rates.items()} == {
        "decode": (25.0, "frames", "b"),
        "pull": (100.0, "bytes", "b"),
    }


def test_a_workspace_without_runs_tells_no_time_and_a_line_cut_by_a_crash_is_passed_over(tmp_path: Path) -> None:
    assert read_rates(tmp_path / "events.jsonl") == {}
    whole = {"event": "task_done", "stage": "write shards", "run": "a", "rows": 10, "seconds": 1.0}
    end = {"event": "stage_end", "stage": "write shards", "run": "a", "own_seconds": 5.0}
    cut = '{"event": "task_done", "st'
    for after in ("", f"{json.dumps(end)}\n"):  # the next run goes on in the line that the crash cut
        (tmp_path / "events.jsonl").write_text(f"{json.dumps(whole)}\n{json.dumps(end)}\n{cut}{after}")
        assert read_rates(tmp_path / "events.jsonl")["write"].per_second == 2.0


def test_a_tree_is_drawn_with_every_group_before_what_it_holds() -> None:
    assert tree_labels(["text", "text/a", "text/b", "docs"]) == ["├─ text", "│  ├─ a", "│  └─ b", "└─ docs"]
    assert tree_labels(["a", "z", "z/y", "z/y/x"]) == ["├─ a", "└─ z", "   └─ y", "      └─ x"]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def test_a_build_gives_the_rates_by_which_the_next_plan_tells_time(manifest: Path) -> None:
    before = plan(manifest, workers=1)
    unknown = estimate(open_build(before.folder), read_rates(before.events))
    assert unknown.decode_seconds is None and unknown.write_seconds is None
    assert unknown.steps is None and unknown.gpu_hours is None
    made = build(manifest, workers=1)
    after = plan(manifest, workers=1)
    rates = read_rates(after.events)
    cost = estimate(open_build(after.folder), rates, batch_size=2, tokens_per_second=100.0)
    frames, tokens, packs = made.sql(
        "select (select sum(frames) from samples where selected), sum(length), max(pack) + 1 from packs"
    ).row(0)
    assert (cost.frames, cost.tokens, cost.packs) == (frames, tokens, packs)
    assert cost.steps == -(-packs // 2) and cost.gpu_hours == pytest.approx(tokens / 100 / 3600)
    assert cost.decode_seconds == pytest.approx(frames / rates["decode"].per_second)
    assert cost.write_seconds == pytest.approx(cost.rows / rates["write"].per_second)
    assert set(after.stages) == {"pictures", "pages", "problems", "clips"}


def test_the_command_prints_the_tree_the_cost_and_hashes_that_tell_what_changed(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = "mixture.weights={text: {weight: 3, of: {problems: natural}}, pictures: 1, pages: 1, clips: 0}"
    common = ["plan", str(manifest), "--workers", "1"]
    assert main([*common, "--set", weights]) == 0
    told = capsys.readouterr().out
    assert "├─ text " in told and "│  └─ problems" in told and "└─ clips" in told
    assert "--batch-size" in told and "--tokens-per-second" in told
    hashes = []
    for change in ([], ["--set", "video.max_frames=3"], ["--set", weights]):
        assert main([*common, *change, "--batch-size", "4", "--tokens-per-second", "1e3", "--json"]) == 0
        hashes.append(json.loads(capsys.readouterr().out))
    plain, video, weighted = hashes
    assert plain["cost"]["steps"] >= 1 and plain["cost"]["gpu_hours"] > 0
    assert len({each["fingerprint"] for each in hashes}) == 3
    assert plain["stages"] == weighted["stages"]
    assert [name for name in plain["stages"] if plain["stages"][name] != video["stages"][name]] == ["clips"]
