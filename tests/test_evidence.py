"""What `show` puts side by side: a dropped sample and the one that it repeats, read from their sources again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from curation.build import build
from curation.builds import Build, open_build
from curation.cli.main import main
from curation.evidence import read_images
from curation.show import ShownSample, show
from curation.stats import answer
from tests.corpora import png

WORDS = (
    "the quick brown fox jumps over a lazy dog while seven wizards brew strong potions in old copper kettles and "
    "sing about rivers mountains forests lakes deserts islands harbours castles bridges towers gardens and fields"
)
MANIFEST = """
version: 1
name: twice
profile: smolvlm2-256m
tokenizer: bytes
sources:
  first: {adapter: llava, uri: data/first.json, media: data/images, kind: image}
  second: {adapter: llava, uri: data/second.json, media: data/images, kind: image}
filters:
  - contamination: {against: [data/bench.jsonl], ngram: 5}
  - exact_duplicates
  - near_duplicate_text: {similarity: 0.6}
guard: {max_dropped_fraction: 1.0}
mixture: {unit: samples, weights: {first: natural, second: natural}}
output: {path: build}
"""


def write_rows(path: Path, rows: list[tuple[str, str, str]]) -> None:
    told = [
        {
            "image": image,
            "conversations": [{"from": "human", "value": f"<image>\n{asked}"}, {"from": "gpt", "value": said}],
        }
        for image, asked, said in rows
    ]
    path.write_text(json.dumps(told))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build two sources: the second repeats, rewords, contradicts and leaks."""
    folder = tmp_path_factory.mktemp("evidence")
    (folder / "data" / "images").mkdir(parents=True)
    for number in range(3):
        (folder / "data" / "images" / f"{number}.png").write_bytes(png(number))
    write_rows(folder / "data" / "first.json", [("0.png", "Tell me.", WORDS), ("1.png", "Which number?", "One.")])
    write_rows(
        folder / "data" / "second.json",
        [
            ("1.png", "Which number?", "One."),
            ("0.png", "Tell me.", WORDS.replace("castles", "palaces")),
            ("1.png", "Which number?", "Two."),
            ("2.png", "How many red apples lie in the wooden bowl on the table?", "Four."),
        ],
    )
    item = {"id": "b7", "question": "How many red apples lie in the wooden bowl on the table?", "answer": "Four."}
    (folder / "data" / "bench.jsonl").write_text(json.dumps(item))
    (folder / "manifest.yaml").write_text(MANIFEST)
    return build(folder / "manifest.yaml", workspace=folder / "ws", workers=1)


def shown(made: Build, sample_id: str) -> ShownSample:
    found = show(made, sample_id)
    assert isinstance(found, ShownSample)
    return found


def test_a_dropped_duplicate_stands_beside_the_sample_that_stays(made: Build) -> None:
    (match,) = shown(made, "second/second.json:0").matches
    assert match.row["reason"] == "duplicate"
    assert match.sample.state == "not selected: duplicate by exact_duplicates"
    assert (match.evidence.name, match.evidence.state) == ("first/first.json:1", "selected")
    assert match.sample.turns == match.evidence.turns == (("user", "[image]Which number?"), ("assistant", "One."))
    assert [medium["media_id"] for medium in match.sample.media] == [
        medium["media_id"] for medium in match.evidence.media
    ]


def test_a_reworded_answer_shows_the_word_that_differs(made: Build, capsys: pytest.CaptureFixture[str]) -> None:
    flagged, match = shown(made, "second/second.json:1").matches
    assert (flagged.row["reason"], match.row["reason"]) == ("conflicting_answer", "near_duplicate")
    assert "palaces" in match.sample.turns[1][1] and "castles" in match.evidence.turns[1][1]
    assert match.row["measured"] >= match.row["threshold"] == 0.6
    assert main(["show", str(made.folder), "second/second.json:1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    differing = [line for line in lines if "palaces" in line]
    assert len(differing) == 2, "once below each decision"
    left, right = differing[1].split("≠")
    assert "palaces" in left and "castles" in right
    assert any("│" in line and line.count("wizards") == 2 for line in lines)


def test_a_flag_stands_beside_the_answer_that_it_contradicts(made: Build) -> None:
    matches = shown(made, "second/second.json:2").matches
    assert [(match.row["reason"], match.row["action"]) for match in matches] == [("conflicting_answer", "flag")]
    assert (matches[0].sample.turns[1][1], matches[0].evidence.turns[1][1]) == ("Two.", "One.")


def test_a_leak_stands_beside_the_benchmark_s_question(made: Build) -> None:
    (match,) = shown(made, "second/second.json:3").matches
    assert match.evidence.name == "bench b7"
    assert match.evidence.turns == (("user", "How many red apples lie in the wooden bowl on the table?"),)
    assert match.row["measured"] == 1.0


def test_a_sample_that_no_filter_matched_stands_alone(made: Build) -> None:
    assert shown(made, "first/first.json:0").matches == ()


def test_sources_that_are_gone_leave_the_media_and_say_why(made: Build, tmp_path: Path) -> None:
    folder = tmp_path / "moved"
    shutil.copytree(made.folder, folder)
    manifest = folder / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("second.json", "gone.json"))
    (match,) = shown(open_build(folder), "second/second.json:0").matches
    assert match.sample.turns == () and "gone.json" in match.sample.problem
    assert match.sample.media and match.evidence.turns


def test_the_page_of_a_dropped_sample_has_both_pictures_and_both_texts(
    made: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(made.folder), "second/second.json:1", "--html"]) == 0
    page = capsys.readouterr().out
    beside = page.split('<table class="beside">')[2]
    assert beside.count('src="data:image/jpeg;base64,') == 2
    assert "palaces" in beside.split("<td>")[1] and "castles" in beside.split("<td>")[2]


def test_pictures_that_are_gone_are_left_out_of_the_page(made: Build, tmp_path: Path) -> None:
    assert read_images(made, ["second/second.json:0", "second/second.json:99", "bench b7"]).keys() == {
        "second/second.json:0"
    }
    folder = tmp_path / "moved"
    shutil.copytree(made.folder, folder)
    manifest = folder / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("data/images", "data/elsewhere"))
    assert read_images(open_build(folder), ["second/second.json:0"]) == {}


def test_the_items_that_leaked_are_listed_with_verdict_and_score(made: Build) -> None:
    (found,) = answer(made, ["contamination_items"])
    assert found.frame.select(
        "benchmark", "source", "verdict", "item", "score", "num_samples", "num_dropped"
    ).rows() == [("bench", "second", "text_only", "b7", 1.0, 1, 1)]
