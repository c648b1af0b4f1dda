"""`curation report` and `show --html`: what the pages say, and that nothing in a dataset becomes markup."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars
import pytest

from curation.builds import open_build
from curation.cli.main import main
from curation.report import report_page
from curation.report.gallery import MAX_PICTURES, cut, exhibits
from curation.report.matrix import duplicate_matrix
from curation.report.plots import MAX_BARS, columns, horizontal_bars
from curation.report.questions import QUESTIONS, STATS, load_question
from curation.report.writing import cell
from curation.show import Span
from tests.cli.tiny_build import shard_rows, tables, write_build
from tests.report.hostile import write_hostile_build


class Page(HTMLParser):
    """The tags, attributes and visible text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_build(tmp_path_factory.mktemp("build") / "tiny")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hostile_build(tmp_path_factory.mktemp("hostile") / "tiny")


def test_every_question_is_shipped_and_titled() -> None:
    import curation.report

    shipped = {path.stem for path in Path(curation.report.__file__).parent.glob("*.sql")}
    assert shipped == {*QUESTIONS, "gallery"}
    assert all(load_question(name).title for name in shipped)
    assert not shipped & set(STATS)


def test_the_page_has_the_figures_of_the_build(folder: Path) -> None:
    page = Page(report_page(open_build(folder)))
    for figure in (
        "tiny",
        "402",
        "31.41 %",
        "where: where",
        "pull: invalid_json",
        "What colour?",
        " Blue, then green.",
    ):
        assert figure in page.text
    assert page.tags.count("svg") == 10
    assert page.tags.count("img") == 3  # the red picture and the two frames of the video


def test_what_a_dataset_wrote_stays_text(hostile: Path) -> None:
    page = Page(report_page(open_build(hostile)))
    assert not {"script", "iframe", "object", "link", "base"} & set(page.tags)
    assert [name for name, _ in page.attributes if name.startswith("on")] == []
    assert all(value.startswith("data:image/jpeg") for name, value in page.attributes if name == "src")
    assert all(value.startswith("#") for name, value in page.attributes if name.endswith("href"))
    assert "<script>document.title" in page.text
    assert "␀" in page.text
    assert "\x00" not in page.text and "\u202e" not in page.text


def test_a_picture_that_can_not_be_read_is_said_to_be(hostile: Path) -> None:
    page = Page(report_page(open_build(hostile)))
    assert "can’t be read" in page.text
    assert page.tags.count("img") == 2


def test_the_same_build_gives_the_same_page(folder: Path) -> None:
    assert report_page(open_build(folder)) == report_page(open_build(folder))


def test_without_a_gallery_no_shard_is_read(tmp_path: Path) -> None:
    build = write_build(tmp_path / "tiny")
    (build / "shards" / "shard-00000.parquet").unlink()
    assert "img" not in Page(report_page(open_build(build), per_source=0)).tags


def test_an_empty_build_has_a_report(tmp_path: Path) -> None:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in tables(shard_rows())}
    page = Page(report_page(open_build(write_build(tmp_path / "tiny", shard=[], rows=rows))))
    assert "svg" not in page.tags
    assert "No samples are shown." in page.text


def test_duplicates_across_sources_are_a_matrix() -> None:
    frame = polars.DataFrame({"source": ["a", "a", "b"], "kept_in": ["a", "c", "c"], "samples": [2, 4, 1]})
    matrix = duplicate_matrix(frame)
    assert matrix is not None
    assert (matrix.rows, matrix.columns) == (("a", "b"), ("a", "c"))
    assert matrix.counts == ((2, 4), (0, 1))
    assert matrix.weights == ((0.5, 1.0), (0.0, 0.25))
    assert duplicate_matrix(frame.clear()) is None


def test_a_plot_has_a_bar_for_each_value_and_no_script() -> None:
    labels = ["<b>", *(f"source {number}" for number in range(MAX_BARS))]
    svg = horizontal_bars(labels, {"asked": [0.5] * len(labels), "realised": [0.25] * len(labels)}, name="shares")
    page = Page(svg)
    assert svg.startswith("<svg") and "<script" not in svg and "<!--" not in svg
    assert "<b>" in page.text and "b" not in page.tags
    assert f"source {MAX_BARS - 2}" in page.text and f"source {MAX_BARS - 1}" not in page.text
    assert "var(--plot-1)" in svg and "var(--plot-2)" in svg
    assert horizontal_bars([], {"asked": []}, name="none") == columns([], [], name="none") == ""


def test_a_long_text_is_cut_and_says_by_how_much() -> None:
    spans = [Span(text="ab" * 5, is_trained=False, is_control=False), Span(text="c", is_trained=True, is_control=False)]
    assert cut(spans, 8) == ((Span(text="abababab", is_trained=False, is_control=False),), 3)
    assert cut(spans, 11) == (tuple(spans), 0)


def test_of_many_frames_the_first_and_the_last_are_shown(tmp_path: Path) -> None:
    shard = shard_rows()
    frame = shard[2]["images"][0]["bytes"]
    shard[2] |= {
        "images": [{"bytes": frame, "path": f"v.mp4#t={at}.000"} for at in range(40)],
        "tiles": [{"rows": 0, "cols": 0}] * 40,
    }
    build = open_build(write_build(tmp_path / "tiny", shard=shard))
    (video,) = exhibits(build, ["video/v.json:0"], side=16)
    assert len(video.pictures) == MAX_PICTURES
    assert video.left_out == 40 - MAX_PICTURES
    assert (video.pictures[0].caption, video.pictures[-1].caption) == ("0.000 s", "39.000 s")


def test_the_verb_writes_a_file_and_says_where(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "new" / "tiny.html"
    assert main(["report", str(folder), "-o", str(target)]) == 0
    assert capsys.readouterr().out == f"{target}\n"
    assert target.read_text("utf-8") == report_page(open_build(folder))
    assert [path.name for path in target.parent.iterdir()] == ["tiny.html"]


@pytest.mark.parametrize("what", ["0", "video/v.json:0"])
def test_show_prints_a_page_with_pictures(folder: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(folder), what, "--html"]) == 0
    page = Page(capsys.readouterr().out)
    assert page.tags.count("article") == (2 if what == "0" else 1)
    assert page.tags.count("img") == (1 if what == "0" else 2)
    assert ("position 1, tokens 104 to 164" in page.text) is (what == "0")


def test_show_refuses_two_forms_at_once(folder: Path) -> None:
    assert main(["show", str(folder), "0", "--html", "--json"]) == 2


def test_a_lone_surrogate_is_written_as_its_escape() -> None:
    assert cell("a\ud800", "question").encode() == b"a\\ud800"
