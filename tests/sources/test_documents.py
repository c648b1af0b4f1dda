"""Named sets of documents: columns, least lengths, attributes beside the documents, images in place."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest

from curation.engine import LocalEngine
from curation.errors import ManifestError, SourceError
from curation.records import Address, Image, Location, Sample, kind_of
from curation.sources import infimm_webmath, load_adapter
from curation.sources.dolma import attribute_columns
from curation.sources.stage import Source, pull_source
from curation.workspace import Workspace
from tests.sources.layouts import (
    flags,
    image_bytes,
    location,
    only_drop,
    only_sample,
    read_all,
    reasons,
    shape,
    with_task_bytes,
    write,
    write_lines,
)
from tests.sources.parquet_columns import STRINGS, write_parquet
from tests.sources.text_layouts import TEXT_FIXTURES


def _sample(row: Any) -> Sample:
    assert isinstance(row, Sample), row
    return row


def test_scores_of_fineweb_edu_are_columns_and_the_id_is_kept(tmp_path: Path) -> None:
    row = _sample(read_all("fineweb_edu", TEXT_FIXTURES["fineweb_edu"](tmp_path))[0])
    assert (row.columns["int_score"], row.columns["score"], row.columns["token_count"]) == (3, 3.2, 3)
    assert row.row_id == "<urn:uuid> 0" and shape(row) == [["Plants grow. 0"]]


def test_values_inside_structs_of_dclm_are_columns_with_underscores(tmp_path: Path) -> None:
    where = TEXT_FIXTURES["dclm"](tmp_path)
    row = _sample(read_all("dclm", Location(uri=where.uri, options={"columns": ["metadata.WARC-Date"]}))[0])
    assert row.columns["language_id_whole_page_fasttext_en"] == 0.9
    assert row.columns["fasttext_openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train_prob"] == 0.2
    assert row.columns["metadata_WARC-Date"] == "2013-05-18T08:11:02Z"


def test_columns_that_a_config_lacks_are_null(tmp_path: Path) -> None:
    write_parquet(tmp_path / "infiwebmath-4plus" / "a.parquet", text=["1+1=2"], score=[4.5])
    row = only_sample("finemath", location(tmp_path))
    assert row.columns["score"] == 4.5 and row.columns["language"] is None
    assert kind_of(row, load_adapter("finemath").CARD) == "math"


def test_short_files_of_the_stack_are_dropped_with_their_length(tmp_path: Path) -> None:
    write_parquet(
        tmp_path / "a.parquet",
        types={"max_stars_repo_licenses": STRINGS},
        content=["x" * 9, "x" * 10, None],
        max_stars_repo_licenses=[["MIT"], ["MIT", "Apache-2.0"], None],
    )
    rows = read_all("the_stack", location(tmp_path, min_chars=10))
    assert reasons(rows) == ["too_short", "ok", "no_text"]
    drop = only_drop("the_stack", location(write_lines(tmp_path / "b.jsonl", [{"content": "x"}]), min_chars=10))
    assert (drop.measured, drop.threshold) == (1, 10)
    assert _sample(rows[1]).columns["max_stars_repo_licenses"] == "MIT,Apache-2.0"
    with pytest.raises(ManifestError, match="'min_chars' is -1; give a whole number from 0 on"):
        read_all("the_stack", location(tmp_path, min_chars=-1))


def _dolma(folder: Path, documents: list[Any], attributes: list[Any], **options: Any) -> Location:
    for name, rows in (("documents", documents), ("attributes/toxicity", attributes)):
        write(folder / name / "a.jsonl", b"".join((orjson.dumps(row) if row else b"{") + b"\n" for row in rows))
    return location(folder / "documents", attributes="toxicity", **options)


def _documents(number: int) -> list[Any]:
    return [{"id": str(n), "text": "0123456789", "source": "books"} for n in range(number)]


def test_attributes_join_by_row_and_become_columns(tmp_path: Path) -> None:
    spans = [[0, 2, 0.5], [1, 4, 0.25], [6, 10, 0]]
    where = _dolma(tmp_path, _documents(1), [{"id": "0", "attributes": {"toxic": spans, "length": 10, "none": []}}])
    assert only_sample("dolma", where).columns == {
        "source": "books",
        "toxic_max": 0.5,
        "toxic_share": 0.4,
        "length": 10,
        "none_max": 0,
        "none_share": 0,
    }


def test_attributes_of_another_row_or_none_are_drops(tmp_path: Path) -> None:
    found = [{"id": str(n), "attributes": {"toxic": 0.1}} for n in range(5)]
    found[1]["id"] = "x"
    found[2] = None  # type: ignore[call-overload]
    where = _dolma(tmp_path, _documents(6), found)
    expected = ["ok", "attributes_misaligned", "no_attributes", "ok", "ok", "no_attributes"]
    for task_bytes in (1, 100, 1 << 20):
        assert reasons(read_all("dolma", with_task_bytes(where, task_bytes))) == expected


def test_attributes_that_are_not_there_are_named_before_anything_is_read(tmp_path: Path) -> None:
    where = _dolma(tmp_path, _documents(1), [{"id": "0", "attributes": {}}], attributes_folder=str(tmp_path / "gone"))
    with pytest.raises(SourceError, match=r"gone/toxicity/a\.jsonl' does not exist"):
        load_adapter("dolma").tasks(where)


def test_attributes_that_changed_make_a_new_stage(tmp_path: Path) -> None:
    where = _dolma(tmp_path, _documents(1), [{"id": "0", "attributes": {"toxic": 0.1}}])
    source = Source(name="s", adapter="dolma", location=where, kind=None, license=None, take=None, seed=1)
    workspace, engine = Workspace(root=tmp_path / "ws"), LocalEngine(workers=1)
    try:
        first, again = (pull_source(source, workspace, engine, max_unreadable=0).stage.folder for _ in range(2))
        write_lines(tmp_path / "attributes/toxicity/a.jsonl", [{"id": "0", "attributes": {"toxic": 0.9}}])
        changed = pull_source(source, workspace, engine, max_unreadable=0).stage.folder
    finally:
        engine.close()
    assert first == again != changed


def test_attributes_of_an_unknown_form_are_a_defect(tmp_path: Path) -> None:
    where = _dolma(tmp_path, _documents(1), [{"id": "0", "attributes": {"toxic": "yes"}}])
    assert only_drop("dolma", where).reason == "invalid_row"


def test_real_attributes_of_dolma_line_up(real_data: Path) -> None:
    real = real_data / "real" / "text-dolma"
    where = location(real / "documents" / "000.json.gz", attributes=["toxicity", "duplicate_paragraphs"])
    rows = [_sample(row) for row in read_all("dolma", where)]
    lines = gzip.decompress((real / "attributes" / "toxicity" / "000.json.gz").read_bytes()).splitlines()
    found = [orjson.loads(line) for line in lines]
    assert [row.columns["toxicity"] for row in rows] == [one["attributes"]["toxicity"] for one in found]
    shares = [row.columns["bff_duplicate_paragraph_spans_share"] for row in rows]
    assert shares[0] == 0 and 0 < max(shares) <= 1
    assert set(reasons(read_all("dolma", location(real / "documents")))) == {"ok"}


def test_shares_of_spans_stay_between_none_and_all() -> None:
    spans = [[0, 10, 1], [0, 10, 1], [3, 5, 1]]
    columns = attribute_columns("a", {"id": "x"}, {"id": "x", "attributes": {"k": spans}}, 10)
    assert columns == {"k_max": 1, "k_share": 1}


def _webmath(folder: Path, texts: list[Any], images: list[Any]) -> Path:
    lists = {"text_list": [texts], "image_list": [images]}
    return write_parquet(folder / "a.parquet", types=dict.fromkeys(lists, STRINGS), URL=["https://a"], **lists)


def test_images_of_a_page_are_left_out_or_kept_in_their_places(tmp_path: Path) -> None:
    write(tmp_path / "square.png", image_bytes())
    path = _webmath(tmp_path, ["A square.", "Look:", None, "It has 4 sides."], [None, None, "square.png", None])
    without = only_sample("infimm_webmath", location(path))
    assert shape(without) == [["A square.\n\nLook:\n\nIt has 4 sides."]] and flags(without) == ["images_left_out"]
    kept = only_sample("infimm_webmath", location(path, images="keep"))
    assert shape(kept) == [["A square.\n\nLook:", "[image]", "It has 4 sides."]] and kept.flags == ()
    assert {kind_of(row, infimm_webmath.CARD) for row in (kept, without)} == {"math"}


def test_an_image_of_a_page_is_its_address(tmp_path: Path) -> None:
    path = _webmath(tmp_path, ["A.", None], [None, "https://example.org/a.png"])
    part = only_sample("infimm_webmath", location(path, images="keep")).turns[0].parts[1]
    assert isinstance(part, Image) and part.content == Address(path="https://example.org/a.png")


@pytest.mark.parametrize(
    ("texts", "images", "reason"),
    [
        (["A."], [None, None], "invalid_row"),
        (["A."], ["a.png"], "invalid_row"),
        ([None], [None], "invalid_row"),
        (None, [None], "invalid_row"),
        ([None], ["a.png"], "no_text"),
        ([" "], [None], "no_text"),
        ([], [], "no_text"),
    ],
)
def test_a_page_whose_lists_do_not_go_in_step_is_a_drop(tmp_path: Path, texts: Any, images: Any, reason: str) -> None:
    assert only_drop("infimm_webmath", location(_webmath(tmp_path, texts, images))).reason == reason
