"""The whole way once: a manifest becomes shards, the same bytes whatever happens on the way."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curation.build import build, plan
from curation.builds import open_build
from curation.errors import BuildError, CurationError, MixtureError, SourceError
from curation.records import Address, Drop, Image, Sample
from curation.verify import verify
from tests.corpora import digests, png, write_corpus, write_llava, write_problems
from tests.sources.written import sample, write_rows


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the corpus once; tests build it into folders of their own."""
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def reference(corpus: Path) -> dict[str, str]:
    """Build undisturbed, with two workers and a fresh workspace."""
    return digests(build(corpus, workspace=corpus.parent / "ws-reference", workers=2).folder)


def test_a_build_passes_its_own_verification(corpus: Path, reference: dict[str, str]) -> None:
    assert "build.json" in reference
    report = verify(open_build(corpus.parent / "build"))
    assert all(check.is_passed for check in report), [check for check in report if not check.is_passed]


def test_one_worker_and_a_fresh_workspace_give_the_same_bytes(
    corpus: Path, reference: dict[str, str], tmp_path: Path
) -> None:
    made = build(corpus, output=tmp_path / "one", workspace=tmp_path / "ws", workers=1)
    assert digests(made.folder) == reference


def test_building_again_into_the_same_folder_changes_nothing(corpus: Path, reference: dict[str, str]) -> None:
    made = build(corpus, workspace=corpus.parent / "ws-reference", workers=1)
    assert digests(made.folder) == reference


def test_a_folder_with_another_build_is_refused_and_can_be_replaced(
    corpus: Path, reference: dict[str, str], tmp_path: Path
) -> None:
    workspace = corpus.parent / "ws-reference"
    build(corpus, output=tmp_path / "b", workspace=workspace, overrides=["mixture.budget=20"])
    with pytest.raises(BuildError, match=r"holds another build .* --replace"):
        build(corpus, output=tmp_path / "b", workspace=workspace)
    made = build(corpus, output=tmp_path / "b", workspace=workspace, replace=True)
    assert digests(made.folder) == reference


def test_a_folder_with_other_files_is_refused_before_anything_is_pulled(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").write_text("mine")
    with pytest.raises(BuildError, match="is not empty"):
        build(corpus, output=tmp_path, workspace=tmp_path.parent / "unused")
    assert (tmp_path / "holiday.txt").read_text() == "mine"
    assert not list((tmp_path.parent / "unused").glob("pull/*"))


def test_a_plan_writes_no_output_and_counts_what_the_build_holds(
    corpus: Path, reference: dict[str, str], tmp_path: Path
) -> None:
    planned = plan(corpus, workspace=corpus.parent / "ws-reference")
    query = "select source, count(*) n, sum(tokens) t from samples where selected group by source order by source"
    assert planned.sql(query).equals(open_build(corpus.parent / "build").sql(query))
    assert not list(planned.folder.rglob("shard-*"))


def test_a_changed_weight_encodes_nothing(corpus: Path, reference: dict[str, str], tmp_path: Path) -> None:
    workspace = corpus.parent / "ws-reference"
    before = _stamps(workspace)
    build(corpus, output=tmp_path / "b", workspace=workspace, overrides=["mixture.weights.pictures=0"])
    assert _stamps(workspace) == before


def _stamps(workspace: Path) -> dict[Path, int]:
    """Return when the files of the stages that are dear were written; markers are written again, so they have 0."""
    paths = [path for room in ("pull", "encode", "cache") for path in (workspace / room).rglob("*") if path.is_file()]
    return {path: 0 if path.name == "_done.json" else path.stat().st_mtime_ns for path in paths}


def _command(manifest: Path, output: Path, workspace: Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "curation",
        "build",
        str(manifest),
        "-o",
        str(output),
        "--workspace",
        str(workspace),
        "--workers",
        "2",
    ]


def test_a_build_killed_at_ten_moments_ends_in_the_same_bytes(
    corpus: Path, reference: dict[str, str], tmp_path: Path
) -> None:
    """Kill the driver, or one of its workers, at moments spread over the build; a killed driver is started again."""
    command = _command(corpus, tmp_path / "out", tmp_path / "ws")
    chooser = random.Random(1)
    kills = 0
    while kills < 10:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            process.wait(timeout=0.35 + 0.25 * chooser.random() * (kills + 1))
        except subprocess.TimeoutExpired:
            children = _children(process.pid)
            if kills % 3 == 2 and children:
                os.kill(chooser.choice(children), signal.SIGKILL)
                process.wait(timeout=60)
            else:
                process.kill()
                process.wait()
            kills += 1
        else:
            assert process.returncode == 0, process.stderr.read() if process.stderr else ""
            for made in ("out", "ws"):
                shutil.rmtree(tmp_path / made, ignore_errors=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert digests(tmp_path / "out") == reference


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(word) for word in text.split()]


def test_an_interrupt_leaves_a_state_that_resumes(corpus: Path, reference: dict[str, str], tmp_path: Path) -> None:
    command = _command(corpus, tmp_path / "out", tmp_path / "ws")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not list((tmp_path / "ws").rglob("*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130 and "resume" in errors
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert digests(tmp_path / "out") == reference


def test_two_builds_into_one_folder_at_once_are_refused(corpus: Path, tmp_path: Path) -> None:
    from curation.workspace import locked

    output = tmp_path / "out"
    with (
        locked(output / ".lock", busy="never"),
        pytest.raises(BuildError, match="another process is building into it"),
    ):
        build(corpus, output=output, workspace=corpus.parent / "ws-reference")


def test_an_image_that_changed_after_pull_is_named(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path)
    plan(manifest)
    victim = tmp_path / "pictures" / "images" / "3.png"
    stat = victim.stat()
    data = bytearray(victim.read_bytes())
    data[-20] ^= 1
    victim.write_bytes(data)
    os.utime(victim, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(BuildError, match=r"3\.png has changed since pull"):
        build(manifest)


def test_a_full_disk_is_a_clear_error_and_the_build_resumes(
    corpus: Path, reference: dict[str, str], tmp_path: Path
) -> None:
    """The limit on file sizes stands in for the disk's: a write past it fails in the middle of a file."""
    command = _command(corpus, tmp_path / "out", tmp_path / "ws")
    limited = subprocess.run(
        ["bash", "-c", 'trap "" XFSZ; ulimit -f 40; exec "$@"', "bash", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert limited.returncode == 1, limited.stderr
    assert "the disk is full" in limited.stderr
    assert "Traceback" not in limited.stderr
    assert not (tmp_path / "out" / "build.json").exists()
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert digests(tmp_path / "out") == reference


def test_a_source_without_rows_is_named(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path)
    (tmp_path / "problems" / "train.jsonl").write_text("")
    with pytest.raises(SourceError, match=r"sources\.problems: .*train\.jsonl"):
        build(manifest)


def test_the_guard_stops_a_source_with_too_many_unreadable_rows(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path)
    for number in range(10):
        (tmp_path / "pictures" / "images" / f"{number}.png").write_bytes(b"")
    with pytest.raises(BuildError, match=r"sources\.pictures: 10 of 30 rows are unreadable \(33\.3%\).*empty_media 10"):
        build(manifest, overrides=["guard.max_unreadable_fraction=0.05"])
    made = build(manifest)
    reasons = made.sql("select reason, count(*) n from ledger where source = 'pictures' group by reason").rows()
    assert reasons == [("empty_media", 10)]


def test_an_impossible_budget_names_the_bottleneck(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(MixtureError, match=r"'clips' needs .* has 4"):
        plan(
            corpus,
            workspace=corpus.parent / "ws-reference",
            overrides=["mixture.weights={pictures: 1, pages: 1, problems: 1, clips: 1}", "mixture.budget=100"],
        )


def test_every_error_of_a_build_is_one_line(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path)
    manifest.write_text(manifest.read_text().replace("pages/*.parquet", "nowhere/*.parquet"))
    with pytest.raises(CurationError) as caught:
        build(manifest)
    assert "\n" not in str(caught.value) and "nowhere" in str(caught.value)


def test_shards_open_with_datasets_as_images_and_rows(corpus: Path, reference: dict[str, str], tmp_path: Path) -> None:
    import datasets

    files = sorted(str(path) for path in (corpus.parent / "build" / "shards").glob("*.parquet"))
    rows = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path))
    assert rows.features["images"].feature.__class__.__name__ == "Image"
    assert len(rows) == sum(pq.read_metadata(path).num_rows for path in files)
    pictures = [row for row in rows if row["source"] == "pictures"]
    assert pictures[0]["images"][0].size[1] == 64


def test_take_chooses_a_nested_sample_of_rows(corpus: Path, tmp_path: Path) -> None:
    write_problems(tmp_path, num_rows=100)
    manifest = tmp_path / "m.yaml"
    text = """
version: 1
name: taken
profile: smolvlm2-256m
tokenizer: bytes
sources:
  problems:
    adapter: text
    uri: train.jsonl
    kind: cot
    take: TAKE
    options: {prompt_field: question, answer_field: answer}
"""
    kept: dict[str, set[str]] = {}
    for take in ("10", "30", "0.9"):
        manifest.write_text(text.replace("TAKE", take))
        kept[take] = set(plan(manifest).sql("select sample_id from samples")["sample_id"])
    assert len(kept["10"]) == 10 and len(kept["30"]) == 30 and 75 < len(kept["0.9"]) < 100
    assert kept["10"] < kept["30"] < kept["0.9"]
    assert json.loads(plan(manifest).sql("select rows_read from sources").write_json())[0]["rows_read"] == len(
        kept["0.9"]
    )


def _odd_rows(folder: Path) -> None:
    """Write rows of which one key occurs twice, one row breaks off and one picture has a name that is no UTF-8."""
    odd = os.fsdecode(b"caf\xe9.png")
    (folder / odd).write_bytes(png(1))
    rows: list[Sample | Drop] = [
        sample("a", question="one"),
        sample("a", question="two"),
        sample("b", question="three", answer="x"),
        sample("c", Image(content=Address(path=str(folder / odd)), name=odd)),
        sample("d", Image(content=png(2)[:-30])),
    ]
    write_rows(folder / "odd.rows", rows)


def test_a_row_key_that_occurs_twice_keeps_its_first_row_and_filters_still_see_it(tmp_path: Path) -> None:
    _odd_rows(tmp_path)
    text = """
version: 1
profile: smolvlm2-256m
tokenizer: bytes
sources: {odd: {adapter: "tests.sources.written:", uri: odd.rows}}
filters: [{where: "LIMIT"}]
output: {path: out}
"""
    manifest = tmp_path / "m.yaml"
    for limit, reasons in (("turns > 0", {"a": None, "b": None, "c": None}), ("row_key <> 'a'", {"a": "where"})):
        manifest.write_text(text.replace("LIMIT", limit))
        made = build(manifest, workspace=tmp_path / "ws", workers=1, replace=True)
        assert [check for check in verify(made) if not check.is_passed] == []
        found = dict(made.sql("select row_key, dropped_by from samples").rows())
        assert found | reasons == found and len(found) == 3
    assert made.sql("select rows_read, rows_unreadable, samples from sources").rows() == [(5, 2, 3)]


def test_what_a_killed_build_left_behind_is_not_in_the_finished_one(
    corpus: Path, reference: dict[str, str], tmp_path: Path
) -> None:
    """Kills between a temporary file and its rename: before the folder said whose it is, and over shards."""
    output = tmp_path / "out"
    output.mkdir()
    (output / "..building.json.77-aa.tmp").write_text("{")
    made = build(corpus, output=output, workspace=corpus.parent / "ws-reference")
    assert digests(made.folder) == reference
    (output / "build.json").rename(output / ".building.json")
    (output / "shards" / ".shard-00000.parquet.77-aa.tmp").write_bytes(b"half")
    (output / "index" / "samples" / ".part-00000.parquet.77-aa.tmp").write_bytes(b"half")
    made = build(corpus, output=output, workspace=corpus.parent / "ws-reference")
    assert digests(made.folder) == reference


def test_a_changed_weight_pulls_nothing_when_the_manifest_stands_beside_the_data(tmp_path: Path) -> None:
    write_llava(tmp_path, num_rows=6)
    text = """
version: 1
profile: smolvlm2-256m
tokenizer: bytes
sources: {pictures: {adapter: llava, uri: rows.json, media: .}}
mixture: {budget: 5, unit: samples}
output: {path: out}
"""
    rows = json.loads((tmp_path / "rows.json").read_text())
    (tmp_path / "rows.json").write_text(json.dumps([row | {"image": f"images/{row['image']}"} for row in rows]))
    manifest = tmp_path / "m.yaml"
    for budget in ("5", "3"):
        manifest.write_text(text.replace("budget: 5", f"budget: {budget}"))
        build(manifest, workspace=tmp_path / "ws", workers=1, replace=True)
    assert len(list((tmp_path / "ws" / "pull").iterdir())) == 1
