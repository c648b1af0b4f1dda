"""`build`, `plan`, `check`, `peek`: the verbs that read a manifest."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from curation.builds import open_build
from curation.cli.main import main
from tests.corpora import write_corpus, write_llava


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_corpus(tmp_path_factory.mktemp("corpus")))


@pytest.fixture(scope="module")
def built(manifest: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "build"
    assert main(["build", manifest, "-o", str(folder), "--workers", "2"]) == 0
    return folder


def test_build_prints_the_mixture_and_where_it_stands(
    manifest: str, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", manifest, "-o", str(built)]) == 0
    told = capsys.readouterr()
    assert "Mixture: asked for and realised" in told.out
    assert told.out.splitlines()[-1] == f"built {built} ({open_build(built).fingerprint[:12]})"
    assert "tasks" in told.err


def test_a_shard_that_is_cut_short_is_an_error_with_its_path(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(built, broken)
    for shard in (broken / "shards").iterdir():
        shard.write_bytes(shard.read_bytes()[:-10])
    part = ("subset", str(broken), "--fraction", "1/2", "--standalone", "-o", str(tmp_path / "part"))
    for verb in (("show", str(broken), "0"), part):
        assert main(list(verb)) == 1
        told = capsys.readouterr().err
        assert f"error: {broken}/shards/shard-0000" in told
        assert f"`curation verify {broken}` says what else is broken" in told


def test_a_real_build_passes_every_check_and_shows_each_pack(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(built)]) == 0
    packs = open_build(built).sql("select count(distinct pack) from packs").item()
    for pack in {0, packs // 2, packs - 1}:
        assert main(["show", str(built), str(pack)]) == 0
    assert "Assistant:«" in capsys.readouterr().out


def test_building_again_from_the_manifest_of_a_build_gives_the_same_bytes(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(built), "--rebuild", "--workers", "2"]) == 0
    assert "ok      building again gives the same bytes" in capsys.readouterr().out


def test_build_json_has_folder_fingerprint_and_tables(
    manifest: str, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", manifest, "-o", str(built), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == str(built)
    assert told["packs"][0]["packs"] > 0


def test_a_plan_says_the_same_of_the_mixture_as_the_build_and_writes_no_output(
    manifest: str, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", manifest, "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert main(["stats", str(built), "--json"]) == 0
    stats = json.loads(capsys.readouterr().out)
    for table in ("mixture", "kinds", "sources", "packs"):
        assert planned[table] == stats[table]
    assert planned["size"][0]["is_estimate"]
    assert 0.25 < planned["size"][0]["shard_bytes"] / stats["size"][0]["shard_bytes"] < 4


def test_set_changes_the_manifest(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", manifest, "--set", "packing.context=4096", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["packs"][0]["context"] == 4096
    assert main(["plan", manifest, "--set", "packing.contxt=4096"]) == 1
    assert "--set packing.contxt" in capsys.readouterr().err


def test_a_good_manifest_has_no_problem(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", manifest]) == 0
    assert "no problem found" in capsys.readouterr().out


def test_a_missing_file_is_a_problem_that_check_names(
    manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = tmp_path / "manifest.yaml"
    changed.write_text(f"extends: {manifest}\nsources: {{lost: {{adapter: text, uri: lost/*.jsonl}}}}\n")
    assert main(["check", str(changed)]) == 1
    told = capsys.readouterr()
    assert "lost" in told.out + told.err


def test_a_wrong_media_root_is_a_note_of_check_and_a_warning_of_the_build(
    manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_llava(tmp_path, num_rows=3)
    changed = tmp_path / "manifest.yaml"
    lost = f"{{adapter: llava, uri: rows.json, media: {tmp_path}}}"
    changed.write_text(f"extends: {manifest}\nsources: {{lost: {lost}}}\nmixture: {{weights: {{lost: natural}}}}\n")
    assert main(["check", str(changed)]) == 0
    told = capsys.readouterr().out
    assert "note: sources.lost: its first row is dropped: missing_media (0.png); media are looked for in" in told
    assert main(["plan", str(changed), "--workspace", str(tmp_path / "work")]) == 0
    assert "warning: sources.lost: none of its 3 rows is left: missing_media 3\n" in capsys.readouterr().err
    weighed = [f"--set=mixture.weights.{name}=1" for name in [*_sources(manifest), "lost"]]
    assert main(["plan", str(changed), "--workspace", str(tmp_path / "work"), *weighed]) == 1
    told = capsys.readouterr().err
    assert "'lost' has a weight but no samples left" in told
    assert told.endswith("(lost: missing_media 3)\n")


def test_a_file_that_a_filter_lacks_stops_before_anything_is_pulled(
    manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = tmp_path / "manifest.yaml"
    changed.write_text(f"extends: {manifest}\nfilters: [contamination: {{against: [nosuch.jsonl]}}]\n")
    assert main(["check", str(changed)]) == 1
    assert "nosuch.jsonl" in capsys.readouterr().out
    assert main(["plan", str(changed), "--workspace", str(tmp_path / "work")]) == 1
    told = capsys.readouterr().err
    assert "no file of rows or images matches" in told
    assert "pull" not in told


def test_peek_shows_the_first_samples(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    source = _sources(manifest)[0]
    assert main(["peek", manifest, source, "-n", "2", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 2
    assert rows[0]["turns"]
    assert main(["peek", manifest, "nosuch"]) == 1


def _sources(manifest: str) -> list[str]:
    import yaml

    return list(yaml.safe_load(Path(manifest).read_text())["sources"])


def test_an_interrupted_build_says_that_it_resumes_and_does(manifest: str, built: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "curation", "build", manifest, "-o", str(tmp_path / "b"), "--workers", "2"]
    command += ["--workspace", str(tmp_path / "ws")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.readline()  # the first stage is done
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
        assert process.wait(timeout=30) == 130
    assert told.splitlines()[-1] == "interrupted; the same command resumes where it stopped"
    assert "Traceback" not in told
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert open_build(tmp_path / "b").files == open_build(built).files
