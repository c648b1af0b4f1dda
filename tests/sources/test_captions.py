"""Tables of captions: CSV and TSV as they are found, Parquet, JSON lines; the mapping of fields."""

from __future__ import annotations

import csv
import gzip
import io
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.errors import ManifestError, SourceError
from curation.records import Sample
from curation.sources import delimited
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


def _table(folder: Path, text: str, name: str = "captions.csv") -> Path:
    write(folder / "red.png", image_bytes())
    return write(folder / name, text.encode())


def test_without_a_question_the_image_alone_is_asked(tmp_path: Path) -> None:
    sample = only_sample("captions", location(_table(tmp_path, "image,caption\nred.png,Red.\n")))
    assert shape(sample) == [["[image]"], ["Red."]]
    assert flags(sample) == []


def test_the_question_of_the_option_and_of_a_column(tmp_path: Path) -> None:
    table = _table(tmp_path, "image,caption\nred.png,Red.\n")
    assert shape(only_sample("captions", location(table, question="Colour?")))[0] == ["[image]", "Colour?"]
    table = _table(tmp_path, "image,caption,question\nred.png,Red.,Which colour?\n")
    assert shape(only_sample("captions", location(table, question="Colour?")))[0] == ["[image]", "Which colour?"]


def test_columns_named_by_options_are_read_and_others_kept(tmp_path: Path) -> None:
    table = _table(tmp_path, "bild,text,wort,nummer,guete\nred.png,no,Rot.,7,0.5\n")
    where = location(table, image_field="bild", answer_field="wort", id_field="nummer", columns=["guete"])
    sample = only_sample("captions", where)
    assert shape(sample) == [["[image]"], ["Rot."]]
    assert (sample.row_id, sample.columns) == ("7", {"guete": "0.5"})


def test_a_column_that_an_option_names_must_be_there(tmp_path: Path) -> None:
    drop = only_drop("captions", location(_table(tmp_path, "image,caption\nred.png,Red.\n"), image_field="bild"))
    assert drop.reason == "invalid_row"
    assert drop.detail["detail"] == "no field 'bild'; the row has image, caption"


def test_a_tsv_without_names_and_with_bare_quotes(tmp_path: Path) -> None:
    table = _table(tmp_path, 'A 5" screw\tred.png\nA "red" square\tred.png\n', "train.tsv")
    rows = read_all("captions", location(table, header=["caption", "image"]))
    assert [shape(row)[1] for row in rows if isinstance(row, Sample)] == [['A 5" screw'], ['A "red" square']]


def test_every_odd_row_has_its_reason(tmp_path: Path) -> None:
    lines = [
        "image,caption",
        "red.png,Red.",
        "gone.png,Red.",
        "../red.png,Red.",
        "red.png,",
        "red.png,Red.,extra",
        "red.png",
        "red.png,a\rb",
        "",
        "red.png,Red again.",
    ]
    rows = read_all("captions", location(_table(tmp_path, "\n".join(lines))))
    assert reasons(rows) == [
        "ok",
        "missing_media",
        "outside_media_root",
        "no_answer",
        "invalid_row",
        "invalid_row",
        "invalid_csv",
        "ok",
    ]
    assert [row.row_key for row in rows] == [f"captions.csv:{n}" for n in range(8)]


def test_the_time_for_a_line_of_many_blocks_grows_with_its_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 64)  # as a line of 64 GB would have of blocks of 1 MiB
    text = "image,caption\n" + "x" * (4 << 20) + "\nred.png,Red.\n"
    started = time.process_time()
    rows = read_all("captions", location(_table(tmp_path, text)))
    assert time.process_time() - started < 5
    assert reasons(rows) == ["invalid_row", "ok"]


def test_a_gzipped_table_is_read_and_a_cut_one_gives_what_is_whole(tmp_path: Path) -> None:
    write(tmp_path / "red.png", image_bytes())
    text = "image,caption\n" + "".join(f"red.png,Number {n * n}.\n" for n in range(5000))
    packed = gzip.compress(text.encode())
    whole = read_all("captions", location(write(tmp_path / "a.csv.gz", packed)))
    assert len(whole) == 5000
    assert set(reasons(whole)) == {"ok"}
    cut = read_all("captions", location(write(tmp_path / "a.csv.gz", packed[: len(packed) // 2])))
    assert 0 < len(cut) < 5000
    assert cut[-1].row_key == f"a.csv.gz:{len(cut) - 1}"
    assert reasons(cut)[-1] == "truncated_file"
    assert cut[:-1] == whole[: len(cut) - 1]


def test_several_images_and_several_captions(tmp_path: Path) -> None:
    write(tmp_path / "red.png", image_bytes())
    row = {"left": "red.png", "right": "red.png", "captions": ["Two squares.", "Squares."]}
    where = location(write_lines(tmp_path / "a.jsonl", [row]), image_field=["left", "right"], answer_field="captions")
    sample = only_sample("captions", where)
    assert shape(sample) == [["[image]", "[image]"], ["Two squares."]]
    assert flags(sample) == ["several_answers"]


def test_images_in_parquet_cells(tmp_path: Path) -> None:
    table = pa.table({"image": [image_bytes()], "text": ["Red."], "image_path": ["gone.png"]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert shape(only_sample("captions", location(tmp_path))) == [["[image]"], ["Red."]]


def test_classes_are_told_by_the_option_only(tmp_path: Path) -> None:
    write(tmp_path / "red.png", image_bytes())
    table = write_lines(tmp_path / "a.jsonl", [{"image": "red.png", "label": number} for number in (1, 2)])
    assert reasons(read_all("captions", location(table))) == ["no_answer", "no_answer"]
    rows = read_all("captions", location(table, classes=["blue", "red"]))
    assert reasons(rows) == ["ok", "invalid_row"]
    assert isinstance(rows[0], Sample)
    assert shape(rows[0])[1] == ["red"]


def test_options_that_exclude_each_other_are_refused(tmp_path: Path) -> None:
    table = _table(tmp_path, "image,caption\nred.png,Red.\n")
    with pytest.raises(ManifestError, match="messages_field and answer_field exclude each other"):
        read_all("captions", location(table, messages_field="a", answer_field="b"))
    with pytest.raises(ManifestError, match="'quoted' is 'no'; give true or false"):
        read_all("captions", location(table, quoted="no"))


def test_a_table_without_names_says_how_to_give_them(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not begin with a line of names; give them with the option `header`"):
        read_all("captions", location(_table(tmp_path, "\nred.png,Red.\n")))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(st.text(alphabet='ab",\n\r é\t', max_size=8), min_size=1, max_size=30),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    task_bytes=st.integers(1, 80),
)
def test_what_a_csv_writer_wrote_comes_back_however_it_is_split(
    tmp_path: Path, cells: list[str], quoting: int, task_bytes: int
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(["image", "caption", "cell"])
    writer.writerows([["red.png", "Red.", cell] for cell in cells])
    write(tmp_path / "red.png", image_bytes())
    where = location(write(tmp_path / "a.csv", text.getvalue().encode()), columns="cell")
    whole = read_all("captions", where)
    assert [row.columns["cell"] for row in whole if isinstance(row, Sample)] == cells
    assert read_all("captions", with_task_bytes(where, task_bytes)) == whole
