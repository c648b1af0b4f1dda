"""Finding files, and finding adapters."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import ManifestError, SourceError
from curation.records import Location
from curation.sources import ADAPTERS, load_adapter
from curation.sources.files import list_files, natural_key, source_root
from tests.sources.layouts import location, read_all, reasons, write, write_lines


def _keys(*uris: Path | str, suffixes: tuple[str, ...] = ()) -> list[str]:
    return [file.key for file in list_files([str(uri) for uri in uris], suffixes=suffixes)]


def test_folders_globs_files_and_lists_give_keys_relative_to_their_root(tmp_path: Path) -> None:
    for name in ("s/x-2.jsonl", "s/x-10.jsonl", "t/x-1.JSONL", "s/.hidden.jsonl", "s/.git/x.jsonl", "s/readme.md"):
        write(tmp_path / name, b"{}")
    assert _keys(tmp_path, suffixes=(".jsonl",)) == ["s/x-2.jsonl", "s/x-10.jsonl", "t/x-1.JSONL"]
    assert _keys(tmp_path / "s" / "x-*.jsonl") == ["x-2.jsonl", "x-10.jsonl"]
    assert _keys(tmp_path / "**" / "*.md") == ["s/readme.md"]
    assert _keys(tmp_path / "s" / "readme.md", suffixes=(".jsonl",)) == ["readme.md"]  # named itself: taken as it is
    assert _keys(tmp_path / "s" / "x-2.jsonl", tmp_path / "t") == ["s/x-2.jsonl", "t/x-1.JSONL"]
    assert _keys(tmp_path / "s" / "x-2.jsonl", tmp_path / "s" / "x-*") == ["x-2.jsonl", "x-10.jsonl"]  # each once


def test_a_file_whose_name_looks_like_a_glob_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "GeoQA+[MathV360K].json", b"[]")
    assert _keys(path) == ["GeoQA+[MathV360K].json"]


@given(st.lists(st.text(st.sampled_from("a1-20/"), min_size=1, max_size=8), unique=True))
def test_natural_order_is_total(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)
    assert sorted(["f10", "f2", "f1"], key=natural_key) == ["f1", "f2", "f10"]


def test_files_behind_any_fsspec_url_are_read(tmp_path: Path) -> None:
    folder = f"memory://{uuid.uuid4().hex}"
    with fsspec.open(f"{folder}/sub/a.jsonl", "wb") as file:
        file.write(b'{"text": "x"}\n' * 100)
    for uri in (folder, f"{folder}/*/*.jsonl", f"{folder}/sub/a.jsonl"):
        assert reasons(read_all("text", location(uri))) == ["ok"] * 100
    assert source_root([f"{folder}/*/*.jsonl"]) == folder
    split = Location(uri=(folder,), task_bytes=200)
    assert len(load_adapter("text").tasks(split)) > 3
    assert read_all("text", split) == read_all("text", location(folder))
    with pytest.raises(SourceError, match="nothing"):
        read_all("text", location(f"{folder}/nothing"))


def test_a_file_inside_a_zip_is_read_by_a_chained_url(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("data/a.jsonl", b'{"text": "x"}\n')
    rows = read_all("text", location(f"zip://data/*.jsonl::{tmp_path}/a.zip"))
    assert [row.row_key for row in rows] == ["a.jsonl:0"]


def test_a_protocol_that_is_not_there_is_an_error_that_names_it() -> None:
    with pytest.raises(SourceError, match="nosuch://x"):
        list_files(["nosuch://x/a.jsonl"])


def test_a_folder_that_can_not_be_listed_is_an_error(tmp_path: Path) -> None:
    import os

    if os.geteuid() == 0:
        pytest.skip("root may list every folder")
    write(tmp_path / "locked" / "a.jsonl", b"{}")
    (tmp_path / "locked").chmod(0)
    try:
        with pytest.raises(SourceError, match="locked"):
            list_files([str(tmp_path)])
    finally:
        (tmp_path / "locked").chmod(0o700)


def test_an_adapter_is_found_by_its_name_or_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {load_adapter(name).CARD.name for name in ADAPTERS} == set(ADAPTERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    write(
        tmp_path / "my_adapters.py",
        b"from curation.sources import text as poems\n\nclass Half:\n    CARD = poems.CARD\n",
    )
    adapter = load_adapter("my_adapters:poems")
    path = write_lines(tmp_path / "a.jsonl", [{"text": "x"}])
    assert len(list(adapter.samples(adapter.tasks(location(path))[0]))) == 1
    with pytest.raises(ManifestError, match="lacks tasks, samples"):
        load_adapter("my_adapters:Half")
    with pytest.raises(ManifestError, match="no 'poem'; did you mean 'poems'"):
        load_adapter("my_adapters:poem")
    sys.modules.pop("my_adapters")


def test_an_installed_package_registers_an_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "poems-1.dist-info" / "METADATA", b"Metadata-Version: 2.1\nName: poems\nVersion: 1\n")
    write(tmp_path / "poems-1.dist-info" / "entry_points.txt", b"[curation.sources]\npoems = curation.sources.text\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load_adapter("poems").CARD.name == "text"


def test_an_unknown_adapter_is_refused_with_the_nearest() -> None:
    with pytest.raises(ManifestError, match="no adapter named 'lava'; did you mean 'llava'"):
        load_adapter("lava")
    with pytest.raises(ManifestError, match="can't import no_such_package"):
        load_adapter("no_such_package:adapter")
