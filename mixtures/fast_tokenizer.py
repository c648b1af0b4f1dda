"""tiktoken as the fast path of a byte-level BPE, with the proof that its ids are those of `tokenizers`.

Equality needs three things. The vocabulary's ids must rise in the order of its merges, because tiktoken takes ids as
priorities. The split before BPE must be one that tiktoken's pattern can express. And bytes that have no token of their
own must not come near it: `tokenizers` drops them silently, tiktoken panics (the SmolLM2 vocabulary lacks 21 bytes).
What is left is compared on generated texts. Any doubt, and `tokenizers` is used.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Reference

_WORD = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+"
_REST = r" ?[^\s\p{L}\p{N}]+"
BYTE_LEVEL = rf"{_WORD}| ?\p{{N}}+|{_REST}|\s+(?!\S)|\s+"
SINGLE_DIGITS = rf"{_WORD}|\p{{N}}|{_REST}|\s+(?=\p{{N}})|\s+(?!\S)|\s+"
"""Digits one by one, then byte level: a space before a digit stays alone, so runs of blanks end before digits."""

PROOF_TEXTS = 600


@dataclass(frozen=True, slots=True)
class FastEncoder:
    """tiktoken with the vocabulary of a tokenizer.json. `missing` are the bytes that have no token."""

    encode: Callable[[str], list[int]]
    missing: bytes

    def can_encode(self, text: str) -> bool:
        """Say whether every byte of the text has a token; about a nanosecond a byte."""
        encoded = text.encode()
        return not self.missing or len(encoded.translate(None, self.missing)) == len(encoded)


def fast_encoder(raw: Mapping[str, Any], reference: Reference) -> FastEncoder | None:
    """Return tiktoken for a parsed tokenizer.json, or None where it does not give the ids of `reference`."""
    pattern, ranks = _pattern(raw), _ranks(raw)
    if pattern is None or ranks is None:
        return None
    import tiktoken

    missing = bytes(byte for byte in range(256) if bytes((byte,)) not in ranks)
    # Every byte needs a rank for tiktoken to load; those added here are never reached, see can_encode.
    top = max(ranks.values()) + 1
    filled = {**ranks, **{bytes((byte,)): top + byte for byte in missing}}
    encoding = tiktoken.Encoding("curation", pat_str=pattern, mergeable_ranks=filled, special_tokens={})
    fast = FastEncoder(encode=encoding.encode_ordinary, missing=missing)
    texts = [text for text in proof_texts() if fast.can_encode(text)]
    expected = [encoded.ids for encoded in reference.encode_batch(texts, add_special_tokens=False)]
    return fast if all(fast.encode(text) == ids for text, ids in zip(texts, expected, strict=True)) else None


def _pattern(raw: Mapping[str, Any]) -> str | None:
    """Return the pattern that splits as the pre-tokenizer does, for the pre-tokenizers that are known."""
    if raw.get("normalizer") or any(not token.get("special") for token in raw.get("added_tokens") or []):
        return None
    steps = raw.get("pre_tokenizer") or {}
    parts = steps["pretokenizers"] if steps.get("type") == "Sequence" else [steps]
    kinds = [part.get("type") for part in parts]
    if not kinds or kinds[-1] != "ByteLevel" or parts[-1].get("add_prefix_space"):
        return None
    splits = parts[-1].get("use_regex", True)
    if kinds == ["ByteLevel"] and splits:
        return BYTE_LEVEL
    if kinds == ["Digits", "ByteLevel"] and splits and parts[0].get("individual_digits"):
        return SINGLE_DIGITS
    if kinds == ["Split", "ByteLevel"] and not splits and parts[0].get("behavior") == "Isolated":
        pattern = parts[0].get("pattern", {}).get("Regex")
        return pattern if isinstance(pattern, str) else None
    return None


def _ranks(raw: Mapping[str, Any]) -> dict[bytes, int] | None:
    """Return id by bytes for single bytes and what merges make; None when ids do not rise in merge order."""
    model = raw.get("model") or {}
    if model.get("type") != "BPE" or model.get("dropout") or model.get("byte_fallback"):
        return None
    if model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"):
        return None
    vocabulary: dict[str, int] = model["vocab"]
    decode = byte_of_character()
    ranks = {bytes((byte,)): vocabulary[char] for char, byte in decode.items() if char in vocabulary}
    last = max(ranks.values(), default=-1)
    for merge in model["merges"]:
        left, right = merge if isinstance(merge, list) else merge.split(" ")
        merged = vocabulary.get(left + right)
        if merged is None or merged <= last:
            return None
        last = merged
        try:
            ranks[bytes(decode[char] for char in left + right)] = merged
        except KeyError:
            return None
    return ranks


@cache
def byte_of_character() -> Mapping[str, int]:
    """Return the byte that each character of a byte-level vocabulary stands for (GPT-2's table).

    Printable Latin-1 characters stand for themselves, the other bytes for the characters from U+0100 on, in order.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


_SCRIPTS = (
    "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 .,;:!?'\"()[]{}<>|/\\_-+=*&^%$#@~`",
    "äöüßéèêçñåøœ ÄÖÜÉ «»“”‘’…–—€£©®™½²³¹ºª",
    "αβγδε абвгде אבגדה ابتث कखगघ ไทย 한국어 日本語 中文字符 ①②Ⅳ٣४",
    "∫∑∏√∞≈≠≤≥∈∀∃∂ℝℕ𝔘𝑥 🙂👩‍👧🏳️‍🌈 \u200b\ufeff\u00a0\u3000\u2028",
    " \n\t\r  \n\n \x0b\x0c0 1a",
)
_SENTENCES = (
    "the of and to in is that it for was on as with his they be at one have this from I'll don't we've you're it's "
    "What is shown in the image? 1. 2) - * ## | --- $x^2$ \\frac{1}{2} def return None <image> <|im_start|> "
    "https://example.com/a_b?c=d 3.14159 1,234 2024-01-31 10:45 ’s CAMELCase snake_case"
)


def proof_texts() -> list[str]:
    """Return the texts that a fast path is tried on: words, digits, blanks, scripts and symbols, mixed with a seed."""
    rng = random.Random(20250101)
    words = _SENTENCES.split()
    texts = ["", " ", "\n\n1.", "a  1", "  \n 7", "'s 's'S", "x" * 400, " " * 300, "7" * 100, json.dumps({"a": [1, 2]})]
    blanks = (" ", " ", " ", "  ", "\n", "\n\n", "\t", "", " \n ")
    while len(texts) < PROOF_TEXTS // 2:
        texts.append("".join(rng.choice(words) + rng.choice(blanks) for _ in range(rng.randint(5, 80))))
    while len(texts) < PROOF_TEXTS:
        alphabet = "".join(rng.sample(_SCRIPTS, rng.randint(1, 3)))
        texts.append("".join(rng.choices(alphabet, k=rng.randint(1, 120))))
    return texts
