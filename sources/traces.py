"""Chains of thought: eight notations in use, read as (reasoning, answer) and written in one form, or kept.

| notation | where | looks like |
|---|---|---|
| `tagged` | LLaVA-CoT | `<SUMMARY>…</SUMMARY><CAPTION>…</CAPTION><REASONING>…</REASONING><CONCLUSION>…</CONCLUSION>` |
| `think` | R1-Onevision | `<think>…</think>` and the answer |
| `thought_tokens` | OpenThoughts | begin_of_thought … end_of_thought, begin_of_solution … end_of_solution, in `<|…|>` |
| `steps` | Mulberry | `### Rationales: … ### Step 1: … ### The final answer is: …` |
| `hash_answer` | GSM8K | the last line is `#### 72`; calculator marks `<<48/2=24>>` inside |
| `boxed` | MATH | the answer stands in `\\boxed{}` inside the solution |
| `parts` | typed chats | a content part of the type `reasoning` before one of the type `text` |
| `prose` | MAmmoTH-VL, AQuA | free text: reasoning and answer are not told apart |

The option `trace` says what becomes of them: `keep` leaves every text as it is; `plain` writes the reasoning, a blank
line, and the answer; `think` writes `<think>`, the reasoning, `</think>`, a blank line, and the answer. Prose stays as
it is in all three. A notation that does not close or that has words outside is `broken_trace`: a flag where texts are
kept, else the row is dropped. The column `trace` names the notation (of several: `mixed`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from msgspec import structs

from curation.records import Flag, Location, Sample, Text, Turn
from curation.sources.conversation import text_turn
from curation.sources.defects import RowDefect
from curation.sources.options import choice_option

Notation = Literal["tagged", "think", "thought_tokens", "steps", "hash_answer", "boxed", "parts", "prose"]
Mode = Literal["keep", "plain", "think"]
TRACE_OPTIONS = {"trace": "chains of thought: keep (as they are, the default), plain (reasoning, answer) or think"}

_TAGS = "SUMMARY|CAPTION|REASONING|CONCLUSION"
_TAG = re.compile(rf"</?({_TAGS})>")
_BLOCK = re.compile(rf"<({_TAGS})>(.*?)</\1>", re.DOTALL)
_THOUGHT_TOKEN = re.compile(r"<\|(?:begin|end)_of_(?:thought|solution)\|>")
_ANSWER = re.compile(r"\s*<answer>(.*)</answer>\s*", re.DOTALL)
_FINAL = re.compile(r"^#{2,4} *(?:The )?[Ff]inal answer(?: is)? *:?", re.MULTILINE)
_HEADING = re.compile(r"^#{2,4} +", re.MULTILINE)
_CALCULATION = re.compile(r"<<[^<>\n]*>>")


@dataclass(frozen=True, slots=True)
class Trace:
    """An answer's reasoning and the answer itself, without the marks of their notation."""

    reasoning: str
    answer: str
    notation: Notation


def trace_mode(location: Location) -> Mode:
    """Read the option `trace`. Raises ManifestError."""
    return cast(Mode, choice_option(location, "trace", ("keep", "plain", "think")))


def notation_of(text: str) -> Notation:
    """Say which notation a text uses, by its marks alone; `parts` can't be told from text."""
    if "<|" in text and _THOUGHT_TOKEN.search(text):
        return "thought_tokens"
    if "<think>" in text or "</think>" in text:
        return "think"
    if "<" in text and _TAG.search(text):
        return "tagged"
    if "##" in text:
        if "inal answer" in text and _FINAL.search(text):
            return "steps"
        if _last_line(text)[1].startswith("####"):
            return "hash_answer"
    return "boxed" if "\\boxed{" in text else "prose"


def read_trace(text: str) -> Trace:
    r"""Tell reasoning and answer of a text apart; of prose, all is the answer.

    >>> read_trace("48/2 = <<48/2=24>>24 clips.\n#### 24")
    Trace(reasoning='48/2 = 24 clips.', answer='24', notation='hash_answer')

    Raises:
        RowDefect: `broken_trace`: the notation does not close, or the answer is missing.

    """
    notation = notation_of(text)
    reasoning, answer = _READERS[notation](text) if notation != "prose" else ("", text)
    if notation == "prose":
        return Trace(reasoning, answer, notation)
    if not answer.strip():
        raise RowDefect("broken_trace", f"{notation}: the answer is empty")
    return Trace(reasoning.strip(), answer.strip(), notation)


def write_trace(reasoning: str, answer: str, *, mode: Mode) -> str:
    """Write reasoning and answer as `plain`, else as `think`: `keep` too, for what has no text of its own to keep."""
    if not reasoning:
        return answer
    if mode == "plain":
        return f"{reasoning}\n\n{answer}"
    return f"<think>\n{reasoning}\n</think>\n\n{answer}"


def with_traces(sample: Sample, mode: Mode, *, notation: Notation | None = None) -> Sample:
    """Return a sample with its answers' traces in the form of the mode, and the column `trace`.

    `notation` is what the source's row had where its texts do not show it any more (`parts`). Raises RowDefect.
    """
    turns: list[Turn] = []
    marked: set[str] = set()
    flags: list[Flag] = []
    for turn in sample.turns:
        first = turn.parts[0]
        if turn.role == "assistant" and len(turn.parts) == 1 and isinstance(first, Text):
            name = notation_of(first.text)
            if name != "prose":
                marked.add(name)
                turn = _rewritten(turn, first.text, mode, flags)
        turns.append(turn)
    found = notation or (marked.pop() if len(marked) == 1 else "mixed" if marked else "prose")
    columns = {**sample.columns, "trace": found}
    return structs.replace(sample, turns=tuple(turns), columns=columns, flags=(*sample.flags, *flags))


def _rewritten(turn: Turn, text: str, mode: Mode, flags: list[Flag]) -> Turn:
    """Return a turn with its trace in the form of the mode; a broken one is a flag where texts are kept."""
    try:
        trace = read_trace(text)
    except RowDefect as err:
        if mode != "keep":
            raise
        flags.append(Flag(reason=err.reason, detail={"detail": err.detail}))
        return turn
    return turn if mode == "keep" else text_turn("assistant", write_trace(trace.reasoning, trace.answer, mode=mode))


def _thought_tokens(text: str) -> tuple[str, str]:
    before, _, rest = text.partition("<|begin_of_thought|>")
    thought, close, rest = rest.partition("<|end_of_thought|>")
    between, opening, rest = rest.partition("<|begin_of_solution|>")
    solution, _, after = rest.partition("<|end_of_solution|>")
    is_whole = close and opening and not (before.strip() or between.strip() or after.strip())
    if not is_whole or _THOUGHT_TOKEN.search(thought) or _THOUGHT_TOKEN.search(solution):
        raise RowDefect("broken_trace", "thought_tokens: not one thought and one solution")
    return thought, solution


def _think(text: str) -> tuple[str, str]:
    before, close, after = text.partition("</think>")
    thought = before.lstrip().removeprefix("<think>")  # it may be missing: R1's own template writes it into the prompt
    if not close or "<think>" in thought or "</think>" in after or "<think>" in after:
        raise RowDefect("broken_trace", "think: not one <think>…</think> at the start")
    answer = _ANSWER.fullmatch(after)
    return thought, answer[1] if answer else after


def _tagged(text: str) -> tuple[str, str]:
    blocks = _BLOCK.findall(text)
    names = [name for name, _ in blocks]
    if _TAG.search("".join(words for _, words in blocks)) or _BLOCK.sub("", text).strip():
        raise RowDefect("broken_trace", "tagged: words or tags outside the blocks")
    if names.count("CONCLUSION") != 1 or names[-1] != "CONCLUSION":
        raise RowDefect("broken_trace", f"tagged: {' '.join(names)}")
    return "\n\n".join(words.strip() for _, words in blocks[:-1] if words.strip()), blocks[-1][1]


def _steps(text: str) -> tuple[str, str]:
    *_, final = _FINAL.finditer(text)
    return _HEADING.sub("", text[: final.start()]), text[final.end() :]


def _hash_answer(text: str) -> tuple[str, str]:
    before, line = _last_line(text)
    return _CALCULATION.sub("", before), line.removeprefix("####")


def _last_line(text: str) -> tuple[str, str]:
    before, _, line = text.rstrip().rpartition("\n")
    return before, line


def _boxed(text: str) -> tuple[str, str]:
    pieces: list[str] = []
    answer, end = "", 0
    while (start := text.find("\\boxed{", end)) >= 0:
        close = _closing_brace(text, start + len("\\boxed{"))
        answer = text[start + len("\\boxed{") : close]
        pieces += [text[end:start], answer]
        end = close + 1
    return "".join((*pieces, text[end:])), f"${answer}$" if answer.strip() else ""


def _closing_brace(text: str, position: int) -> int:
    depth = 1
    for place in range(position, len(text)):
        sign = text[place]
        if text[place - 1] == "\\" and text[place - 2] != "\\":
            continue
        depth += (sign == "{") - (sign == "}")
        if depth == 0:
            return place
    raise RowDefect("broken_trace", "boxed: the brace does not close")


_READERS = {
    "boxed": _boxed,
    "hash_answer": _hash_answer,
    "steps": _steps,
    "tagged": _tagged,
    "think": _think,
    "thought_tokens": _thought_tokens,
}
