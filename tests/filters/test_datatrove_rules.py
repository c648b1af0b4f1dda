"""`datatrove` and `text_quality`: datatrove's own filters decide, on text kinds alone, without a language package."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from curation.errors import ManifestError
from curation.filters import filter_inputs, load_filter
from curation.filters.plain_words import sentences, spans, words
from tests.filters.rows import Row, dropped, run

PROSE = """The harbour was built in 1842, when the town had barely a thousand people and one paved street.
Fishermen landed their catch at dawn, and by noon most of it had left for the cities on the morning train.
Nobody thought of visitors then; the first hotel opened thirty years later, with nine rooms and a view of the mill.
What changed everything was the painter who came for a week and stayed until the war.
His pictures of the sea wall hang in museums now, and those who saw them wanted to stand where he had stood.
Today a ferry brings them across the bay in summer, while in winter the quay belongs to the gulls again."""
LOOP = "\n".join(["The town had houses and the people came to the market with carts."] * 12)


def test_a_rule_drops_what_it_rejects_with_datatrove_s_reason(tmp_path: Path) -> None:
    rows = [Row(sample_id="a/f:0", question="", answer=PROSE, kind="text")]
    rows += [Row(sample_id="a/f:1", question="", answer=LOOP, kind="text")]
    ledger = run(tmp_path, rows, load_filter("datatrove", {"GopherRepetitionFilter": {}})).to_pylist()
    assert [(row["sample_id"], row["source"], row["reason"]) for row in ledger] == [("a/f:1", "a", "dup_line_frac")]
    assert json.loads(ledger[0]["detail"])["datatrove"] == "GopherRepetitionFilter"


def test_options_reach_the_rule_and_only_the_kinds_asked_for_are_judged(tmp_path: Path) -> None:
    rows = [
        Row(sample_id=f"a/f:{n}", question="", answer=f"secret {n}", kind=kind)
        for n, kind in enumerate(["text", "cot"])
    ]
    rule = {"RegexFilter": {"regex_exp": "secret"}}
    assert dropped(run(tmp_path, rows, load_filter("datatrove", rule))) == ["a/f:0"]
    assert dropped(run(tmp_path, rows, load_filter("datatrove", {**rule, "kinds": ["cot"]}))) == ["a/f:1"]
    flags = run(tmp_path, rows, load_filter("datatrove", {**rule, "action": "flag"})).to_pylist()
    assert [(row["action"], row["reason"]) for row in flags] == [("flag", "regex")]


def test_the_first_of_several_rules_gives_the_reason(tmp_path: Path) -> None:
    asked = load_filter("datatrove", {"C4ParagraphFilter": {}, "RegexFilter": {"regex_exp": "town"}})
    ledger = run(tmp_path, [Row(sample_id="a/f:0", question="", answer=LOOP, kind="text")], asked).to_pylist()
    assert [row["reason"] for row in ledger] == ["c4_paragraph"]
    assert json.loads(ledger[0]["detail"])["says"] == "< 3 paragraphs"


def test_text_quality_keeps_prose_and_drops_lists_and_loops(tmp_path: Path) -> None:
    menu = "\n".join(["Home", "About", "Contact us", "Log in", "Cart (0)", "Search"] * 12)
    rows = [
        Row(sample_id=f"a/f:{n}", question="", answer=text, kind="text") for n, text in enumerate([PROSE, LOOP, menu])
    ]
    rows += [Row(sample_id="a/f:3", question="What is it?", answer="A cat.", kind="image", media=["x"])]
    ledger = run(tmp_path, rows, load_filter("text_quality"))
    assert dropped(ledger) == ["a/f:1", "a/f:2"]
    assert set(ledger["filter"].to_pylist()) == {"text_quality"}


def test_an_empty_document_is_rejected_and_no_error(tmp_path: Path) -> None:
    rows = [Row(sample_id="a/f:0", question="", answer=" ", kind="text")]
    assert len(run(tmp_path, rows, load_filter("datatrove", {"FineWebQualityFilter": {}}))) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"GopherRepetitonFilter": {}},
            r"no filter named 'GopherRepetitonFilter'; did you mean 'GopherRepetitionFilter'",
        ),
        ({"RegexFilter": {"regex": "x"}}, r"no option named 'regex'; did you mean 'regex_exp'"),
        ({"RegexFilter": {}}, r"datatrove\.RegexFilter: .*regex_exp"),
        ({"RegexFilter": {"regex_exp": "("}}, r"datatrove\.RegexFilter"),
        ({"SamplerFilter": {"rate": 0.5}}, "by chance"),
        ({"C4BadWordsFilter": {"keep_fraction": 0.5}}, "by chance"),
        ({"RegexFilter": "secret"}, "write a mapping"),
        ({"RegexFilter": {"regex_exp": "x"}, "kinds": ["txt"]}, r"no kind 'txt'; did you mean 'text'"),
        ({"RegexFilter": {"regex_exp": "x"}, "action": "delete"}, "drop or flag"),
        ({}, "names no filter"),
    ],
)
def test_wrong_settings_are_refused_before_any_data(options: dict[str, object], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        load_filter("datatrove", options)


@pytest.mark.skipif(importlib.util.find_spec("fasttext") is not None, reason="fasttext is installed")
def test_a_rule_whose_package_is_missing_names_it() -> None:
    with pytest.raises(ManifestError, match=r"LanguageFilter: Please install .*fasttext"):
        load_filter("datatrove", {"LanguageFilter": {"languages": "en"}})


def test_the_version_of_datatrove_counts_for_the_stage() -> None:
    assert filter_inputs(load_filter("text_quality"))[0].startswith("datatrove ")


def test_words_and_sentences_are_split_by_characters_alone() -> None:
    assert words("It isn't 3.5 m... (really)!") == ["It", "isn", "'t", "3.5", "m", "...", "(", "really", ")", "!"]
    text = 'He said "no." Then he left.\n\nThe end'
    assert sentences(text) == ['He said "no."', "Then he left.", "The end"]
    assert [text[start:stop] for start, stop in spans(text)] == sentences(text)
    assert spans("") == []
