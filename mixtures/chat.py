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
        program = self._template.program(shape, add_generation_prompt=add_generation_prompt)
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
                    pieces.append([self._tokenizer.special[part]])
                elif part:
                    pieces.append(runs.setdefault(part, len(runs)))
        elif text:
            pieces.append(runs.setdefault(text, len(runs)))

    def _check(self) -> None:
        """Compare the program of a small conversation with the template's own rendering of it."""
        turns: list[tuple[str, list[Slot]]] = [("user", [(None,), " a  b \n"]), ("assistant", ["  c\n "])]
        messages = [
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": " a  b \n"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "  c\n "}]},
        ]
        rendered = self._template.render(messages, False)
        runs: dict[str, int] = {}
        expected: list[list[int]] = []
        for part in self._template.tokens(rendered):
            if type(part) is int:
                expected.append([part])
            elif part:
                expected.append(self._tokenizer.encode_ordinary(str(part)))
        draft = self.draft(turns, runs)
        ids, _ = draft.assemble(self._tokenizer.encode_ordinary_batch(list(runs)))
        compact = [token if token >= 0 else PLACEHOLDER for tokens in expected for token in tokens]
        if self._tokenizer.decode([i for i in ids if i >= 0]) != self._tokenizer.decode([i for i in compact if i >= 0]):
            raise self._template.refusal(
                "the chat template changes the text it is given (it trims it, say); change chat_template"
            )


def _kind(slot: Slot) -> Literal["text", "image"]:
    return "image" if type(slot) is tuple and slot[0] is None else "text"
