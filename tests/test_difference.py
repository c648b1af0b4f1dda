"""What differs between two builds is told: settings, samples with their reasons, tokens, packs, bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation.build import build, plan
from curation.cli.main import main
from curation.difference import Change, Resized, _changes, compare, diff
from tests.cli.tiny_build import shard_rows, tables, write_build
from tests.corpora import write_corpus


def write_settings(folder: Path, **settings: Any) -> Path:
    """Write the tiny build with other settings."""
    written = write_build(folder)
    description = json.loads((written / "build.json").read_text())
    description["settings"] |= settings
    (written / "build.json").write_text(json.dumps(description))
    return written


def test_a_build_and_itself_do_not_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = (str(write_build(tmp_path / name)) for name in ("one", "two"))
    assert diff(one, two).is_same
    assert main(["diff", one, two]) == 0
    assert capsys.readouterr().out == "no difference\n"


def test_settings_are_compared_key_by_key_and_a_missing_branch_is_one_change() -> None:
    before = {"mixture": {"unit": "tokens", "weights": {"docs": 1, "text": 2}}, "video": {"fps": 1.0}}
    after = {"mixture": {"unit": "tokens", "weights": {"docs": 1}}, "sources": {"docs": {"uri": ["a"], "take": 3}}}
    assert list(_changes(before, after)) == [
        Change(key="mixture.weights.text", before=2, after=None),
        Change(key="video", before={"fps": 1.0}, after=None),
        Change(key="sources", before=None, after={"docs": {"uri": ["a"], "take": 3}}),
    ]


def test_filters_are_compared_by_name_and_their_order_counts() -> None:
    before = {"filters": [{"where": {"sql": "a"}}, {"cap": {"max": 3}}, {"where": {"sql": "b"}}]}
    after = {"filters": [{"cap": {"max": 4}}, {"where": {"sql": "a"}}, {"exact_duplicates": {}}]}
    assert list(_changes(before, after)) == [
        Change(key="filters.cap.max", before=3, after=4),
        Change(key="filters.where#2", before={"sql": "b"}, after=None),
        Change(key="filters.exact_duplicates", before=None, after={}),
        Change(key="filters (order)", before=["where", "cap"], after=["cap", "where"]),
    ]


def test_a_setting_alone_makes_builds_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = str(write_build(tmp_path / "one"))
    two = str(write_settings(tmp_path / "two", control_text="reference"))
    assert main(["diff", one, two]) == 1
    printed = capsys.readouterr()
    assert "control_text  plain   reference" in printed.out and not printed.err


def test_samples_out_and_in_are_told_with_what_the_other_says_of_them(tmp_path: Path) -> None:
    rows = tables(shard_rows())
    dropped, chosen = rows["samples"][1], rows["samples"][4]
    dropped.update(selected=False, repeats=0, dropped_by="mixture", drop_reason="not_needed", shard=None)
    chosen.update(selected=True, repeats=1, drop_reason=None, dropped_by=None)
    rows["samples"] = [row for row in rows["samples"] if row["kind"] != "video"]
    found = diff(write_build(tmp_path / "one"), write_build(tmp_path / "two", rows=rows))
    assert [(each.source, each.direction, each.reason, each.samples, each.examples) for each in found.moved] == [
        ("text", "in", "not_needed", 1, ("text/t.jsonl:2",)),
        ("text", "out", "not_needed", 1, ("text/t.jsonl:0",)),
        ("video", "out", "absent", 1, ("video/v.json:0",)),
    ]
    by_source = {each.source: each for each in found.sources}
    assert by_source["docs"].is_same and not by_source["text"].is_same
    assert (by_source["text"].tokens_before, by_source["text"].tokens_after) == (120, 9)
    assert (by_source["video"].samples_before, by_source["video"].samples_after) == (1, 0)


def test_other_tokens_and_other_content_of_common_samples_are_told_apart(tmp_path: Path) -> None:
    rows = tables(shard_rows())
    length = rows["samples"][0]["tokens"]
    rows["samples"][0]["tokens"] = length + 7
    rows["samples"][1]["answer_sha256"] = "0" * 64
    found = diff(write_build(tmp_path / "one"), write_build(tmp_path / "two", rows=rows))
    assert found.resized == (Resized(sample_id="docs/a.parquet:0", tokens_before=length, tokens_after=length + 7),)
    counts = {each.source: (each.repeated, each.resized, each.rewritten) for each in found.sources}
    assert counts == {"docs": (0, 1, 0), "text": (0, 0, 1), "video": (0, 0, 0)}


def test_another_order_of_the_same_samples_is_a_difference(tmp_path: Path) -> None:
    rows = tables(shard_rows())
    for row in rows["packs"]:
        row["pack"] = 1 - row["pack"]
    found = diff(write_build(tmp_path / "one"), write_build(tmp_path / "two", rows=rows))
    assert all(source.is_same for source in found.sources)
    assert found.places == 4 and not found.is_same


def test_other_bytes_in_a_shard_are_a_difference(tmp_path: Path) -> None:
    shard = shard_rows()
    shard[1]["labels"][-1] = shard[1]["input_ids"][-1]
    found = diff(write_build(tmp_path / "one"), write_build(tmp_path / "two", shard=shard))
    assert (found.shards, found.is_same) == (2, False)


def test_a_plan_is_the_same_as_its_build_and_another_prompt_changes_tokens(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path)
    made = build(manifest, workers=1)
    planned = plan(manifest, workers=1)
    assert diff(planned.folder, made.folder).is_same
    prompted = plan(manifest, workers=1, overrides=["prompts.system={cot: Think.}"])
    found = diff(made.folder, prompted.folder)
    assert [change.key for change in found.settings] == ["prompts.system.cot"]
    assert {each.source: each.resized for each in found.sources if each.resized} == {"problems": 200}
    assert diff(manifest, prompted.folder).settings == found.settings
    assert compare(made, made).is_same


def test_json_is_printed_and_an_error_is_on_stderr_with_the_same_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = str(write_build(tmp_path / "one"))
    two = str(write_settings(tmp_path / "two", seed=3))
    assert main(["diff", one, two, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["same"] is False and told["settings"] == [{"key": "seed", "before": None, "after": 3}]
    assert main(["diff", one, str(tmp_path / "nowhere")]) == 1
    printed = capsys.readouterr()
    assert "no such folder" in printed.err and not printed.out
