"""The page `docs/own-dataset.md`: its code is taken from it and run, as a module and as an installed package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.sources.layouts import image_bytes, write

PAGE = Path(__file__).resolve().parents[1] / "docs" / "own-dataset.md"


def blocks() -> dict[str, str]:
    """Return the page's code by its language: python, yaml, toml, sh, and the card itself under an empty name."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(dict(found)) == len(found), "one block of each language"
    return dict(found)


def write_page(folder: Path) -> None:
    """Write the files of the page, some cards with pictures, and two cards that are no samples."""
    code = blocks()
    write(folder / "quiz" / "cards.py", code["python"].encode())
    write(folder / "quiz.yaml", code["yaml"].encode())
    write(folder / "pyproject.toml", code["toml"].encode())
    for number in range(6):
        write(folder / "birds" / f"{number:04d}.card", code[""].replace("kingfisher", f"bird of {number}").encode())
        if number != 4:
            write(folder / "birds" / f"{number:04d}.png", image_bytes(form="PNG") + bytes([number]))
    write(folder / "birds" / "0005.card", b"Q: Which bird is this?\n")


def run(folder: Path, *words: str, python: Path | str = sys.executable, path: str = "") -> str:
    """Run `curation WORDS` in a folder; return what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"PYTHONPATH": path} if path else {}
    command = [str(python), "-m", "curation", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_build(folder: Path) -> None:
    """Check that of six cards four are samples and two are rows of the ledger."""
    import curation

    build = curation.open_build(folder / "build")
    assert build.sql("select row_key, kind from samples order by all").rows() == [
        (f"{number:04d}.card:0", "image") for number in range(4)
    ]
    assert build.sql("select sample_id, reason from ledger order by all").rows() == [
        ("birds/0004.card:0", "missing_media"),
        ("birds/0005.card:0", "no_question_or_answer"),
    ]
    assert build.sql("select license from sources").rows() == [("CC BY 4.0",)]


def test_the_adapter_has_thirty_lines_of_code() -> None:
    lines = [line for line in blocks()["python"].splitlines() if line.strip()]
    assert len(lines) <= 30


def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    write_page(tmp_path)
    commands = [line.split() for line in blocks()["sh"].splitlines()]
    assert commands[0] == ["export", "PYTHONPATH=."]
    told = [run(tmp_path, *command[1:], path=".") for command in commands[1:]]
    assert "user: [image 0000.png" in told[0] and "Which bird is this?" in told[0]
    check_build(tmp_path)


def write_wheel(folder: Path) -> Path:
    """Pack what the page's pyproject.toml names as a wheel: setuptools does the same, but is not always there."""
    about = tomllib.loads((folder / "pyproject.toml").read_text())
    name, version = about["project"]["name"].replace("-", "_"), about["project"]["version"]
    points = [f"[{group}]\n{key} = {place}\n" for group, (key, place) in _points(about["project"]["entry-points"])]
    folder_name = f"{name}-{version}.dist-info"
    members = {
        f"{folder_name}/METADATA": f"Metadata-Version: 2.1\nName: {about['project']['name']}\nVersion: {version}\n",
        f"{folder_name}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{folder_name}/entry_points.txt": "\n".join(points),
    }
    for package in about["tool"]["setuptools"]["packages"]:
        members |= {f"{package}/{path.name}": path.read_text() for path in (folder / package).glob("*.py")}
    record = f"{folder_name}/RECORD"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, text in members.items():
            archive.writestr(member, text)
        archive.writestr(record, "".join(f"{member},,\n" for member in (*members, record)))
    return wheel


def _points(groups: dict[str, dict[str, str]]) -> list[tuple[str, tuple[str, str]]]:
    return [(group, point) for group, points in groups.items() for point in points.items()]


@pytest.mark.slow
def test_an_installed_package_registers_its_adapter(tmp_path: Path) -> None:
    write_page(tmp_path)
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True, timeout=120)
    (packages,) = venv.glob("lib/*/site-packages")
    here = sysconfig.get_path("purelib")
    write(packages / "here.pth", f"import site; site.addsitedir({here!r})\n".encode())
    python = venv / "bin" / "python"
    install = ["install", "--quiet", "--no-index", "--no-deps", str(write_wheel(tmp_path))]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *install], check=True, timeout=300)
    write(tmp_path / "elsewhere" / "quiz.yaml", blocks()["yaml"].replace('"quiz:cards"', "quiz_cards").encode())
    (tmp_path / "birds").rename(tmp_path / "elsewhere" / "birds")
    assert "Quiz cards with a picture" in run(tmp_path / "elsewhere", "sources", "quiz_cards", python=python)
    run(tmp_path / "elsewhere", "build", "quiz.yaml", python=python)
    check_build(tmp_path / "elsewhere")
