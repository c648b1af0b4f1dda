"""`placeholders`: what a template left behind goes, formulas and code stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.errors import ManifestError
from curation.filters import load_filter
from curation.filters.placeholders import Group, Placeholders
from tests.filters.rows import Row, dropped, run


@pytest.mark.parametrize(
    ("group", "text", "found"),
    [
        ("template_slot", "Dear {{ user.name }},", "{{ user.name }}"),
        ("template_slot", "{% if image %}see{% endif %}", "{% if image %}"),
        ("template_slot", r"\frac{{abc}}{{def}} and x_{{max}}^{{min}}", None),
        ("template_slot", "$${{sum}}$$", None),
        ("template_slot", "In Jinja `{{name}}` prints it.", None),
        ("template_slot", "```\n{{name}}\n```", None),
        ("media_token", "<IMG_CONTEXT><IMG_CONTEXT> what is it?", "<IMG_CONTEXT>"),
        ("media_token", "<image 2> shows", "<image 2>"),
        ("media_token", "<|vision_start|><|image_pad|>", "<|vision_start|>"),
        ("media_token", 'In HTML, <img src="a.png"> shows it; if a <b> c', None),
        ("filler", "Sincerely, [Your Name]", "[Your Name]"),
        ("filler", "Lorem Ipsum dolor sit amet", "Lorem Ipsum dolor"),
        ("filler", "the array[your_index] and [1]", None),
        ("no_value", " NaN\n", " NaN\n"),
        ("no_value", "The value is undefined at 0.", None),
    ],
)
def test_a_placeholder_is_told_from_what_looks_like_one(
    tmp_path: Path, group: Group, text: str, found: str | None
) -> None:
    ledger = run(tmp_path, [Row(sample_id="a/f:0", answer=text)], Placeholders(look_for=(group,))).to_pylist()
    assert [json.loads(row["detail"])["found"] for row in ledger] == ([] if found is None else [found])


def test_a_sample_is_dropped_with_what_was_found_where_and_how_often(tmp_path: Path) -> None:
    rows = [
        Row(sample_id="a/f:0", question="What is {{object}} near {{place}}?", answer="A {{object}}."),
        Row(sample_id="a/f:1", question="What is near?", answer="A tree."),
        Row(sample_id="a/f:2", question="undefined", answer="It means: without a value."),
        Row(sample_id="b/f:0", question="How many?", answer="nan"),
    ]
    ledger = run(tmp_path, rows, Placeholders()).to_pylist()
    assert [(row["sample_id"], row["source"], row["reason"], row["measured"]) for row in ledger] == [
        ("a/f:0", "a", "template_slot", 3.0),
        ("b/f:0", "b", "no_value", 1.0),
    ]
    assert json.loads(ledger[0]["detail"]) == {"found": "{{object}}", "side": "question"}


def test_groups_and_patterns_are_chosen(tmp_path: Path) -> None:
    rows = [Row(sample_id="a/f:0", answer="[Your Name]"), Row(sample_id="a/f:1", answer="As an AI model, I can't.")]
    asked = load_filter("placeholders", {"look_for": ["media_token"], "patterns": [r"(?i)as an ai\b"]})
    assert dropped(run(tmp_path, rows, asked)) == ["a/f:1"]
    with pytest.raises(ManifestError, match="no regular expression"):
        load_filter("placeholders", {"patterns": ["("]})
    with pytest.raises(ManifestError, match=r"look_for.* is 'filer'; did you mean 'filler'"):
        load_filter("placeholders", {"look_for": ["filer"]})
