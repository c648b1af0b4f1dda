"""Parquet of images and pairs: The Cauldron, Docmatix, FineVision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import SourceError
from curation.records import Address, Drop, Image, Sample
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
)

PNG = image_bytes()
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
SWAPPED = pa.struct([("path", pa.string()), ("bytes", pa.binary())])


def _pair(user: str | None = "What?", assistant: str | None = "Red.", **more: str) -> dict[str, str | None]:
    return {"user": user, "assistant": assistant, **more}


def _file(path: Path, images: list[Any], texts: list[Any], *, image_type: Any = IMAGE, **columns: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"texts": pa.array(texts), "images": pa.array(images, pa.list_(image_type)), **columns}
    pq.write_table(pa.table(arrays), path, row_group_size=2)
    return path


@pytest.mark.parametrize(
    ("cell", "image_type"),
    [
        ({"bytes": PNG, "path": None}, IMAGE),
        ({"path": "a.png", "bytes": PNG}, SWAPPED),
        ({"bytes": PNG}, pa.struct([("bytes", pa.binary())])),
        (PNG, pa.binary()),
    ],
)
def test_bytes_of_a_cell_are_found_in_every_form(tmp_path: Path, cell: Any, image_type: Any) -> None:
    sample = only_sample(
        "cauldron", location(_file(tmp_path / "a.parquet", [[cell]], [[_pair()]], image_type=image_type))
    )
    part = sample.turns[0].parts[0]
    assert isinstance(part, Image) and part.content == PNG
    assert shape(sample) == [["[image]", "What?"], ["Red."]]


@pytest.mark.parametrize(
    ("cell", "image_type"), [({"path": "red.png", "bytes": None}, IMAGE), ("red.png", pa.string())]
)
def test_a_path_is_found_under_the_media_root(tmp_path: Path, cell: Any, image_type: Any) -> None:
    path = _file(tmp_path / "a.parquet", [[cell]], [[_pair()]], image_type=image_type)
    assert only_drop("cauldron", location(path)).reason == "missing_media"
    write(tmp_path / "media" / "red.png", PNG)
    part = only_sample("cauldron", location(path, media=tmp_path / "media")).turns[0].parts[0]
    assert isinstance(part, Image) and part.content == Address(path=str(tmp_path / "media" / "red.png"))


def test_all_questions_of_a_row_follow_its_images(tmp_path: Path) -> None:
    texts = [[_pair("A?", "1.", source="nlvr2"), _pair("B?", "2.", source="nlvr2")]]
    sample = only_sample("cauldron", location(_file(tmp_path / "a.parquet", [[{"bytes": PNG}] * 2], texts)))
    assert shape(sample) == [["[image]", "[image]", "A?"], ["1."], ["B?"], ["2."]]
    assert sample.columns == {"data_source": "nlvr2"} and sample.flags == ()


def test_keys_inside_texts_may_stand_in_either_order(tmp_path: Path) -> None:
    text = pa.list_(pa.struct([("assistant", pa.string()), ("user", pa.string())]))
    texts = pa.array([[{"assistant": "Red.", "user": "What?"}]], text)
    images = pa.array([[{"bytes": PNG, "path": None}]], pa.list_(IMAGE))
    pq.write_table(pa.table({"images": images, "texts": texts}), tmp_path / "a.parquet")
    assert shape(only_sample("finevision", location(tmp_path)))[0] == ["[image]", "What?"]


def test_pairs_without_answer_or_repeated_cost_themselves_and_are_flagged(tmp_path: Path) -> None:
    texts = [[_pair("A?", "1."), _pair("B?", ""), _pair("A?", "1."), _pair(None, "2."), _pair("A?", "3.")]]
    sample = only_sample("docmatix", location(_file(tmp_path / "a.parquet", [[{"bytes": PNG}]], texts)))
    assert shape(sample) == [["[image]", "A?"], ["1."], ["A?"], ["3."]]
    assert [(flag.reason, flag.measured) for flag in sample.flags] == [
        ("empty_pair_removed", 2),
        ("repeated_pair_removed", 1),
    ]


@pytest.mark.parametrize(
    ("images", "texts", "reason"),
    [
        ([{"bytes": PNG}], [], "no_answer"),
        ([{"bytes": PNG}], None, "invalid_row"),
        ([{"bytes": PNG}], [None], "invalid_row"),
        ([{"bytes": PNG}], [_pair("A?", None)], "no_answer"),
        ([None], [_pair()], "missing_media"),
        ([{"bytes": None, "path": None}], [_pair()], "missing_media"),
    ],
)
def test_a_row_that_can_not_be_used_is_a_drop(tmp_path: Path, images: Any, texts: Any, reason: str) -> None:
    path = _file(tmp_path / "a.parquet", [images, [{"bytes": PNG}]], [texts, [_pair()]])
    assert reasons(read_all("cauldron", location(path))) == [reason, "ok"]


def test_text_only_rows_of_finevision_have_no_images_and_ratings_become_columns(tmp_path: Path) -> None:
    path = _file(
        tmp_path / "a.parquet",
        [[], None],
        [[_pair("What is <image>?")], [_pair()]],
        source=["text_set", "text_set"],
        relevance_min=pa.array([4, None], pa.int64()),
    )
    first, second = read_all("finevision", location(path))
    assert isinstance(first, Sample) and isinstance(second, Sample)
    assert shape(first) == [["What is <image>?"], ["Red."]] and flags(first) == ["placeholder_in_text"]
    assert first.columns["relevance_min"] == 4 and first.columns["source"] == "text_set"
    assert second.columns["relevance_min"] is None and second.columns["formatting_min"] is None


def test_keys_are_the_file_and_the_rows_number_in_it_whatever_the_row_groups(tmp_path: Path) -> None:
    for name in ("ai2d/train-00000-of-00002.parquet", "ai2d/train-00001-of-00002.parquet"):
        _file(tmp_path / name, [[{"bytes": PNG}]] * 5, [[_pair()]] * 5)
    where = with_task_bytes(location(tmp_path), 1)
    keys = [row.row_key for row in read_all("cauldron", where)]
    assert keys == [f"ai2d/train-0000{n}-of-00002.parquet:{row}" for n in (0, 1) for row in range(5)]


def test_a_cut_file_and_a_missing_column_are_named_before_anything_is_read(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.parquet", [[{"bytes": PNG}]], [[_pair()]])
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(SourceError, match=r"a\.parquet' is no whole Parquet file"):
        read_all("cauldron", location(path))
    pq.write_table(pa.table({"images": [1], "text": ["x"]}), path)
    with pytest.raises(SourceError, match="no column 'texts'; did you mean 'text'"):
        read_all("cauldron", location(path))


def test_a_damaged_row_group_costs_its_own_rows(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.parquet", [[{"bytes": PNG}]] * 6, [[_pair()]] * 6)
    metadata = pq.ParquetFile(path).metadata
    start = metadata.row_group(1).column(0).dictionary_page_offset or metadata.row_group(1).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 24] = b"\xff" * 24
    path.write_bytes(bytes(data))
    rows = read_all("cauldron", location(path))
    assert reasons(rows) == ["ok", "ok", "damaged_row_group", "damaged_row_group", "ok", "ok"]
    assert [row.row_key for row in rows if isinstance(row, Drop)] == ["a.parquet:2", "a.parquet:3"]
