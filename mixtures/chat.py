"""A conversation laid out by a profile's chat template, as pieces of text and ids with the trained spans marked.

The template is data (Jinja), and rendering it for every sample would be the slowest step. So it is rendered once for
each shape of conversation (roles, and which parts are text or media), with marks in place of the parts; what comes out is a
`Program` of constants and slots that is carried out for every sample of the shape. Between control tokens, text is
encoded in one piece, as the whole rendered string would be.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Any, Literal

from curation.errors import ManifestError
from curation.mixtures.layout import PLACEHOLDER
from curation.mixtures.profile import Profile
from curation.mixtures.tokenizer import Tokenizer

Slot = str | tuple[str | None, ...]
"""A part of a turn: its own text, or a medium as its words with None for each image or frame."""

Shape = tuple[tuple[str, tuple[Literal["text", "image"], ...]], ...]
_SHAPES_KEPT = 4096
_MARK = "\ue000{}\ue001"
_IMAGE = [PLACEHOLDER]


class Mark(Enum):
    """Where a trained span begins and ends."""

    BEGIN = 1
    END = 2


Step = list[int] | str | int | Mark  # ids, literal text, the number of a slot, a mark
Program = tuple[Step, ...]


@dataclass(slots=True)
class Draft:
    """A conversation before its texts are encoded.

    `pieces` are ids, or the number of a run of text in the batch; `spans` are [begin, end, …] in pieces.
    """

    pieces: list[list[int] | int]
    spans: list[int]

    def assemble(self, encoded: Sequence[list[int]]) -> tuple[list[int], list[int]]:
        """Return (compact ids, loss) once the runs are encoded; empty spans are left out, touching ones joined."""
        ids: list[int] = []
        starts: list[int] = []
        for piece in self.pieces:
            starts.append(len(ids))
            ids += encoded[piece] if type(piece) is int else piece  # type: ignore[arg-type]
        starts.append(len(ids))
        loss: list[int] = []
        for begin, end in zip(self.spans[::2], self.spans[1::2], strict=True):
            if starts[begin] == starts[end]:
                continue
            if loss and loss[-1] == starts[begin]:
                loss[-1] = starts[end]
            else:
                loss += (starts[begin], starts[end])
        return ids, loss


class ControlText:
    """Finds the names of control tokens in text, where they are no control tokens."""

    def __init__(self, special: Mapping[str, int]) -> None:
        self._special = special
        longest_first = sorted(special, key=len, reverse=True)
        self._splitter = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")
        is_bracketed = all(re.fullmatch("<[^<>]+>", name) for name in special)
        self._hint = "<" if is_bracketed else ""
        self._finder = re.compile("<[^<>]+>") if is_bracketed else self._splitter

    def count(self, text: str) -> dict[str, int]:
        """Return how often each control token's name stands in a text."""
        if self._hint not in text:
            return {}
        found: dict[str, int] = {}
        for name in self._finder.findall(text):
            if name in self._special:
                found[name] = found.get(name, 0) + 1
        return found

    def split(self, text: str) -> list[str]:
        """Cut a text at the names: text and names alternate, beginning and ending with text."""
        return self._splitter.split(text)


class ChatTemplate:
    """A profile's chat template for one tokenizer.

    With `is_reference`, control tokens that stand in a sample's own text are control tokens, as the published processor
    has it; otherwise they are text. Raises `ManifestError` for a template that does not render, changes the text it is
    given, or does not begin an assistant's turn as its generation prompt does.
    """

    def __init__(self, profile: Profile, tokenizer: Tokenizer, *, is_reference: bool = False) -> None:
        self._profile = profile
        self._tokenizer = tokenizer
        self._special = tokenizer.special
        self._render = _compile(profile)
        self.control = ControlText(self._special)
        self._is_reference = is_reference
        self._marks = re.compile("\ue000([0-9]+)\ue001")
        self._programs: OrderedDict[tuple[Shape, bool], Program] = OrderedDict()
        self._check()

    def draft(
        self,
        turns: Sequence[tuple[str, Sequence[Slot]]],
        runs: dict[str, int],
        *,
        add_generation_prompt: bool = False,
    ) -> Draft:
        """Lay out a conversation; texts to encode are numbered in `runs`, which a batch shares."""
        shape = tuple((role, tuple(map(_kind, slots))) for role, slots in turns)
        program = self._program(shape, add_generation_prompt)
        return self._carry_out(program, [slot for _, slots in turns for slot in slots], runs)

    def _carry_out(self, program: Program, slots: Sequence[Slot], runs: dict[str, int]) -> Draft:
        pieces: list[list[int] | int] = []
        spans: list[int] = []
        buffer: list[str] = []
        is_trained = False

        def cut() -> None:
            """End the run of text at this point and, there, a span."""
            self._flush(buffer, pieces, runs)
            spans.append(len(pieces))

        for step in program:
            if type(step) is str:
                buffer.append(step)
            elif type(step) is int:
                slot = slots[step]
                if type(slot) is str:
                    buffer.append(slot)
                    continue
                if is_trained:
                    cut()
                for item in slot:
                    if item is None:
                        self._flush(buffer, pieces, runs)
                        pieces.append(_IMAGE)
                    else:
                        buffer.append(item)
                if is_trained:
                    cut()
            elif type(step) is list:
                self._flush(buffer, pieces, runs)
                pieces.append(step)
            else:
                cut()
                is_trained = step is Mark.BEGIN
        self._flush(buffer, pieces, runs)
        return Draft(pieces, spans)

    def _flush(self, buffer: list[str], pieces: list[list[int] | int], runs: dict[str, int]) -> None:
        if not buffer:
            return
        text = "".join(buffer)
        buffer.clear()
        if self._is_reference and self.control.count(text):
            for i, part in enumerate(self.control.split(text)):
                if i % 2:
                    pieces.append([self._special[part]])
                elif part:
                    pieces.append(runs.setdefault(part, len(runs)))
        elif text:
            pieces.append(runs.setdefault(text, len(runs)))

    def _program(self, shape: Shape, add_generation_prompt: bool) -> Program:
        key = (shape, add_generation_prompt)
        program = self._programs.get(key)
        if program is None:
            program = self._programs[key] = self._build(shape, add_generation_prompt)
            if len(self._programs) > _SHAPES_KEPT:
                self._programs.popitem(last=False)
        else:
            self._programs.move_to_end(key)
        return program

    def _build(self, shape: Shape, add_generation_prompt: bool) -> Program:
        """Render the shape with marks for its parts and read the program off the result."""
        messages = _marked(shape)
        rendered = self._render(messages, add_generation_prompt)
        begins: set[int] = set()
        for i, (role, _) in enumerate(shape):
            if role == "assistant":
                prompt = self._render(messages[:i], True)
                if not rendered.startswith(prompt):
                    what = "an assistant's turn does not begin with the chat template's generation prompt"
                    raise self._refusal(f"{what}, so what is trained can't be told; change chat_template")
                begins.add(len(prompt))
        return self._with_ids(self._steps(rendered, begins, shape))

    def _steps(self, rendered: str, begins: set[int], shape: Shape) -> list[Step]:
        """Cut a rendered shape into ids, texts, slots and marks."""
        kinds = [kind for _, parts in shape for kind in parts]
        last_slots = _last_slots(shape)
        cuts = sorted({0, len(rendered), *begins})
        steps: list[Step] = []
        expected = 0
        closing = False  # the last slot of an assistant's turn is behind, its end-of-turn token ahead
        for start, stop in pairwise(cuts):
            if start in begins:
                steps.append(Mark.BEGIN)
            for token in self._tokens(rendered[start:stop]):
                if type(token) is int and token < 0:
                    number = -token - 1
                    if expected == len(kinds):
                        raise self._refusal("the chat template has more images than the conversation")
                    expected_kind = "image" if number == _ANY_IMAGE else "text"
                    number = expected if number == _ANY_IMAGE else number
                    if number != expected or kinds[number] != expected_kind:
                        raise self._refusal("the chat template leaves out parts of the conversation or reorders them")
                    steps.append(number)
                    expected += 1
                    closing = number in last_slots
                elif type(token) is int:
                    steps.append([token])
                    if closing:
                        steps.append(Mark.END)
                        closing = False
                elif token:
                    steps.append(token)
        if expected != len(kinds):
            raise self._refusal(f"the chat template shows {expected} of {len(kinds)} parts of a conversation")
        if sum(step is Mark.BEGIN for step in steps) != sum(step is Mark.END for step in steps):
            raise self._refusal("no control token closes the assistant's turn; change chat_template")
        return steps

    def _tokens(self, rendered: str) -> list[str | int]:
        """Cut at marks and control tokens: text, ids, and -1 - n for slot n (-1 - _ANY_IMAGE for an image)."""
        found: list[str | int] = []
        for i, part in enumerate(self._marks.split(rendered)):
            if i % 2:
                found.append(-1 - int(part))
                continue
            for j, piece in enumerate(self.control.split(part)):
                if not j % 2:
                    found.append(piece)
                elif piece == self._profile.tokens.image:
                    found.append(-1 - _ANY_IMAGE)
                else:
                    found.append(self._special[piece])
        return found

    def _with_ids(self, steps: list[Step]) -> Program:
        """Encode the texts that no slot touches, and join the ids that then stand side by side."""
        found: list[Step] = []
        for i, step in enumerate(steps):
            beside = [steps[j] for j in (i - 1, i + 1) if 0 <= j < len(steps)]
            if type(step) is str and not any(type(other) is int for other in beside):
                step = self._tokenizer.encode_ordinary(step)
            if type(step) is list and found and type(found[-1]) is list:
                found[-1] = [*found[-1], *step]
            else:
                found.append(step)
        return tuple(found)

    def _check(self) -> None:
        """Compare the program of a small conversation with the template's own rendering of it."""
        turns: list[tuple[str, list[Slot]]] = [("user", [(None,), " a  b \n"]), ("assistant", ["  c\n "])]
        messages = [
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": " a  b \n"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "  c\n "}]},
        ]
        rendered = self._render(messages, False)
        runs: dict[str, int] = {}
        expected: list[list[int]] = []
        for part in self._tokens(rendered):
            if type(part) is int:
                expected.append([part])
            elif part:
                expected.append(self._tokenizer.encode_ordinary(str(part)))
        draft = self.draft(turns, runs)
        ids, _ = draft.assemble(self._tokenizer.encode_ordinary_batch(list(runs)))
        compact = [token if token >= 0 else PLACEHOLDER for tokens in expected for token in tokens]
        if self._tokenizer.decode([i for i in ids if i >= 0]) != self._tokenizer.decode([i for i in compact if i >= 0]):
            raise self._refusal(
                "the chat template changes the text it is given (it trims it, say); change chat_template"
            )

    def _refusal(self, problem: str) -> ManifestError:
        return ManifestError(f"profile {self._profile.name}: {problem}")


_ANY_IMAGE = 1 << 30


def _kind(slot: Slot) -> Literal["text", "image"]:
    return "image" if type(slot) is tuple and slot[0] is None else "text"


def _marked(shape: Shape) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    number = 0
    for role, kinds in shape:
        content: list[dict[str, str]] = []
        for kind in kinds:
            content.append({"type": "image"} if kind == "image" else {"type": "text", "text": _MARK.format(number)})
            number += 1
        messages.append({"role": role, "content": content})
    return messages


def _last_slots(shape: Shape) -> set[int]:
    last: set[int] = set()
    count = 0
    for role, kinds in shape:
        count += len(kinds)
        if role == "assistant":
            last.add(count - 1)
    return last


def _compile(profile: Profile) -> Callable[[list[dict[str, Any]], bool], str]:
    """Compile the template as transformers does: sandboxed, blocks trimmed, with `raise_exception`."""
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> str:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = refuse
    tokens = {"bos_token": profile.tokens.begin, "eos_token": profile.tokens.end_of_turn}
    try:
        template = environment.from_string(profile.chat_template)
    except TemplateError as err:
        raise ManifestError(f"profile {profile.name}: the chat template is no Jinja template: {err}") from err

    def render(messages: list[dict[str, Any]], add_generation_prompt: bool) -> str:
        try:
            return template.render(messages=messages, add_generation_prompt=add_generation_prompt, **tokens)
        except Exception as err:  # a template may fail in any way that Python does
            problem = f"the chat template fails: {type(err).__name__}: {err}"
            raise ManifestError(f"profile {profile.name}: {problem}") from err

    return render
