"""The command line as a whole: help, exit codes, errors."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from curation.cli.main import VERBS, main

COMMANDS = {verb: import_module(f"curation.cli.{module}").command for verb, (module, _) in VERBS.items()}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "curation", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example_that_names_it(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    told = capsys.readouterr().out
    assert "Example" in told
    assert f"curation {verb}" in told.partition("Example")[2]


@pytest.mark.parametrize("verb", VERBS)
def test_the_list_of_verbs_says_what_each_verb_says_of_itself(verb: str) -> None:
    assert (COMMANDS[verb].help or "").splitlines()[0] == VERBS[verb][1]


def test_the_readme_has_a_row_for_every_verb() -> None:
    page = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
    table = page.partition("| verb | does |")[2].partition("\n\n")[0]
    heads = " ".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`([a-z]+)", heads)) == set(VERBS)


def test_help_lists_the_verbs_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from curation.cli.main import main; main(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(f"  {verb} " in done.stdout for verb in VERBS)
    for heavy in ("duckdb", "polars", "pyarrow", "numpy", "PIL", "datasets", "av", "torch", "rich", "pydantic", "yaml"):
        assert f"'{heavy}'" not in done.stderr


@pytest.mark.parametrize("verb", ["sql", "stats", "show", "verify"])
def test_a_known_error_is_one_line_on_stderr_and_exit_code_1(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "no/such/build", *(["0"] if verb == "show" else [])]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert (
        told.err
        == "error: no/such/build: no such folder; `curation build MANIFEST -o no/such/build` makes a build there\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stat", "x"], "no verb named 'stat'; did you mean 'stats'?"),
        (["sql"], "Missing argument 'BUILD'"),
        (["sql", "x", "select 1", "--format", "xml"], "'xml' is not one of"),
        (["build", "x.yaml", "--workers", "0"], "'--workers'"),
        (["--no-such-option"], "No such option"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_bug_is_exit_code_3_with_a_log_that_holds_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def divide(**options: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(COMMANDS["version"], "callback", divide)
    assert main(["version"]) == 3
    told = capsys.readouterr().err
    (log,) = tmp_path.glob("curation-bug-*.log")
    assert told == f"bug: ZeroDivisionError: division by zero; please report it with the log {log}\n"
    assert 'raise ZeroDivisionError("division by zero")' in log.read_text()
    assert "curation version\n" in log.read_text()


def test_a_full_disk_is_a_known_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def write(**options: object) -> None:
        Path("/dev/full").write_text("x")

    monkeypatch.setattr(COMMANDS["version"], "callback", write)
    assert main(["version"]) == 1
    message = "error: input or output: No space left on device; free some space and run the same command again\n"
    assert capsys.readouterr().err == message


def test_a_file_where_a_folder_is_to_be_made_is_a_known_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["demo", str(tmp_path / "file" / "demo")]) == 1
    assert "a file stands where a folder is to be made; choose another place\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "line"),
    [("build", "interrupted; the same command resumes where it stopped\n"), ("check", "interrupted\n")],
)
def test_an_interruption_is_exit_code_130_and_says_whether_the_command_resumes(
    verb: str, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(**options: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        raise click.ClickException("unreachable: the signal comes first")

    monkeypatch.setattr(COMMANDS[verb], "callback", interrupt)
    assert main([verb, "manifest.yaml"]) == 130
    assert capsys.readouterr().err.lstrip("\n") == line


def test_python_dash_m_curation_is_the_command() -> None:
    done = run("version", "--json")
    assert done.returncode == 0
    assert '"curation": "' in done.stdout


def test_a_closed_pipe_is_no_bug() -> None:
    command = f"{sys.executable} -m curation schema | head -c 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout == "{0\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "build", "--to", "mds", "-o", "s3://bucket/x"],
        ["report", "build", "-o", "s3://bucket/x.html"],
        ["ablate", "manifest.yaml", "--vary", "seed=1,2", "-o", "s3://bucket/x"],
        ["demo", "s3://bucket/x"],
    ],
)
def test_a_url_where_only_a_local_path_will_do_is_refused(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert "is a URL; give a path of this machine" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
