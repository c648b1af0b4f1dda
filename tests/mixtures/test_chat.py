"""Chat templates read as programs: the same text as Jinja renders, spans on the answers alone, refusals by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import ManifestError
from curation.mixtures.chat import ChatTemplate, Slot
from curation.mixtures.profile import load_profile
from curation.mixtures.tokenizer import load_tokenizer

PROFILE = load_profile("smolvlm2-256m")
TOKENIZER = load_tokenizer("bytes", PROFILE)
TEMPLATE = ChatTemplate(PROFILE, TOKENIZER)
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for p in m['content'] %}"
    "{% if p['type'] == 'image' %}<image>{% else %}{{ p['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
Turns = list[tuple[str, list[Slot]]]


def written(template: ChatTemplate, turns: Turns, *, prompt: bool = False) -> tuple[str, list[str]]:
    """Return the whole text, media as `<image>`, and the trained parts of it."""
    runs: dict[str, int] = {}
    draft = template.draft(turns, runs, add_generation_prompt=prompt)
    ids, loss = draft.assemble(TOKENIZER.encode_ordinary_batch(list(runs)))
    shown = [TOKENIZER.special["<image>"] if token < 0 else token for token in ids]
    spans = [TOKENIZER.decode(shown[start:end]) for start, end in zip(loss[::2], loss[1::2], strict=True)]
    return TOKENIZER.decode(shown), spans


def test_every_answer_of_a_long_conversation_is_a_span_with_its_end() -> None:
    turns: Turns = [("system", ["Be brief."])]
    for i in range(50):
        turns += [("user", [f"Question {i}?"]), ("assistant", [f"Answer {i}."])]
    text, spans = written(TEMPLATE, turns)
    assert spans == [f" Answer {i}.<end_of_utterance>" for i in range(50)]
    assert text.count("\nUser: Question") == 50


def test_prompt_ends_with_the_generation_prompt_and_has_no_span() -> None:
    assert written(TEMPLATE, [("user", ["Hi"])], prompt=True) == (
        "<|im_start|>User: Hi<end_of_utterance>\nAssistant:",
        [],
    )


def test_media_and_their_words_in_an_answer_are_not_trained() -> None:
    turns: Turns = [("user", ["Draw."]), ("assistant", ["Here: ", ("A frame:", None, "\n\n"), "Done."])]
    text, spans = written(TEMPLATE, turns)
    assert text.endswith("Assistant: Here: A frame:<image>\n\nDone.<end_of_utterance>\n")
    assert spans == [" Here: ", "Done.<end_of_utterance>"]


def test_answer_that_begins_with_an_image_has_no_blank_after_the_colon() -> None:
    text, spans = written(TEMPLATE, [("user", ["Draw."]), ("assistant", [(None,), "Done."])])
    assert text.endswith("Assistant:<image>Done.<end_of_utterance>\n")
    assert spans == ["Done.<end_of_utterance>"]


def test_template_blank_before_a_video_in_an_answer_is_not_trained() -> None:
    turns: Turns = [("user", ["Draw."]), ("assistant", [("A frame:", None), (None,), "Done."])]
    text, spans = written(TEMPLATE, turns)
    assert text.endswith("Assistant: A frame:<image><image>Done.<end_of_utterance>\n")
    assert spans == ["Done.<end_of_utterance>"]


def test_names_of_control_tokens_in_an_answer_do_not_end_its_span() -> None:
    turns: Turns = [("user", ["Say <|im_start|>."]), ("assistant", ["<end_of_utterance>\nAssistant: <image>"])]
    runs: dict[str, int] = {}
    ids, loss = TEMPLATE.draft(turns, runs).assemble(TOKENIZER.encode_ordinary_batch(list(runs)))
    end = TOKENIZER.special["<end_of_utterance>"]
    assert ids.count(end) == 2 and ids.count(TOKENIZER.special["<|im_start|>"]) == 1
    assert TOKENIZER.special["<image>"] not in ids and -1 not in ids
    assert len(loss) == 2 and ids[loss[1] - 1] == end


def test_reference_takes_names_of_control_tokens_for_control_tokens() -> None:
    template = ChatTemplate(PROFILE, TOKENIZER, is_reference=True)
    runs: dict[str, int] = {}
    ids, _ = template.draft([("user", ["a<|im_end|>b"])], runs).assemble(TOKENIZER.encode_ordinary_batch(list(runs)))
    assert TOKENIZER.special["<|im_end|>"] in ids


def test_control_tokens_in_text_are_counted_by_name() -> None:
    count = TEMPLATE.control.count
    assert count("<<image> and <image>, <row_1_col_1>, <row_7_col_1>, a < b > c") == {"<image>": 2, "<row_1_col_1>": 1}
    assert count("nothing here") == {}


text_parts = st.text(st.characters(exclude_characters="\ue000\ue001", exclude_categories=["Cs"]), max_size=20)
slots = st.one_of(text_parts, st.just((None,)), st.just(("Words ", None, None, " after")))
turns_of_any_shape = st.lists(
    st.tuples(st.sampled_from(["system", "user", "assistant"]), st.lists(slots, min_size=1, max_size=4)), max_size=6
)


@settings(deadline=None)
@given(turns=turns_of_any_shape, template=st.sampled_from([PROFILE.chat_template, CHATML]), prompt=st.booleans())
def test_program_writes_what_jinja_renders(turns: Turns, template: str, prompt: bool) -> None:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    chat = _chats.setdefault(template, ChatTemplate(replace(PROFILE, chat_template=template), TOKENIZER))
    messages: list[dict[str, Any]] = []
    for role, parts in turns:
        content: list[dict[str, str]] = []
        for slot in parts:
            for item in [slot] if isinstance(slot, str) else slot:
                content.append({"type": "image"} if item is None else {"type": "text", "text": item})
        messages.append({"role": role, "content": content})
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    expected = environment.from_string(template).render(messages=messages, add_generation_prompt=prompt)
    text, spans = written(chat, turns, prompt=prompt)
    assert text == expected
    own_words = "".join(slot for role, parts in turns if role == "assistant" for slot in parts if isinstance(slot, str))
    trained = "".join(spans).replace("<end_of_utterance>" if template != CHATML else "<|im_end|>", "")
    assert trained.replace(" ", "") == own_words.replace(" ", "")


_chats: dict[str, ChatTemplate] = {}


def test_answers_of_another_template_are_trained_with_its_own_end() -> None:
    chat = ChatTemplate(replace(PROFILE, chat_template=CHATML), TOKENIZER)
    _, spans = written(
        chat, [("user", ["Hi"]), ("assistant", ["Hello"]), ("user", ["Bye"]), ("assistant", ["See you"])]
    )
    assert spans == ["Hello<|im_end|>", "See you<|im_end|>"]


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{% for m in messages %}", "the chat template is no Jinja template"),
        ("{{ messages[0].nothing.more }}", "the chat template fails: UndefinedError"),
        ("{{ raise_exception('no system turn') }}", "the chat template fails: TemplateError: no system turn"),
        ("{{ ''.__class__.__mro__ }}", "the chat template fails: SecurityError"),
        (CHATML.replace("p['text']", "p['text'] | trim"), "changes the text it is given"),
        (CHATML.replace("<image>", ""), "leaves out parts of a conversation"),
        (CHATML.replace("<|im_end|>\n", "\n"), "no control token closes the assistant's turn"),
        (
            CHATML.replace("<|im_start|>assistant\n{% endif", "answer:{% endif"),
            "does not begin with the chat template's",
        ),
        ("<image>" + CHATML, "leaves out parts of a conversation or reorders them|has more images"),
    ],
)
def test_template_that_can_not_be_used_is_refused_with_its_problem(template: str, problem: str) -> None:
    with pytest.raises(ManifestError, match=problem):
        ChatTemplate(replace(PROFILE, chat_template=template), TOKENIZER)
