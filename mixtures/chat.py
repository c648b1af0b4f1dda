"""A conversation laid out by a profile's chat template, as pieces of text and ids with the trained spans marked.

Between control tokens, text is encoded in one piece, as the whole rendered string would be. Where an assistant's words
begin the text is cut as well, because that is where the prompt ends when the model is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from curation.mixtures.control_text import ControlText
from curation.mixtures.layout import PLACEHOLDER
from curation.mixtures.profile import Profile
from curation.mixtures.template import Mark, Program, Template
from curation.mixtures.tokenizer import Tokenizer

Slot = str | tuple[str | None, ...]
"""A part of a turn: its own text, or a medium as its words with None for each image or frame."""

_IMAGE = [PLACEHOLDER]


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


class ChatTemplate:
    """A profile's chat template for one tokenizer.

    With `is_reference`, control tokens that stand in a sample's own text are control tokens, as the published processor
    has it; otherwise they are text. Raises `ManifestError` for a template that does not render, changes the text it is
    given, or does not begin an assistant's turn as its generation prompt does.
    """

    def __init__(self, profile: Profile, tokenizer: Tokenizer, *, is_reference: bool = False) -> None:
        self.control = ControlText(tokenizer.special)
        self._tokenizer = tokenizer
        self._template = Template(profile, tokenizer, self.control)
        self._is_reference = is_reference
        self._check(profile.tokens.image)

    def draft(
        self,
        turns: Sequence[tuple[str, Sequence[Slot]]],
        runs: dict[str, int],
        *,
        add_generation_prompt: bool = False,
    ) -> Draft:
        """Lay out a conversation; texts to encode are numbered in `runs`, which a batch shares."""
        shape = tuple((role, tuple(map(_kind, slots))) for role, slots in turns)
        program = self._template.program(shape, add_generation_prompt=add_generation_prompt)
        return self._carry_out(program, [slot for _, slots in turns for slot in slots], runs)

    def _carry_out(self, program: Program, slots: Sequence[Slot], runs: dict[str, int]) -> Draft:
        pieces: list[list[int] | int] = []
        spans: list[int] = []
        buffer: list[str] = []
        is_trained = has_words = False
        for step in program:
            if type(step) is str:
                buffer.append(step)
            elif type(step) is int:
                slot = slots[step]
                if type(slot) is str:
                    buffer.append(slot)
                    has_words = has_words or bool(slot)
                    continue
                if is_trained:
                    self._flush(buffer, pieces, runs)
                    # Without words of the assistant's own before the medium, the span would hold the template's blank.
                    spans[-1:] = (spans[-1], len(pieces)) if has_words else ()
                    has_words = False
                for item in slot:
                    if item is None:
                        self._flush(buffer, pieces, runs)
                        pieces.append(_IMAGE)
                    else:
                        buffer.append(item)
                if is_trained:
                    self._flush(buffer, pieces, runs)
                    spans.append(len(pieces))
            else:
                self._flush(buffer, pieces, runs)
                if type(step) is list:
                    pieces.append(step)
                    continue
                spans.append(len(pieces))
                is_trained, has_words = step is Mark.BEGIN, False
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
                    pieces.append([self._tokenizer.special[part]])
                elif part:
                    pieces.append(runs.setdefault(part, len(runs)))
        elif text:
            pieces.append(runs.setdefault(text, len(runs)))

    def _check(self, image_name: str) -> None:
        """Compare the program of a small conversation with the template's own rendering of it."""
        turns: list[tuple[str, list[Slot]]] = [("user", [(None,), " a  b \n"]), ("assistant", ["  c\n "])]
        messages = [
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": " a  b \n"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "  c\n "}]},
        ]
        runs: dict[str, int] = {}
        draft = self.draft(turns, runs)
        ids, _ = draft.assemble(self._tokenizer.encode_ordinary_batch(list(runs)))
        image = self._tokenizer.special[image_name]
        written = self._tokenizer.decode([image if token == PLACEHOLDER else token for token in ids])
        if written != self._template.render(messages, False):
            problem = "the chat template changes the text it is given (it trims it, say); change chat_template"
            raise self._template.refusal(problem)


def _kind(slot: Slot) -> Literal["text", "image"]:
    return "image" if type(slot) is tuple and slot[0] is None else "text"
