"""Chains of thought: eight notations, one form."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import ManifestError
from curation.records import Sample, Text, Turn
from curation.sources.defects import RowDefect
from curation.sources.traces import Trace, notation_of, read_trace, with_traces, write_trace
from tests.sources.layouts import flags, location, only_drop, only_sample, read_all, reasons, shape, write_lines

TAGGED = (
    "<SUMMARY> s </SUMMARY>\n\n<CAPTION> c </CAPTION>\n\n<REASONING> r </REASONING>\n\n<CONCLUSION> a </CONCLUSION>"
)
TOKENS = "<|begin_of_thought|>\n\nr\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\na\n\n<|end_of_solution|>"
STEPS = "### Rationales:\nr\n\n### Let's think step by step.\n\n### Step 1:\nLook.\n\n### The final answer is: a"


@pytest.mark.parametrize(
    ("text", "trace"),
    [
        (TAGGED, Trace("s\n\nc\n\nr", "a", "tagged")),
        ("<think>\nr\n</think>\n\na", Trace("r", "a", "think")),
        ("r\n</think>\n<answer>a</answer>", Trace("r", "a", "think")),
        (TOKENS, Trace("r", "a", "thought_tokens")),
        (STEPS, Trace("Rationales:\nr\n\nLet's think step by step.\n\nStep 1:\nLook.", "a", "steps")),
        ("2+2=<<2+2=4>>4\n#### 4", Trace("2+2=4", "4", "hash_answer")),
        ("So $x=\\boxed{\\frac{1}{\\}}}$.", Trace("So $x=\\frac{1}{\\}}$.", "$\\frac{1}{\\}}$", "boxed")),
        ("Either $\\boxed{1}$ or $\\boxed{2}$.", Trace("Either $1$ or $2$.", "$2$", "boxed")),
        (" It is red. ", Trace("", " It is red. ", "prose")),
        ("1 < 2 and # is no heading", Trace("", "1 < 2 and # is no heading", "prose")),
    ],
)
def test_reasoning_and_answer_are_told_apart(text: str, trace: Trace) -> None:
    assert read_trace(text) == trace


@pytest.mark.parametrize(
    "text",
    [
        "<think>r",
        "First <think>r</think> a",
        "<think>r</think>a<think>b</think>c",
        "<think>r</think>",
        "<SUMMARY>s</SUMMARY><REASONING>r</REASONING>",
        "<SUMMARY>s</SUMMARY> words <CONCLUSION>a</CONCLUSION>",
        "<CONCLUSION>a</CONCLUSION><SUMMARY>s</SUMMARY>",
        "<REASONING>r<CONCLUSION>a</CONCLUSION>",
        "<|begin_of_thought|>r<|end_of_thought|>",
        TOKENS + TOKENS,
        "$\\boxed{1$",
        "### Step 1:\nr\n### The final answer is:",
    ],
)
def test_a_notation_that_does_not_close_is_broken(text: str) -> None:
    with pytest.raises(RowDefect, match="broken_trace"):
        read_trace(text)


WORDS = st.text(st.characters(exclude_characters="<>#\\", exclude_categories=["Cs"])).map(str.strip).filter(bool)


@given(reasoning=WORDS, answer=WORDS)
def test_what_is_written_as_think_is_read_back(reasoning: str, answer: str) -> None:
    assert read_trace(write_trace(reasoning, answer, mode="think")) == Trace(reasoning, answer, "think")


@given(
    text=st.text(max_size=200) | st.lists(st.sampled_from([TAGGED, TOKENS, STEPS, "<think>", "\\boxed{"])).map("".join)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        trace = read_trace(text)
    except RowDefect as err:
        assert err.reason == "broken_trace" and notation_of(text) != "prose"
    else:
        assert trace.notation == notation_of(text)
        assert trace.answer.strip() or trace.notation == "prose"


def _sample(*answers: str) -> Sample:
    turns = [turn for text in answers for turn in (("user", "q"), ("assistant", text))]
    return Sample(row_key="a:0", turns=tuple(Turn(role=r, parts=(Text(text=t),)) for r, t in turns))  # type: ignore[arg-type]


def test_a_sample_names_its_notation_or_that_it_has_several() -> None:
    assert with_traces(_sample("red", TAGGED), "keep").columns == {"trace": "tagged"}
    assert with_traces(_sample(TOKENS, TAGGED), "keep").columns == {"trace": "mixed"}
    assert with_traces(_sample("red"), "think").columns == {"trace": "prose"}
    assert shape(with_traces(_sample("red", TAGGED), "plain"))[1::2] == [["red"], ["s\n\nc\n\nr\n\na"]]


def test_a_broken_trace_is_a_flag_where_texts_are_kept_and_else_a_defect() -> None:
    kept = with_traces(_sample("<think>r"), "keep")
    assert flags(kept) == ["broken_trace"] and shape(kept)[1] == ["<think>r"]
    with pytest.raises(RowDefect, match="broken_trace"):
        with_traces(_sample("<think>r"), "think")


def test_typed_reasoning_parts_are_a_notation_too(tmp_path: Path) -> None:
    parts = [{"type": "reasoning", "value": "r\n"}, {"type": "text", "value": "a"}]
    row = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": parts}]}
    path = write_lines(tmp_path / "a.jsonl", [row])
    for mode, text in (
        ("keep", "<think>\nr\n</think>\n\na"),
        ("plain", "r\n\na"),
        ("think", "<think>\nr\n</think>\n\na"),
    ):
        sample = only_sample("cot", location(path, trace=mode))
        assert shape(sample)[1] == [text] and sample.columns == {"trace": "parts"}


def test_reasoning_in_a_column_of_its_own_is_joined(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [{"problem": "q", "reasoning": "r", "solution": "a"}])
    assert shape(only_sample("cot", location(path, trace="plain"))) == [["q"], ["r\n\na"]]


def test_an_unknown_mode_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [{"question": "q", "answer": "a"}])
    with pytest.raises(ManifestError, match="'trace' is 'plane'; give one of keep, plain, think; did you mean 'plain'"):
        read_all("gsm8k", location(path, trace="plane"))


def test_a_tool_turn_and_a_tool_call_drop_the_row(real_data: Path) -> None:
    path = real_data / "real" / "text-sft-formats" / "reason_tool_use_demo_50.jsonl"
    assert {"ok", "unknown_role", "unknown_part"} == set(reasons(read_all("cot", location(path))))


@pytest.mark.parametrize(
    ("name", "path", "mark"),
    [("gsm8k", "text-gsm8k/train.jsonl", "\n#### "), ("math", "cot-math500/math.json", "\\boxed{")],
)
def test_real_solutions_are_kept_or_split_without_their_marks(real_data: Path, name: str, path: str, mark: str) -> None:
    kept = read_all(name, location(real_data / "real" / path))
    plain = read_all(name, location(real_data / "real" / path, trace="plain"))
    assert set(reasons(kept)) == set(reasons(plain)) == {"ok"}
    assert all(mark in shape(row)[1][0] for row in kept if isinstance(row, Sample))
    texts = [shape(row)[1][0] for row in plain if isinstance(row, Sample)]
    assert not any(sign in text for text in texts for sign in (mark, "<<"))


def test_aqua_names_the_letter_and_refuses_another(tmp_path: Path) -> None:
    row = {"question": "1+1?", "options": ["A)1", "B)2"], "correct": "B"}
    path = write_lines(tmp_path / "a.jsonl", [{**row, "rationale": "It is 2"}])
    assert shape(only_sample("aqua", location(path))) == [["1+1?\nA)1\nB)2"], ["It is 2\nAnswer: B"]]
    path = write_lines(tmp_path / "a.jsonl", [{**row, "rationale": "1+1 = 2\nThe answer is B."}])
    assert shape(only_sample("aqua", location(path)))[1] == ["1+1 = 2\nThe answer is B."]
    assert shape(only_sample("aqua", location(path, trace="plain")))[1] == ["1+1 = 2\n\nB"]
    path = write_lines(tmp_path / "a.jsonl", [{**row, "rationale": "1+1 = 1\nAnswer: A"}])
    assert only_drop("aqua", location(path)).reason == "answers_disagree"


def test_every_real_rationale_of_aqua_ends_with_its_letter(real_data: Path) -> None:
    import orjson

    path = real_data / "real" / "cot-aqua-svamp" / "aqua_test.jsonl"
    letters = [orjson.loads(line)["correct"] for line in path.read_bytes().splitlines() if line]
    rows = read_all("aqua", location(path, trace="plain"))
    assert [shape(row)[1][0].rsplit("\n\n", 1)[-1] for row in rows if isinstance(row, Sample)] == letters
