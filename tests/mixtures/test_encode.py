"""Rows in, rows out: counts, labels, what is dropped and said, and the expansion that shards are written with."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.frames import FrameSettings
from curation.mixtures.dialect import DIALECTS
from curation.mixtures.encode import Encoder, EncodeSettings, expand, render
from curation.mixtures.layout import image_layout
from curation.mixtures.profile import load_profile
from curation.mixtures.tokenizer import load_tokenizer
from curation.tables import ENCODED, LEDGER, from_rows
from curation.video import FrameRequest

PROFILE = load_profile("smolvlm2-256m")
TOKENIZER = load_tokenizer("bytes", PROFILE)
SETTINGS = EncodeSettings(profile=PROFILE)
LAYOUT = image_layout(PROFILE, TOKENIZER, tiles="learned")
Row = dict[str, Any]


def image(width: int = 640, height: int = 480) -> Row:
    return {"type": "image", "name": "a.jpg", "bytes": 1000, "width": width, "height": height}


def video(num_frames: int = 100, **changes: Any) -> Row:
    """Return ten frames a second, 320x240."""
    return {
        "type": "video",
        "name": "a.mp4",
        "address": '{"path": "a.mp4"}',
        "bytes": 5000,
        "width": 320,
        "height": 240,
        "duration_seconds": num_frames / 10,
        "time_base": "1/1000",
        "pts": [500 + 100 * i for i in range(num_frames)],
        "keyframes": [0],
        "start_seconds": None,
        "end_seconds": None,
        **changes,
    }


def row(*turns: list[Any], media: list[Row] | None = None, kind: str = "image", name: str = "0") -> Row:
    return {
        "sample_id": f"s/{name}",
        "source": "s",
        "kind": kind,
        "rank": 0.5,
        "conversation": json.dumps(turns),
        "media": media,
    }


def asked(*parts: str | int, answer: str = "Yes.") -> list[list[Any]]:
    return [["user", list(parts)], ["assistant", [answer]]]


def encode_one(sample: Row, **changes: Any) -> tuple[Row, list[Row]]:
    (encoded,), ledger = Encoder(replace(SETTINGS, **changes), TOKENIZER).encode([sample])
    return encoded, ledger


def grids(encoded: Row) -> list[tuple[int, int]]:
    return [
        (medium["rows"], medium["cols"])
        for medium in encoded["media"]
        for _ in range(1 if medium["type"] == "image" else len(medium["frame_seconds"]))
    ]


def expanded(encoded: Row) -> tuple[Any, Any]:
    return expand(encoded["ids"], encoded["loss"], grids(encoded), LAYOUT)


def trained_text(encoded: Row) -> str:
    _, labels = expanded(encoded)
    return TOKENIZER.decode(labels[labels != -100].tolist())


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=15)
any_media = st.lists(
    st.one_of(st.builds(image, st.integers(1, 3000), st.integers(1, 3000)), st.builds(video)), max_size=3
)


@settings(deadline=None, max_examples=60)
@given(
    questions=st.lists(words, min_size=1, max_size=4),
    media=any_media,
    dialect=st.sampled_from(sorted(DIALECTS)),
    loss=st.sampled_from(["completions", "all"]),
    tiles=st.sampled_from(["learned", "string"]),
)
def test_counts_are_those_of_the_expanded_sample(
    questions: list[str], media: list[Row], dialect: str, loss: Any, tiles: Any
) -> None:
    turns: list[list[Any]] = []
    for i, question in enumerate(questions):
        turns += asked(*(range(len(media)) if i == 0 else ()), question, answer=f"answer {i}")
    encoder = Encoder(replace(SETTINGS, dialect=DIALECTS[dialect], loss=loss, tiles=tiles, context=10**6), TOKENIZER)
    (encoded,), _ = encoder.encode([row(*turns, media=media)])
    input_ids, labels = expand(encoded["ids"], encoded["loss"], grids(encoded), encoder.layout)
    image_id = TOKENIZER.special["<image>"]
    assert encoded["tokens"] == len(input_ids) == len(labels)
    assert encoded["image_tokens"] == int((input_ids == image_id).sum()) == 64 * encoded["num_tiles"]
    assert encoded["text_tokens"] == encoded["tokens"] - encoded["image_tokens"]
    assert encoded["loss_tokens"] == int((labels != -100).sum())
    assert (labels[labels != -100] == input_ids[labels != -100]).all()
    assert image_id not in labels
    if loss == "completions":
        expected = "".join(f" answer {i}<end_of_utterance>" for i in range(len(questions)))
        assert TOKENIZER.decode(labels[labels != -100].tolist()) == expected


def test_rows_fit_the_tables() -> None:
    samples = [
        row(*asked(0, "What?"), media=[image()], name="1"),
        row(*asked(0, "<image>"), media=[video()], kind="video", name="2"),
        row(*asked("x" * 9000), name="3"),
        row(*asked(0, "What?"), media=[video(0)], name="4"),
    ]
    encoded, ledger = Encoder(SETTINGS, TOKENIZER).encode(samples)
    assert from_rows(encoded, ENCODED)["sample_id"].to_pylist() == ["s/1", "s/2", "s/3", "s/4"]
    assert from_rows(ledger, LEDGER)["reason"].to_pylist() == ["control_text", "zero_frames", "over_length"]


def test_a_batch_gives_what_its_rows_give_alone() -> None:
    samples = [row(*asked(0, "What?"), media=[image()]), row(*asked("Why?")), row(*asked(0), media=[video()])]
    together, _ = Encoder(SETTINGS, TOKENIZER).encode(samples)
    assert together == [encode_one(sample)[0] for sample in samples]


def test_loss_all_trains_everything_but_images() -> None:
    encoded, _ = encode_one(row(*asked(0, "What?"), media=[image()]), loss="all")
    assert trained_text(encoded) == "<|im_start|>User:What?<end_of_utterance>\nAssistant: Yes.<end_of_utterance>\n"


def test_system_prompt_of_the_kind_is_added_unless_the_sample_has_its_own() -> None:
    system = {"default": "D", "video": "V", "text": None}
    plain, own = row(*asked("Hi")), row(["system", ["mine"]], *asked("Hi"))

    def shown(sample: Row, **changes: Any) -> str:
        encoded, _ = encode_one(sample, **changes)
        return TOKENIZER.decode(encoded["ids"])

    assert shown(plain, system=system).startswith("<|im_start|>System: D<end_of_utterance>\nUser: Hi")
    assert shown({**plain, "kind": "video"}, system=system).startswith("<|im_start|>System: V<")
    assert shown({**plain, "kind": "text"}, system=system).startswith("<|im_start|>User: Hi")
    assert shown(plain, system=False).startswith("<|im_start|>User: Hi")
    assert shown(own, system=system).startswith("<|im_start|>System: mine<end_of_utterance>\nUser: Hi")
    assert shown(own, system=False).startswith("<|im_start|>System: mine<")


def test_images_are_not_cut_when_splitting_is_off() -> None:
    encoded, _ = encode_one(row(*asked(0), media=[image()]), split_images=False)
    assert (encoded["media"][0]["rows"], encoded["media"][0]["cols"], encoded["num_tiles"]) == (0, 0, 1)
    assert encoded["media"][0]["tokens"] == 64 + 3


def test_media_come_in_the_order_they_are_shown() -> None:
    encoded, _ = encode_one(row(*asked(1, 0), media=[image(100, 100), image(900, 200)]))
    assert [(medium["width"], medium["rows"]) for medium in encoded["media"]] == [(900, 1), (100, 4)]


def test_sample_longer_than_the_context_is_dropped_with_its_length() -> None:
    encoded, (entry,) = encode_one(row(*asked("x" * 200)), context=100)
    assert (encoded["ids"], encoded["loss"]) == (None, None)
    assert (entry["stage"], entry["action"], entry["reason"]) == ("encode", "drop", "over_length")
    assert (entry["measured"], entry["threshold"]) == (encoded["tokens"], 100.0)
    assert encoded["tokens"] == len("User: \nAssistant: Yes.\n") + 200 + 3


@settings(deadline=None)
@given(lengths=st.lists(st.integers(0, 60), min_size=1, max_size=12), context=st.integers(20, 400))
def test_trimmed_sample_keeps_the_most_leading_turns_that_fit(lengths: list[int], context: int) -> None:
    turns = [turn for length in lengths for turn in asked("q" * length)]
    prefixes = [encode_one(row(*turns[: 2 * (i + 1)]), context=10**6)[0] for i in range(len(lengths))]
    fitting = [prefix for prefix in prefixes if prefix["tokens"] <= context]
    encoded, ledger = encode_one(row(*turns), context=context, over_length="trim_turns")
    if not fitting:
        assert encoded["ids"] is None
        assert ledger[0]["action"] == "drop"
        return
    assert encoded == fitting[-1]
    if len(fitting) < len(prefixes):
        assert ledger[0]["action"] == "trim"
        assert json.loads(ledger[0]["detail"]) == {"turns": len(turns), "turns_kept": 2 * len(fitting)}


def test_names_of_control_tokens_are_flagged_with_their_count_and_stay_text() -> None:
    encoded, (entry,) = encode_one(row(*asked("<image> or <image>?", answer="<end_of_utterance>")))
    assert (entry["action"], entry["reason"], entry["measured"]) == ("flag", "control_text", 3.0)
    assert json.loads(entry["detail"]) == {"<end_of_utterance>": 1, "<image>": 2}
    assert encoded["image_tokens"] == 0
    assert trained_text(encoded) == " <end_of_utterance><end_of_utterance>"


def test_reference_drops_a_sample_whose_text_names_an_image_that_is_not_there() -> None:
    encoded, (entry,) = encode_one(row(*asked("<image>?")), control_text="reference")
    assert encoded["ids"] is None
    assert (entry["action"], entry["reason"]) == ("drop", "image_token_in_text")


def test_video_becomes_frames_with_their_times_and_a_plan_to_decode_them() -> None:
    encoded, ledger = encode_one(
        row(*asked(0, "What?"), media=[video()], kind="video"), video=FrameSettings(max_frames=4), jpeg_quality=80
    )
    (medium,) = encoded["media"]
    request = FrameRequest.from_json(medium["frame_plan"])
    assert ledger == []
    assert (encoded["frames"], encoded["num_tiles"], encoded["image_tokens"]) == (4, 4, 256)
    assert medium["frame_seconds"] == (1.2, 3.7, 6.2, 8.7)
    assert request.pts == (1700, 4200, 6700, 9200)
    assert (request.size, request.jpeg_quality, request.backend) == (512, 80, "auto")
    assert medium["tokens"] == 4 * 67


def test_averaged_frames_are_stored_once() -> None:
    encoded, _ = encode_one(row(*asked(0), media=[video()]), video=FrameSettings(max_frames=4, average=2))
    request = FrameRequest.from_json(encoded["media"][0]["frame_plan"])
    assert (encoded["frames"], len(request.pts), request.average) == (4, 8, 2)


def test_video_without_a_usable_frame_is_dropped_with_the_reason() -> None:
    encoded, (entry,) = encode_one(row(*asked(0), media=[video(start_seconds=99.0)]))
    assert encoded["ids"] is None
    assert (entry["action"], entry["reason"], entry["measured"]) == ("drop", "window_past_end", 10.0)


def test_seeded_clip_moves_with_the_seed_and_the_sample_alone() -> None:
    clip = FrameSettings(clip_seconds=2.0, clip_from="seeded")

    def times(name: str, seed: int) -> Any:
        encoded, _ = encode_one(row(*asked(0), media=[video(1000)], name=name), video=clip, seed=seed)
        return encoded["media"][0]["frame_seconds"]

    assert times("a", 1) == times("a", 1)
    assert len({times("a", 1), times("a", 2), times("b", 1)}) == 3


def test_turn_without_parts_is_an_empty_text() -> None:
    encoded, _ = encode_one(row(["user", []], ["assistant", ["b"]]))
    assert TOKENIZER.decode(encoded["ids"]).startswith("<|im_start|>User: <end_of_utterance>")


def test_string_tiles_spell_their_positions() -> None:
    encoder = Encoder(replace(SETTINGS, tiles="string"), TOKENIZER)
    spelled = encoder.layout.tokens(1, 2).tolist()
    assert TOKENIZER.decode(spelled) == TOKENIZER.decode(LAYOUT.tokens(1, 2).tolist())
    assert len(spelled) == LAYOUT.num_tokens(1, 2) + 2 * (len("<row_1_col_1>") - 1) + len("<global-img>") - 1


def test_positions_past_the_vocabulary_are_text() -> None:
    layout = image_layout(replace(PROFILE, longest_edge=4096), TOKENIZER, tiles="learned")
    assert "<row_1_col_7>" in TOKENIZER.decode(layout.tokens(1, 8).tolist())
    assert TOKENIZER.special["<row_1_col_6>"] in layout.tokens(1, 8)
    assert layout.num_tokens(1, 8) == layout.num_tokens(1, 6) + 2 * (64 + 1 + len("<row_1_col_7>"))


@pytest.mark.parametrize(("rows", "cols"), [(3, 4), (4, 4), (1, 4)])
def test_layout_has_the_published_number_of_tokens(real_data: Any, rows: int, cols: int) -> None:
    for name, folder in (("smolvlm2-500m", "smolvlm2-256m-500m-video"), ("smolvlm2-2.2b", "smolvlm2-2.2b")):
        profile = load_profile(name)
        tokenizer = load_tokenizer(str(real_data / "tokenizers" / folder), profile)
        n = profile.image_seq_len
        layout = image_layout(profile, tokenizer, tiles="learned")
        assert layout.num_tokens(rows, cols) == rows * (cols * (n + 2) + 1) + n + 3
        assert layout.num_tokens(0, 0) == n + 3


def test_expanding_without_images_changes_nothing() -> None:
    input_ids, labels = expand([5, 6, 7], [1, 3], [], LAYOUT)
    assert (input_ids.tolist(), labels.tolist()) == ([5, 6, 7], [-100, 6, 7])
    assert input_ids.dtype == labels.dtype == np.int32


def test_render_ends_with_the_generation_prompt() -> None:
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What?"}]}]
    ids = render(messages, SETTINGS, tokenizer=TOKENIZER, image_sizes=[(640, 480)], add_generation_prompt=True)
    assert TOKENIZER.decode(ids.tolist()).endswith("What?<end_of_utterance>\nAssistant:")
    assert len(ids) == LAYOUT.num_tokens(3, 4) + len("User:What?\nAssistant:") + 2


def test_render_takes_a_string_for_its_content() -> None:
    ids = render([{"role": "user", "content": "Hi"}], SETTINGS, tokenizer=TOKENIZER)
    assert TOKENIZER.decode(ids.tolist()) == "<|im_start|>User: Hi<end_of_utterance>\n"


def test_identity_ignores_video_settings_where_there_is_no_video() -> None:
    changed = replace(SETTINGS, video=FrameSettings(fps=2.0), jpeg_quality=50, seed=9)
    assert SETTINGS.identity(with_video=False) == changed.identity(with_video=False)
    assert SETTINGS.identity(with_video=True) != changed.identity(with_video=True)
    assert SETTINGS.identity(with_video=False) != replace(SETTINGS, tiles="string").identity(with_video=False)
    assert json.loads(json.dumps(SETTINGS.identity(with_video=True)))
