from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Reference

from curation.errors import TokenizerError
from curation.mixtures.fast_tokenizer import byte_of_character, fast_encoder, proof_texts
from curation.mixtures.profile import load_profile
from curation.mixtures.tokenizer import ByteTokenizer, FileTokenizer, load_tokenizer

PROFILE = load_profile("smolvlm2-256m")
SPELLING = load_profile("smolvlm-2.2b")
MERGES = [["h", "e"], ["l", "l"], ["he", "ll"], ["hell", "o"], ["Ġ", "w"], ["Ġw", "o"], ["1", "2"], ["Ċ", "Ċ"]]


def small_tokenizer(
    merges: list[list[str]] = MERGES,
    *,
    names: tuple[str, ...] = SPELLING.control_tokens(),
    missing: str = "",
    **changes: Any,
) -> dict[str, Any]:
    """Return a byte-level tokenizer.json with few merges; `missing` bytes have no token."""
    letters = [char for char, byte in byte_of_character().items() if chr(byte) not in missing]
    vocabulary = {token: i for i, token in enumerate([*letters, *(left + right for left, right in merges)])}
    added = [
        {"id": len(vocabulary) + i, "content": name, "single_word": False, "lstrip": False, "rstrip": False}
        | {"normalized": False, "special": True}
        for i, name in enumerate(names)
    ]
    levels = [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": levels},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": merges},
        **changes,
    }


def load(raw: dict[str, Any]) -> FileTokenizer:
    return FileTokenizer(json.dumps(raw), SPELLING, origin="small")


def test_bytes_are_their_own_ids_and_control_tokens_follow() -> None:
    tokenizer = load_tokenizer("bytes", PROFILE)
    assert tokenizer.encode_ordinary("hé<image>") == [104, 195, 169, *b"<image>"]
    assert [*tokenizer.special.values()] == list(range(256, 256 + 42))
    assert tokenizer.vocab_size == 298
    assert tokenizer.pad_id == tokenizer.special["<|im_end|>"]


@given(st.text())
def test_bytes_come_back_as_the_text(text: str) -> None:
    tokenizer = ByteTokenizer(PROFILE)
    assert tokenizer.decode(tokenizer.encode_ordinary(text)) == text


def test_digests_tell_tokenizers_apart() -> None:
    digests = {
        load_tokenizer("bytes", PROFILE).digest,
        load_tokenizer("bytes", SPELLING).digest,
        load(small_tokenizer()).digest,
    }
    assert len(digests) == 3


def test_names_of_control_tokens_in_text_are_ordinary_text() -> None:
    tokenizer = load(small_tokenizer())
    ids = tokenizer.encode_ordinary("a<image>b")
    assert tokenizer.special["<image>"] not in ids
    assert tokenizer.decode(ids) == "a<image>b"
    assert tokenizer.decode([tokenizer.special["<image>"]]) == "<image>"


@pytest.fixture(scope="module")
def small() -> tuple[FileTokenizer, Reference]:
    """Return a small tokenizer and the reference without control tokens."""
    return load(small_tokenizer()), Reference.from_str(json.dumps(small_tokenizer(names=())))


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(st.text(alphabet=st.sampled_from(" \n\t12hellow'sé<image>½😀\u0301"), max_size=30), max_size=5))
def test_fast_path_gives_the_ids_of_the_reference(small: tuple[FileTokenizer, Reference], texts: list[str]) -> None:
    tokenizer, plain = small
    assert tokenizer.is_fast
    expected = [plain.encode(text, add_special_tokens=False).ids for text in texts]
    assert tokenizer.encode_ordinary_batch(texts) == expected


def test_text_with_a_byte_that_has_no_token_goes_to_the_reference() -> None:
    raw = small_tokenizer(missing="\x04")
    tokenizer = load(raw)
    assert tokenizer.is_fast
    hello, letter = raw["model"]["vocab"]["hello"], raw["model"]["vocab"]["a"]
    assert tokenizer.encode_ordinary_batch(["hello", "a\x04a"]) == [[hello], [letter, letter]]


def test_lone_surrogate_becomes_the_replacement_character() -> None:
    for tokenizer in (
        load(small_tokenizer()),
        load(small_tokenizer(normalizer={"type": "NFC"})),
        ByteTokenizer(SPELLING),
    ):
        assert tokenizer.encode_ordinary("a\ud800b") == tokenizer.encode_ordinary("a\ufffdb")


@pytest.mark.parametrize(
    "changes",
    [
        {"normalizer": {"type": "NFC"}},
        {"pre_tokenizer": {"type": "Whitespace"}},
        {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}},
    ],
)
def test_tokenizer_that_the_fast_path_can_not_express_uses_the_reference(changes: dict[str, Any]) -> None:
    tokenizer = load(small_tokenizer(**changes))
    assert not tokenizer.is_fast
    plain = Reference.from_str(json.dumps(small_tokenizer(names=(), **changes)))
    assert tokenizer.encode_ordinary("hello 12 wor") == plain.encode("hello 12 wor", add_special_tokens=False).ids


def test_ids_out_of_merge_order_use_the_reference() -> None:
    raw = small_tokenizer()
    raw["model"]["merges"] = MERGES[::-1][-1:] + [MERGES[1], MERGES[0], *MERGES[2:]][1:]
    vocabulary = raw["model"]["vocab"]
    vocabulary["he"], vocabulary["ll"] = vocabulary["ll"], vocabulary["he"]
    assert not load(raw).is_fast


def test_difference_on_the_proof_texts_uses_the_reference() -> None:
    """With the merge (t, he) alone, tiktoken also joins th + e, because it knows results and not pairs."""
    merges = [["t", "h"], ["h", "e"], ["t", "he"]]
    raw = small_tokenizer(merges)
    plain = Reference.from_str(json.dumps(small_tokenizer(merges, names=())))
    assert fast_encoder(raw, plain) is None
    assert load(raw).encode_ordinary("the") == plain.encode("the", add_special_tokens=False).ids


def test_plain_byte_level_vocabulary_is_fast_as_well() -> None:
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = load(small_tokenizer(pre_tokenizer=level))
    assert tokenizer.is_fast
    assert tokenizer.encode_ordinary("12") == [small_tokenizer()["model"]["vocab"]["12"]]


def test_proof_texts_are_the_same_every_time() -> None:
    assert proof_texts() == proof_texts()


def test_missing_control_tokens_are_named() -> None:
    with pytest.raises(TokenizerError) as refused:
        FileTokenizer(json.dumps(small_tokenizer()), PROFILE, origin="small.json")
    assert str(refused.value) == (
        "tokenizer small.json: lacks <global-img>, <row_1_col_1>, <row_1_col_2>, <row_1_col_3>, <row_1_col_4> "
        "and 32 more, which profile smolvlm2-256m needs; "
        "use the profile's own tokenizer, or a profile with position_tokens: string"
    )


def test_tokenizer_is_found_in_a_folder_and_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(small_tokenizer()))
    assert load_tokenizer(str(tmp_path), SPELLING).digest == load_tokenizer(str(path), SPELLING).digest


def test_absent_tokenizer_is_refused_without_a_network(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="no such file or folder; give a folder"):
        load_tokenizer(str(tmp_path / "tokenizer.json"), PROFILE)


def test_broken_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text('{"model": 3}')
    with pytest.raises(TokenizerError, match="that `tokenizers` reads"):
        load_tokenizer(str(tmp_path), PROFILE)


@pytest.fixture(scope="module")
def published(real_data: Path) -> tuple[FileTokenizer, Reference]:
    """Return the released SmolVLM2 tokenizer, and SmolLM2's: the same vocabulary of text, fewer control tokens."""
    tokenizer = load_tokenizer(str(real_data / "tokenizers" / "smolvlm2-256m-500m-video"), PROFILE)
    assert isinstance(tokenizer, FileTokenizer)
    return tokenizer, Reference.from_file(str(real_data / "tokenizers" / "smollm2" / "tokenizer.json"))


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200))
def test_published_tokenizer_is_fast_and_equal(published: tuple[FileTokenizer, Reference], text: str) -> None:
    tokenizer, plain = published
    assert tokenizer.is_fast
    assert tokenizer.encode_ordinary(text) == plain.encode(text, add_special_tokens=False).ids
