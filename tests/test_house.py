"""How the house stands: packages, links, data files, imports without links and without torch."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("filters", "manifests", "mixtures", "sources")


@pytest.fixture(scope="module")
def setuptools() -> dict[str, Any]:
    """Return the table `tool.setuptools` of pyproject.toml."""
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"])


def _packages() -> dict[str, Path]:
    """Find the packages of the tree: every folder with Python files under curation/ and the rooms beside it."""
    found: dict[str, Path] = {}
    for top in ("curation", *ROOMS):
        for parent, folders, names in os.walk(ROOT / top):
            folders[:] = [name for name in folders if name != "__pycache__" and not (Path(parent) / name).is_symlink()]
            if any(name.endswith(".py") for name in names):
                name = ".".join(Path(parent).relative_to(ROOT).parts)
                found[name if top == "curation" else f"curation.{name}"] = Path(parent)
    return found


def test_every_package_of_the_tree_is_installed(setuptools: dict[str, Any]) -> None:
    assert sorted(setuptools["packages"]) == sorted(_packages())


def test_every_package_is_one(setuptools: dict[str, Any]) -> None:
    assert [name for name, folder in _packages().items() if not (folder / "__init__.py").is_file()] == []


def test_a_package_is_installed_from_where_it_stands(setuptools: dict[str, Any]) -> None:
    places = setuptools["package-dir"]
    for name, folder in _packages().items():
        above = next(part for part in _with_parents(name) if part in places)
        rest = name.removeprefix(above).lstrip(".").replace(".", "/")
        assert (ROOT / places[above] / rest).resolve() == folder, name


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]


def test_every_file_that_is_no_code_is_installed_with_its_package(setuptools: dict[str, Any]) -> None:
    for name, folder in _packages().items():
        wanted = {path for path in folder.iterdir() if path.is_file() and path.suffix not in (".py", ".pyc")}
        patterns = setuptools["package-data"].get(name, [])
        assert wanted <= {path for pattern in patterns for path in folder.glob(pattern)}, name


def test_data_of_packages_is_there(setuptools: dict[str, Any]) -> None:
    packages = _packages()
    for name, patterns in setuptools["package-data"].items():
        for pattern in patterns:
            assert any(packages[name].glob(pattern)), f"{name}: {pattern}"


def test_the_links_point_at_the_rooms() -> None:
    links = {path.name: str(path.readlink()) for path in (ROOT / "curation").iterdir() if path.is_symlink()}
    assert links == {room: f"../{room}" for room in ROOMS}


def _run(script: str, folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def unlinked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the checkout as a file system without links would hold it."""
    folder = tmp_path_factory.mktemp("checkout")
    for top in ("curation", *ROOMS):
        shutil.copytree(ROOT / top, folder / top, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for room in ROOMS:
        (folder / "curation" / room).unlink()
    return folder


def test_a_checkout_without_links_runs(unlinked: Path) -> None:
    script = (
        "import curation, curation.build, curation.decisions, curation.output, curation.sources, sys\n"
        "from curation.child import Child\n"
        "child = Child()\n"
        "print(curation.sources.__file__)\n"
        "print(child.call('curation.fingerprint:fingerprint', 1))\n"
        "child.close()"
    )
    place, digest = _run(script, unlinked).splitlines()
    assert Path(place) == unlinked / "sources" / "__init__.py"
    assert len(digest) == 64


def test_a_file_in_place_of_a_link_is_no_package(unlinked: Path) -> None:
    """Git on a system without links writes a small text file where the link was."""
    (unlinked / "curation" / "sources").write_text("../sources")
    try:
        assert Path(_run("import curation.sources as s; print(s.__file__)", unlinked)).parent == unlinked / "sources"
    finally:
        (unlinked / "curation" / "sources").unlink()


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("curation", ("torch", "pyarrow", "polars", "duckdb", "PIL", "numpy", "datasets")),
        ("curation.cli.main", ("torch", "polars", "duckdb", "datasets", "av", "transformers")),
        ("curation.build", ("torch", "datasets", "av", "transformers", "decord")),
        ("curation.decisions", ("torch", "datasets", "av", "transformers", "decord")),
        ("curation.sources", ("torch", "datasets", "av", "polars", "duckdb")),
    ],
)
def test_an_import_pulls_in_nothing_heavy(module: str, unwanted: tuple[str, ...]) -> None:
    loaded = set(_run(f"import sys, {module}; print(*sys.modules)", ROOT).split())
    assert loaded.isdisjoint(unwanted), sorted(loaded.intersection(unwanted))


@pytest.mark.parametrize("before", ["", "from curation.build import Plan", "import curation.build", "curation.plan"])
def test_the_public_functions_are_functions_whatever_was_imported_before(before: str) -> None:
    """`curation.build` is a function of the package and a module below it."""
    ask = (
        "print(*(type(getattr(curation, name)).__name__ for name in ('build', 'plan', 'open_build', 'load_manifest')))"
    )
    assert _run(f"import curation\n{before}\n{ask}\n{ask}", ROOT).split() == ["function"] * 8


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    import curation

    with pytest.raises(AttributeError, match="no attribute 'biuld'"):
        _ = curation.biuld


def _imported() -> dict[str, Path]:
    """Find each module of the first level that a file of the packages imports, with one file that does."""
    found: dict[str, Path] = {}
    for folder in _packages().values():
        for path in folder.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0]: path for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found[node.module.partition(".")[0]] = path
    return found


def test_every_library_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [each for name, extra in project["optional-dependencies"].items() if name != "dev" for each in extra]
    declared = {re.split(r"[^\w-]", each)[0].lower() for each in (*project["dependencies"], *extras)}
    of_modules = metadata.packages_distributions()
    missing = {
        module: path.name
        for module, path in _imported().items()
        if module != "curation"
        and module not in sys.stdlib_module_names
        and not {name.lower() for name in of_modules.get(module, [module])} & declared
    }
    assert missing == {}
