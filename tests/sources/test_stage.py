"""The pull stage of a source: what makes a new stage, what is found again, what stops it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation.engine import LocalEngine
from curation.errors import BuildError, ManifestError, SourceError
from curation.records import Address, Drop, Image, Location, Sample
from curation.sources.inputs import files_fingerprint, folder_fingerprint, revision
from curation.sources.stage import Pulled, Source, list_tasks, pull_source
from curation.workspace import Workspace
from tests.corpora import png, write_llava, write_problems
from tests.sources.written import NAME, sample, write_rows


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    """Give an engine of one worker to all tests."""
    engine = LocalEngine(workers=1)
    yield engine
    engine.close()


def _source(uri: Path, *, adapter: str = NAME, media: Path | None = None, **about: Any) -> Source:
    location = Location(uri=(str(uri),), media=str(media) if media else None, options=about.pop("options", {}))
    source = Source(name="s", adapter=adapter, location=location, kind=None, license=None, take=None, seed=1)
    return replace(source, **about)


def _pull(source: Source, folder: Path, engine: LocalEngine, *, max_unreadable: float = 1.0) -> Pulled:
    return pull_source(source, Workspace(root=folder / "ws"), engine, max_unreadable=max_unreadable)


def _ids(pulled: Pulled) -> list[str]:
    return [row for task in pulled.tasks for row in pq.read_table(pulled.rows_path(task))["sample_id"].to_pylist()]


def _llava(tmp_path: Path) -> Source:
    rows = write_llava(tmp_path / "data", num_rows=5)
    return _source(rows, adapter="llava", media=tmp_path / "data" / "images")


def test_a_source_that_was_pulled_is_found_and_not_read_again(tmp_path: Path, engine: LocalEngine) -> None:
    source = _llava(tmp_path)
    first = _pull(source, tmp_path, engine)
    stamps = {path: path.stat().st_mtime_ns for path in first.stage.folder.glob("0*")}
    again = _pull(source, tmp_path, engine)
    assert again == first and (again.rows_read, again.num_rows) == (5, (5,))
    assert stamps == {path: path.stat().st_mtime_ns for path in first.stage.folder.glob("0*")}


@pytest.mark.parametrize("ending", [".parquet", ".ledger.parquet", ".blob"])
def test_what_was_taken_out_of_the_workspace_is_made_again(tmp_path: Path, engine: LocalEngine, ending: str) -> None:
    source = _llava(tmp_path)
    file = _pull(source, tmp_path, engine).stage.folder / f"000000{ending}"
    before = file.read_bytes()
    file.unlink()
    _pull(source, tmp_path, engine)
    assert file.read_bytes() == before


def test_rows_that_changed_make_a_new_stage(tmp_path: Path, engine: LocalEngine) -> None:
    path = write_rows(tmp_path / "data" / "a.rows", [sample("a:0")])
    first = _pull(_source(path), tmp_path, engine)
    write_rows(path, [sample("a:1")])
    second = _pull(_source(path), tmp_path, engine)
    assert first.stage.folder != second.stage.folder
    assert (_ids(first), _ids(second)) == (["s/a:0"], ["s/a:1"])


def test_a_touched_file_makes_a_new_stage_with_the_same_rows(tmp_path: Path, engine: LocalEngine) -> None:
    path = write_rows(tmp_path / "data" / "a.rows", [sample("a:0")])
    first = _pull(_source(path), tmp_path, engine)
    os.utime(path, ns=(1, 1))
    second = _pull(_source(path), tmp_path, engine)
    assert first.stage.folder != second.stage.folder
    assert first.rows_path("000000").read_bytes() == second.rows_path("000000").read_bytes()
    assert first.revision == second.revision


@pytest.mark.parametrize("change", ["rewrite", "remove", "add"])
def test_media_that_changed_make_a_new_stage(tmp_path: Path, engine: LocalEngine, change: str) -> None:
    source = _llava(tmp_path)
    first = _pull(source, tmp_path, engine)
    victim = tmp_path / "data" / "images" / "3.png"
    if change == "rewrite":
        victim.write_bytes(png(77))
    elif change == "remove":
        victim.unlink()
    else:
        (tmp_path / "data" / "images" / "new.png").write_bytes(png(5))
    second = _pull(source, tmp_path, engine)
    assert first.stage.folder != second.stage.folder
    assert second.drops == ({"missing_media": 1} if change == "remove" else {})


def test_a_manifest_or_a_build_beside_the_data_changes_nothing(tmp_path: Path) -> None:
    """A changed weight must not pull again, and a build that is written must be able to resume."""
    write_llava(tmp_path, num_rows=2)
    before = folder_fingerprint(str(tmp_path))
    (tmp_path / "manifest.yaml").write_text("version: 1")
    for name, marker in (("done", "build.json"), ("begun", ".building.json")):
        (tmp_path / name / "shards").mkdir(parents=True)
        (tmp_path / name / marker).touch()
        (tmp_path / name / "shards" / "shard-00000.parquet").touch()
    assert folder_fingerprint(str(tmp_path)) == before
    (tmp_path / "images" / "2.png").touch()
    assert folder_fingerprint(str(tmp_path)) != before


def test_what_stands_beside_rows_of_text_makes_no_new_stage(tmp_path: Path, engine: LocalEngine) -> None:
    rows = write_problems(tmp_path / "data", num_rows=3)
    source = _source(rows, adapter="text", options={"prompt_field": "question", "answer_field": "answer"})
    first = _pull(source, tmp_path, engine)
    (tmp_path / "data" / "notes.html").touch()
    assert _pull(source, tmp_path, engine).stage.folder == first.stage.folder


def test_links_in_a_circle_are_walked_once(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "data" / name).symlink_to(tmp_path / "data", target_is_directory=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data" / "d").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    before = folder_fingerprint(str(tmp_path / "data"))
    (tmp_path / "elsewhere" / "x.png").write_bytes(png(1))
    assert folder_fingerprint(str(tmp_path / "data")) != before


def test_a_file_that_came_or_went_is_another_input(tmp_path: Path) -> None:
    path = tmp_path / "a"
    missing = files_fingerprint([str(path)])
    path.touch()
    there = files_fingerprint([str(path)])
    path.write_bytes(b"1")
    assert len({missing, there, files_fingerprint([str(path)])}) == 3
    assert revision([("b", 2), ("a", 1)]) == revision([("a", 1), ("b", 2)]) != revision([("a", 1), ("b", 3)])


@pytest.mark.parametrize(
    "change", [{"seed": 2}, {"kind": "document"}, {"license": "mit"}, {"name": "t"}, {"take": 1}, {"take": 0.5}]
)
def test_every_word_of_the_manifest_that_rows_depend_on_makes_a_new_stage(
    tmp_path: Path, engine: LocalEngine, change: dict[str, Any]
) -> None:
    source = _source(write_rows(tmp_path / "data" / "a.rows", [sample(f"a:{n}") for n in range(20)]))
    first = _pull(source, tmp_path, engine)
    assert _pull(replace(source, **change), tmp_path, engine).stage.folder != first.stage.folder


def test_tasks_of_any_number_have_the_same_rows(tmp_path: Path, engine: LocalEngine) -> None:
    path = write_problems(tmp_path / "data", num_rows=60)
    options = {"prompt_field": "question", "answer_field": "answer"}
    whole = _source(path, adapter="text", options=options)
    cut = replace(whole, location=replace(whole.location, task_bytes=1000))
    one, many = _pull(whole, tmp_path, engine), _pull(cut, tmp_path, engine)
    assert len(one.tasks) == 1 and len(many.tasks) > 3
    assert _ids(one) == _ids(many) and sum(many.num_rows) == 60 == many.rows_read


@pytest.mark.parametrize("num_tasks", [1, 3])
def test_take_as_a_number_takes_exactly_so_many_rows_over_all_tasks(
    tmp_path: Path, engine: LocalEngine, num_tasks: int
) -> None:
    for number in range(num_tasks):
        write_rows(tmp_path / "data" / f"{number}.rows", [sample(f"{number}:{n}") for n in range(40)])
    source = _source(tmp_path / "data")
    everything = set(_ids(_pull(source, tmp_path, engine)))
    small, large = (set(_ids(_pull(replace(source, take=take), tmp_path, engine))) for take in (7, 25))
    assert len(small) == 7 and len(large) == 25 and small < large < everything
    assert set(_ids(_pull(replace(source, take=1000), tmp_path, engine))) == everything


def test_take_counts_rows_that_can_not_be_read_too(tmp_path: Path, engine: LocalEngine) -> None:
    rows: list[Sample | Drop] = [
        sample(f"a:{n}") if n % 2 else Drop(row_key=f"a:{n}", reason="no_answer") for n in range(40)
    ]
    pulled = _pull(_source(write_rows(tmp_path / "data" / "a.rows", rows), take=10), tmp_path, engine)
    assert pulled.rows_read == 10 == sum(pulled.num_rows) + pulled.rows_unreadable


def test_the_guard_stops_a_source_and_names_the_reasons_by_their_number(tmp_path: Path, engine: LocalEngine) -> None:
    gone = Image(content=Address(path=str(tmp_path / "gone.png")))
    rows: list[Sample | Drop] = [
        sample("a:0"),
        Drop(row_key="a:1", reason="no_answer"),
        sample("a:2", gone),
        sample("a:3", gone),
    ]
    source = _source(write_rows(tmp_path / "data" / "a.rows", rows))
    with pytest.raises(BuildError, match=r"sources\.s: 3 of 4 rows are unreadable \(75\.0%\).*missing_media 2, no_ans"):
        _pull(source, tmp_path, engine, max_unreadable=0.7)
    pulled = _pull(source, tmp_path, engine, max_unreadable=0.75)
    assert pulled.drops == {"missing_media": 2, "no_answer": 1} and pulled.num_rows == (1,)


def test_a_source_that_yields_nothing_is_named(tmp_path: Path, engine: LocalEngine) -> None:
    with pytest.raises(SourceError, match=r"sources\.s: .*a\.rows yields no rows"):
        _pull(_source(write_rows(tmp_path / "data" / "a.rows", [])), tmp_path, engine)
    (tmp_path / "none").mkdir()
    with pytest.raises(SourceError, match=r"sources\.s: no file with the ending \.rows matches"):
        _pull(_source(tmp_path / "none"), tmp_path, engine)
    with pytest.raises(SourceError, match=r"sources\.s: '.*nowhere' does not exist"):
        _pull(_source(tmp_path / "nowhere"), tmp_path, engine)


def test_an_option_that_the_adapter_does_not_know_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "data" / "a.rows", [sample("a")])
    with pytest.raises(ManifestError, match="splitt"):
        list_tasks(_source(path, options={"splitt": "train"}))


def test_what_an_adapter_refuses_is_told_with_the_name_of_the_source(tmp_path: Path, engine: LocalEngine) -> None:
    path = write_problems(tmp_path / "data", num_rows=3)
    with pytest.raises(
        ManifestError, match=r"^sources\.s\.options: adapter 'text' has no option named 'fild'; did you"
    ):
        list_tasks(_source(path, adapter="text", options={"fild": "question"}))
    with pytest.raises(ManifestError, match=r"^sources\.s\.options: 'field' is 3; give a string"):
        list_tasks(_source(path, adapter="text", options={"field": 3}))
    (tmp_path / "data" / "table.csv").write_text("\n")
    with pytest.raises(SourceError, match=r"^sources\.s: '.*table\.csv' does not begin with a line of names"):
        _pull(_source(tmp_path / "data" / "table.csv", adapter="captions"), tmp_path, engine)


def test_an_adapter_that_fails_half_way_leaves_a_stage_that_goes_on(tmp_path: Path, engine: LocalEngine) -> None:
    for number in range(3):
        write_rows(tmp_path / "data" / f"{number}.rows", [sample(f"{number}:0")])
    whole = (tmp_path / "data" / "1.rows").read_bytes()
    (tmp_path / "data" / "1.rows").write_bytes(b"no pickle, but as long as one"[: len(whole)].ljust(len(whole)))
    stamp = (tmp_path / "data" / "1.rows").stat()
    with pytest.raises(Exception, match=r"pickle|load key"):
        _pull(_source(tmp_path / "data"), tmp_path, engine)
    (tmp_path / "data" / "1.rows").write_bytes(whole)
    os.utime(tmp_path / "data" / "1.rows", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert _ids(_pull(_source(tmp_path / "data"), tmp_path, engine)) == ["s/0:0", "s/1:0", "s/2:0"]
