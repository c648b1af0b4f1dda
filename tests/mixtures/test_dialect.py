"""The words around media, as rendered strings: the published training strings among them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import ManifestError
from curation.mixtures.arrangement import arrange
from curation.mixtures.dialect import DIALECTS, VideoTimes, clock, duration, load_dialect, number
from curation.mixtures.encode import Encoder, EncodeSettings
from curation.mixtures.profile import load_profile
from curation.mixtures.tokenizer import load_tokenizer

PROFILE = load_profile("smolvlm2-256m")
TOKENIZER = load_tokenizer("bytes", PROFILE)
TWO_FRAMES = VideoTimes(stored=((14.5,), (15.5,)), duration=30.063397)
FOUR_FRAMES = VideoTimes(stored=((0.0,), (1.0,), (2.0,), (3.0,)), duration=4.0)
AVERAGED = VideoTimes(stored=((0.0, 1.0), (2.0, 3.0)), duration=4.0)
BARE_FRAME = "<fake_token_around_image><global-img>" + "<image>" * 64 + "<fake_token_around_image>"


def rendered(dialect: str | dict[str, Any], messages: list[Any], *videos: VideoTimes, images: int = 0) -> str:
    """Return the string that the model sees, each whole image or frame as one `[i]`."""
    settings = EncodeSettings(profile=PROFILE, dialect=load_dialect(dialect), split_images=False)
    input_ids, _ = Encoder(settings, TOKENIZER).render(messages, image_sizes=[(64, 48)] * images, videos=videos)
    return TOKENIZER.decode(input_ids.tolist()).replace(BARE_FRAME, "[i]")


def message(role: str, *parts: str) -> dict[str, Any]:
    shown = {"<image>": {"type": "image"}, "<video>": {"type": "video"}}
    return {"role": role, "content": [shown.get(part, {"type": "text", "text": part}) for part in parts]}


def chat(*parts: str, system: str = "") -> list[dict[str, Any]]:
    asked = [message("user", *parts), message("assistant", "A cat.")]
    return [message("system", system), *asked] if system else asked


ANSWER = "<end_of_utterance>\nAssistant: A cat.<end_of_utterance>\n"


def test_small_models_were_trained_with_these_words_around_images() -> None:
    assert rendered("smolvlm2-train-small", chat("<image>", "\nWhat is it?", system="SYS"), images=1) == (
        "<|im_start|>System: SYS<end_of_utterance>\nUser: Here are some images: [i]"
        "Now answer the following question: What is it?" + ANSWER
    )


def test_small_models_were_trained_with_these_words_around_frames() -> None:
    assert rendered("smolvlm2-train-small", chat("<video>", "What happens?", system="SYS"), TWO_FRAMES) == (
        "<|im_start|>System: SYS<end_of_utterance>\nUser: You are provided the following series of two frames from a "
        "0:00:30.063397 [H:MM:SS] video.\nFrame from 00:14:[i]Frame from 00:15:[i]"
        "Now answer the following question: What happens?" + ANSWER
    )


def test_large_model_was_trained_with_one_marker_for_a_clip_of_two_frames() -> None:
    words = (
        "<|im_start|>User: You are provided the following two clips sampled from a 0:00:04 [H:MM:SS] video. "
        "The clips:\n"
        "\nClip from 00:00 to 00:01:{frames}\nClip from 00:02 to 00:03:{frames}\n\nWhat is it?"
    )
    asked = chat("<video>", "What is it?")
    assert rendered("smolvlm2-train-2.2b", asked, FOUR_FRAMES) == words.format(frames="[i][i]") + ANSWER
    assert rendered("smolvlm2-train-2.2b", asked, AVERAGED) == words.format(frames="[i]") + ANSWER


def test_large_model_was_trained_with_line_breaks_around_images() -> None:
    assert rendered("smolvlm2-train-2.2b", chat("<image>", "<image>", "Same?"), images=2) == (
        "<|im_start|>User: Here are some images:\n[i][i]\n\nSame?" + ANSWER
    )


def test_training_intro_needs_media_at_the_beginning_and_outro_follows_the_last() -> None:
    messages = [*chat("Look: ", "<image>", "What?"), *chat("And ", "<image>", " this?")]
    assert rendered("smolvlm2-train-small", messages, images=2) == (
        "<|im_start|>User: Look:[i]What?" + ANSWER + "User: And[i]Now answer the following question: this?" + ANSWER
    )


def test_processor_puts_words_around_videos_and_none_around_images() -> None:
    assert rendered("transformers", chat("<image>", "<video>", "So?"), TWO_FRAMES, images=1) == (
        "<|im_start|>User:[i]You are provided the following series of two frames from a 0:00:30 [H:MM:SS] video.\n"
        "\nFrame from 00:14:[i]\nFrame from 00:15:[i]\n\nSo?" + ANSWER
    )


def test_no_dialect_leaves_media_bare() -> None:
    assert rendered("none", chat("<video>", "So?"), TWO_FRAMES) == "<|im_start|>User:[i][i]So?" + ANSWER


def test_paper_dialect_speaks_of_images_and_frames() -> None:
    assert rendered("paper", chat("<image>", "So?"), images=1) == (
        "<|im_start|>User: Here is an image: [i]Given this image, So?" + ANSWER
    )
    assert rendered("paper", chat("<video>", "So?"), TWO_FRAMES) == (
        "<|im_start|>User: Here are two frames sampled from a video: [i][i]Given this video, So?" + ANSWER
    )


def test_own_strings_go_over_a_base_dialect() -> None:
    own = {"base": "transformers", "image_intro": "{images} pictures:", "marker": "[{start}-{end}]", "video_outro": ""}
    assert rendered(own, chat("<image>", "<image>", "<video>", "So?"), TWO_FRAMES, images=2) == (
        "<|im_start|>User: two pictures:[i][i]You are provided the following series of two frames from a 0:00:30 "
        "[H:MM:SS] video.\n[00:14-00:14][i][00:15-00:15][i]So?" + ANSWER
    )


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("transformer", "prompts.media: no dialect named 'transformer'; did you mean 'transformers'?"),
        ({"video_intr": "x"}, "prompts.media: no string named 'video_intr'; did you mean 'video_intro'?"),
        ({"marker": "at {time}"}, "prompts.media.marker: no field {time}; there are start, end"),
        (
            {"placement": "end"},
            "prompts.media: placement 'end', duration 'seconds'; placement is media or conversation, "
            "duration is seconds or exact",
        ),
        ({"frames_per_marker": 0}, "prompts.media: frames_per_marker is 0; it must be 1 or more"),
    ],
)
def test_wrong_dialect_is_refused_with_the_fix(spec: Any, text: str) -> None:
    with pytest.raises(ManifestError) as refused:
        load_dialect(spec)
    assert str(refused.value) == text


def test_stray_brace_is_refused() -> None:
    with pytest.raises(ManifestError, match="write braces as"):
        load_dialect({"video_intro": "{frames"})


def test_times_and_numbers_are_written_as_the_processor_writes_them() -> None:
    assert [number(n) for n in (1, 10, 21, 64)] == ["one", "ten", "twenty-one", "sixty-four"]
    assert [clock(s) for s in (0.0, 59.999, 60.0, 3725.9)] == ["00:00", "00:59", "01:00", "62:05"]
    assert [duration(s, "seconds") for s in (9.99, 3661.5)] == ["0:00:09", "1:01:01"]
    assert [duration(s, "exact") for s in (30.063397, 30.0)] == ["0:00:30.063397", "0:00:30"]


@given(
    st.lists(st.lists(st.sampled_from(["text", "image", "video"]), min_size=1, max_size=5), min_size=1, max_size=4),
    st.sampled_from(sorted(DIALECTS)),
)
def test_every_dialect_shows_every_image_and_frame_once_in_order(shape: list[list[str]], name: str) -> None:
    media: list[VideoTimes | None] = []
    turns: list[tuple[str, list[str | int]]] = []
    for i, kinds in enumerate(shape):
        parts: list[str | int] = []
        for kind in kinds:
            parts.append("words" if kind == "text" else len(media))
            if kind != "text":
                media.append(FOUR_FRAMES if kind == "video" else None)
        turns.append(("assistant" if i % 2 else "user", parts))
    arranged = arrange(turns, media, DIALECTS[name])
    shown = [
        item for _, slots in arranged for slot in slots if isinstance(slot, tuple) for item in slot if item is None
    ]
    assert len(shown) == sum(4 if times else 1 for times in media)
    assert [role for role, _ in arranged] == [role for role, _ in turns]
    own = [slot for _, slots in arranged for slot in slots if isinstance(slot, str)]
    assert own == ["words"] * sum(kind == "text" for kinds in shape for kind in kinds)
