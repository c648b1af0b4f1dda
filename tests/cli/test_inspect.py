"""`stats`, `show`, `verify`: what they print of a build."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation.builds import open_build
from curation.cli.main import main
from curation.cli.show import mark
from curation.errors import CurationError
from curation.show import Span
from curation.stats import BUILD_TABLES, ON_REQUEST, answer, load_query
from tests.cli.tiny_build import shard_rows, tables, write_build


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_build(tmp_path_factory.mktemp("build") / "tiny"))


@pytest.fixture(scope="module")
def figures(folder: str) -> dict[str, list[dict[str, Any]]]:
    return {each.query.name: each.frame.to_dicts() for each in answer(open_build(folder))}


def test_every_saved_query_is_shipped_listed_and_titled() -> None:
    import curation.stats

    files = {path.stem for path in Path(curation.stats.__file__).parent.glob("*.sql")}
    assert files == {*BUILD_TABLES, *ON_REQUEST}
    for name in (*BUILD_TABLES, *ON_REQUEST):
        assert load_query(name).title
    with pytest.raises(CurationError, match=r"stats: no table named 'mixtur'; did you mean 'mixture'\?"):
        load_query("mixtur")


def test_tokens_by_kind_count_repeats(figures: dict[str, list[dict[str, Any]]]) -> None:
    kinds = {row["kind"]: row for row in figures["kinds"]}
    assert (kinds["text"]["samples"], kinds["text"]["tokens"]) == (2, 120)
    assert sum(row["token_share"] for row in kinds.values()) == pytest.approx(1)
    assert kinds["document"]["image_share"] == pytest.approx(64 / 104)


def test_rows_of_a_source_are_selected_dropped_not_needed_or_unreadable(
    figures: dict[str, list[dict[str, Any]]],
) -> None:
    text = next(row for row in figures["sources"] if row["source"] == "text")
    assert text["rows_read"] == 4
    assert [text[name] for name in ("selected", "dropped", "not_needed", "rows_unreadable")] == [1, 1, 1, 1]


def test_pack_fill_is_the_share_of_the_context(figures: dict[str, list[dict[str, Any]]]) -> None:
    assert figures["packs"] == [
        {
            "packs": 2,
            "context": 640,
            "tokens": 402,
            "fill": 402 / 2 / 640,
            "least_fill": 164 / 640,
            "mean_samples": 2.0,
            "most_samples": 2,
        }
    ]


def test_videos_have_their_durations(figures: dict[str, list[dict[str, Any]]]) -> None:
    assert [(row["videos"], row["mean"], row["mean_frames"]) for row in figures["videos"]] == [(1, 2.0, 2.0)]


def test_an_empty_build_has_statistics(tmp_path: Path) -> None:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in tables(shard_rows())}
    frames = {
        each.query.name: each.frame for each in answer(open_build(write_build(tmp_path / "b", shard=[], rows=rows)))
    }
    assert frames["packs"].to_dicts()[0]["packs"] == 0
    assert frames["kinds"].is_empty()


def test_stats_print_titled_tables_with_units(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", folder, "--table", "packs", "--table", "drops"]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[:3] == [
        "Packs: training sequences and how full they are",
        "packs  context  tokens     fill  least_fill  mean_samples  most_samples",
        "    2      640     402  31.41 %     25.62 %             2             2",
    ]
    assert "text    pull    -       drop    invalid_json         1" in told


def test_stats_json_has_a_key_per_table(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", folder, "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == list(BUILD_TABLES)


PACK = """\
pack 0: 164 of 640 tokens (25.6 %), 2 samples

──── position 0, tokens 0 to 104 ────
docs/a.parquet:0
  document, 104 tokens (64 image, 6 trained), 2 turns, in pack 0
  source docs, adapter llava, uri data/docs, license mit, row_key a.parquet:0
  image 0, 40x30, 98 B, not split, 64 tokens, data/docs/red.png
<|im_start|>User:<fake_token_around_image><global-img><image>x64<fake_token_around_image>What colour?<end_of_utterance>
Assistant:« Red.<end_of_utterance>»


──── position 1, tokens 104 to 164 ────
text/t.jsonl:0
  text, 60 tokens (0 image, 8 trained), 2 turns, in pack 0, 1
  source text, adapter llava, uri data/text, license mit, row_key t.jsonl:0
<|im_start|>System: Be short.<end_of_utterance>
User: Hi<end_of_utterance>
Assistant:« Ho<end_of_utterance>»
Assistant:« Ha<end_of_utterance>»

"""


def test_a_pack_is_shown_with_its_boundaries_media_lineage_and_trained_text(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", folder, "0"]) == 0
    assert capsys.readouterr().out == PACK


def test_a_video_sample_is_shown_with_the_times_of_its_frames(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", folder, "video/v.json:0"]) == 0
    assert "video 0, 40x30, 5.0 kB, 2.00 s, 2 frames at 0.000 … 1.000 s, 128 tokens" in capsys.readouterr().out


def test_a_dropped_sample_is_shown_with_its_reason(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", folder, "text/t.jsonl:1"]) == 0
    told = capsys.readouterr().out
    assert "text, not selected: where by where" in told
    assert "drop: where (where), measured 3" in told


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("9", "no pack 9; the build has packs 0 to 1"),
        ("text/t.json:0", "no sample 'text/t.json:0'; did you mean 'text/t.jsonl:0'?"),
        ("text/t.jsonl:3", "no sample 'text/t.jsonl:3': its row was unreadable (invalid_json)"),
        ("it's", "no sample 'it's'; did you mean"),
    ],
)
def test_what_is_not_there_is_told_with_the_nearest(
    folder: str, what: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", folder, what]) == 1
    assert message in capsys.readouterr().err


def test_show_json_has_everything(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", folder, "0", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [place["offset"] for place in shown["places"]] == [0, 104]
    assert (
        "".join(span["text"] for span in shown["samples"][0]["spans"] if span["is_trained"])
        == " Red.<end_of_utterance>"
    )


def test_text_of_a_dataset_cannot_steer_the_terminal() -> None:
    spans = (Span(text="a\x1b[2J\x07\x9b", is_trained=True, is_control=False),)
    assert mark(spans, is_terminal=False) == "«a␛[2J␇\ufffd»"
    assert "\x1b[2J" not in mark(spans, is_terminal=True)


def test_verify_prints_a_line_per_check_and_passes(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", folder]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("ok      ") for line in lines)
    assert "ok      images decode (3)" in lines


def test_verify_fails_with_exit_code_1_and_names_the_first_offender(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tables(shard_rows())
    rows["sources"][1]["rows_read"] = 5
    folder = write_build(tmp_path / "b", rows=rows)
    assert main(["verify", str(folder)]) == 1
    told = capsys.readouterr()
    assert "failed  rows read = samples + rows unreadable, per source (1 of 3)" in told.out
    assert "        text: 5 rows read, 3 samples, 1 unreadable" in told.out
    assert (
        "1 of " in told.err
        and " checks failed (first: rows read = samples + rows unreadable, per source: text: 5 rows" in told.err
    )


def test_verify_json_has_a_status_per_check(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", folder, "--json"]) == 0
    assert {check["status"] for check in json.loads(capsys.readouterr().out)} == {"ok"}
