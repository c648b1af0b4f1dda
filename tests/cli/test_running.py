"""Where the work of a verb runs and what is told about it: engines, memory, events, profiles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.cli.main import main
from curation.cli.manifest_options import ENGINES
from curation.engine import OPTIONS
from tests.corpora import write_problems


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("corpus")
    write_problems(folder / "problems")
    path = folder / "manifest.yaml"
    path.write_text(
        "version: 1\nname: small\nprofile: smolvlm2-256m\ntokenizer: bytes\n"
        "sources:\n  problems:\n    adapter: text\n    uri: problems/train.jsonl\n    kind: cot\n"
        "    options: {prompt_field: question, answer_field: answer}\n"
        "mixture: {unit: samples, weights: {problems: natural}}\noutput: {path: build}\n"
    )
    return str(path)


def test_a_build_tells_where_its_time_went_and_where_its_profile_is(
    manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--workspace", str(tmp_path / "ws"), "--events", str(tmp_path / "told.jsonl"), "--profile"]
    assert main(["build", manifest, *arguments, "--memory", "500MB", "--workers", "1"]) == 0
    told = capsys.readouterr().err
    table = told[told.index("stage ") :].splitlines()
    assert [line.split()[0] for line in table[1:7]] == ["prepare", "pull", "encode", "filter", "mix", "index"]
    assert "in all" in told and "profile: " in told
    assert Path(told.rpartition("profile: ")[2].strip()).read_text().startswith("stage")
    events = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    assert {"pull problems", "encode problems", "write shards"} == {
        each["stage"] for each in events if each["event"] == "task_done"
    }
    assert not (tmp_path / "ws" / "events.jsonl").exists()
    written = next(each for each in events if each.get("stage") == "write shards" and "task" in each)
    assert written["rows"] == 200 and "bytes" not in written


def test_a_plan_tells_it_too_and_events_are_in_the_workspace(
    manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-v", "plan", manifest, "--workspace", str(tmp_path)]) == 0
    assert "in all" in capsys.readouterr().err
    assert json.loads((tmp_path / "events.jsonl").read_text().splitlines()[-1])["event"] == "run_end"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine", "slrum"], "no engine named 'slrum'; did you mean 'slurm'?"),
        (["--engine", "slurm"], "engine slurm: no partition; add --engine-option partition=NAME"),
        (["--engine", "ray", "--engine-option", "adress=x:1"], "no option named 'adress'; did you mean 'address'?"),
        (["--engine", "ray", "--engine-option", "address"], "'address' has no value; write NAME=VALUE"),
        (["--memory", "lots"], "'lots' is no size; write 1GB or 1500MiB"),
        (["--workers", "0"], "Invalid value for '--workers'"),
    ],
)
def test_what_an_engine_can_not_take_is_wrong_usage(
    arguments: list[str], message: str, manifest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in (["build"], ["plan"], ["ablate", "--vary", "seed=1,2"]):
        assert main([*verb, manifest, *arguments]) == 2
        assert message in capsys.readouterr().err


def test_help_names_the_engines_that_there_are() -> None:
    assert set(ENGINES) == set(OPTIONS)
