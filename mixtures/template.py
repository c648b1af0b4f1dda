"""A Jinja chat template read as a program: constants and slots, once for each shape of conversation.

Rendering the template for every sample would be the slowest step of encode. So a shape (the roles, and which parts are
text or media) is rendered once with marks in place of the parts, and what comes out is carried out for every sample of
the shape.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from enum import Enum
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from curation.errors import ManifestError
from curation.mixtures.control_text import ControlText
from curation.mixtures.profile import Profile
from curation.mixtures.tokenizer import Tokenizer

Shape = tuple[tuple[str, tuple[Literal["text", "image"], ...]], ...]
"""The role of each turn, and whether each of its parts begins with text or an image."""

_SHAPES_KEPT = 4096
_MARK = "\ue000{}\ue001"
_MARKS = re.compile("\ue000([0-9]+)\ue001")


class Mark(Enum):
    """Where a trained span begins and ends."""

    BEGIN = 1
    END = 2


Step = list[int] | str | int | Mark  # ids, literal text, the number of a slot, a mark
Program = tuple[Step, ...]


class Shown(NamedTuple):
    """A part of the conversation in what was rendered: the number of a text, or None for an image."""

    number: int | None


class Template:
    """A profile's chat template for one tokenizer. See `chat.ChatTemplate` for what it raises."""

    def __init__(self, profile: Profile, tokenizer: Tokenizer, control: ControlText) -> None:
        self.render = _compile(profile)
        self._profile = profile
        self._tokenizer = tokenizer
        self._control = control
        self._programs: OrderedDict[tuple[Shape, bool], Program] = OrderedDict()

    def program(self, shape: Shape, *, add_generation_prompt: bool) -> Program:
        """Return the program of a shape, the same for all conversations of it."""
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
        rendered = self.render(messages, add_generation_prompt)
        begins: set[int] = set()
        for i, (role, _) in enumerate(shape):
            if role == "assistant":
                prompt = self.render(messages[:i], True)
                if not rendered.startswith(prompt):
                    what = "an assistant's turn does not begin with the chat template's generation prompt"
                    raise self.refusal(f"{what}, so what is trained can't be told; change chat_template")
                begins.add(len(prompt))
        return self._with_ids(self._steps(rendered, begins, shape))

    def _steps(self, rendered: str, begins: set[int], shape: Shape) -> list[Step]:
        """Cut a rendered shape into ids, texts, slots and marks."""
        kinds = [kind for _, parts in shape for kind in parts]
        last_slots = _last_slots(shape)
        steps: list[Step] = []
        num_shown = 0
        is_closing = False  # the last slot of an assistant's turn is behind, its end-of-turn token ahead
        for start, stop in pairwise(sorted({0, len(rendered), *begins})):
            if start in begins:
                steps.append(Mark.BEGIN)
            for token in self.tokens(rendered[start:stop]):
                if isinstance(token, Shown):
                    self._check_order(token, kinds, num_shown)
                    steps.append(num_shown)
                    is_closing = num_shown in last_slots
                    num_shown += 1
                elif isinstance(token, int):
                    steps += ([token], Mark.END) if is_closing else ([token],)
                    is_closing = False
                elif token:
                    steps.append(token)
        if num_shown != len(kinds):
            raise self.refusal(f"the chat template shows {num_shown} of {len(kinds)} parts of a conversation")
        if steps.count(Mark.BEGIN) != steps.count(Mark.END):
            raise self.refusal("no control token closes the assistant's turn; change chat_template")
        return steps

    def _check_order(self, token: Shown, kinds: Sequence[str], num_shown: int) -> None:
        if num_shown == len(kinds):
            raise self.refusal("the chat template has more images than the conversation")
        is_next = kinds[num_shown] == "image" if token.number is None else token.number == num_shown
        if not is_next:
            raise self.refusal("the chat template leaves out parts of a conversation or reorders them")

    def tokens(self, rendered: str) -> list[str | int | Shown]:
        """Cut what was rendered at the marks of parts and at control tokens."""
        found: list[str | int | Shown] = []
        for i, part in enumerate(_MARKS.split(rendered)):
            if i % 2:
                found.append(Shown(int(part)))
                continue
            for j, piece in enumerate(self._control.split(part)):
                if not j % 2:
                    found.append(piece)
                elif piece == self._profile.tokens.image:
                    found.append(Shown(None))
                else:
                    found.append(self._tokenizer.special[piece])
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

    def refusal(self, problem: str) -> ManifestError:
        """Return the error that says what is wrong with the template."""
        return ManifestError(f"profile {self._profile.name}: {problem}")


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
