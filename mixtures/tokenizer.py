"""Text to ids: a published tokenizer.json, or `bytes` (built in, offline), behind one face.

`tokenizers` is the reference. tiktoken, fed with the same merges, is five times as fast; it is used where its ids were
proved equal when the tokenizer was loaded, and for each text that it can encode.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from curation.errors import TokenizerError

if TYPE_CHECKING:
    from curation.mixtures.profile import Profile


class Tokenizer(Protocol):
    """What encode needs of a tokenizer."""

    @property
    def special(self) -> Mapping[str, int]:
        """The control tokens and their ids."""

    @property
    def digest(self) -> str:
        """The sha256 of what defines it."""

    @property
    def vocab_size(self) -> int:
        """The highest id plus one."""

    @property
    def pad_id(self) -> int:
        """The id that fills batches up."""

    def encode_ordinary(self, text: str) -> list[int]:
        """Encode text in which control tokens are plain text."""

    def encode_ordinary_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Encode many texts; the same ids as one by one."""

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, control tokens by name."""


class ByteTokenizer:
    """Each UTF-8 byte is its own id, 0 to 255; the profile's control tokens follow in the profile's order."""

    def __init__(self, profile: Profile) -> None:
        self.special: Mapping[str, int] = {name: 256 + i for i, name in enumerate(profile.control_tokens())}
        self.vocab_size = 256 + len(self.special)
        self.pad_id = self.special[profile.tokens.pad]
        self.digest = hashlib.sha256(json.dumps(["bytes", 1, list(self.special)]).encode()).hexdigest()
        self._names = {value: name for name, value in self.special.items()}

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the bytes of the text."""
        try:
            return list(text.encode())
        except UnicodeEncodeError:
            return list(without_surrogates(text).encode())

    def encode_ordinary_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the bytes of each text."""
        return [self.encode_ordinary(text) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids; bytes that are no UTF-8 become the replacement character."""
        encoded = [bytes((token,)) if token < 256 else self._names[token].encode() for token in ids]
        return b"".join(encoded).decode("utf-8", "replace")


class FileTokenizer:
    """A tokenizer.json, as published (not as some loaders rebuild it), with tiktoken where that is proved equal."""

    def __init__(self, text: str, profile: Profile, *, origin: str) -> None:
        from tokenizers import Tokenizer as Reference

        from curation.mixtures.fast_tokenizer import fast_encoder

        try:
            raw = json.loads(text)
            self._whole = Reference.from_str(text)
            self._plain = Reference.from_str(json.dumps(_without_control(raw)))
        except Exception as err:  # tokenizers raises plain Exception
            raise TokenizerError(f"tokenizer {origin}: no tokenizer.json that `tokenizers` reads: {err}") from err
        self.special: Mapping[str, int] = {token["content"]: token["id"] for token in _control(raw)}
        _check_control(profile, self.special, origin=origin)
        self.vocab_size: int = max(self._whole.get_vocab(with_added_tokens=True).values()) + 1
        self.pad_id = self.special[profile.tokens.pad]
        self.digest = hashlib.sha256(text.encode()).hexdigest()
        self._fast = fast_encoder(raw, self._plain)

    @property
    def is_fast(self) -> bool:
        """Whether tiktoken was proved to give the same ids and is used."""
        return self._fast is not None

    def encode_ordinary(self, text: str) -> list[int]:
        """Encode text in which control tokens are plain text."""
        return self.encode_ordinary_batch((text,))[0]

    def encode_ordinary_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Encode many texts, in one thread where tiktoken is used; texts that it can't encode go to `tokenizers`."""
        if self._fast is None:
            return self._slow(texts)
        try:
            screened = self._fast.can_encode("".join(texts))
        except UnicodeEncodeError:
            texts = [without_surrogates(text) for text in texts]
            screened = self._fast.can_encode("".join(texts))
        if screened:
            return [*map(self._fast.encode, texts)]
        return [self._fast.encode(text) if self._fast.can_encode(text) else self._slow([text])[0] for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, control tokens by name."""
        return str(self._whole.decode(list(ids), skip_special_tokens=False))

    def _slow(self, texts: Sequence[str]) -> list[list[int]]:
        try:
            return [encoding.ids for encoding in self._plain.encode_batch(list(texts), add_special_tokens=False)]
        except (TypeError, UnicodeEncodeError):  # a lone surrogate; which of the two is raised depends on the version
            clean = [without_surrogates(text) for text in texts]
            return [encoding.ids for encoding in self._plain.encode_batch(clean, add_special_tokens=False)]


def load_tokenizer(spec: str, profile: Profile) -> Tokenizer:
    """Load a tokenizer: `bytes`, a tokenizer.json, a folder that holds one, or a hub repository.

    Takes about half a second for a vocabulary of 49,152. Raises `TokenizerError` when there is none, when it can't be
    read, or when it lacks control tokens of the profile (by name).
    """
    if spec == "bytes":
        return ByteTokenizer(profile)
    path = Path(spec)
    if path.is_dir():
        path = path / "tokenizer.json"
    if not path.is_file():
        path = _download(spec)
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as err:
        raise TokenizerError(f"tokenizer {spec}: can't read {path}: {err}") from err
    return FileTokenizer(text, profile, origin=spec)


def without_surrogates(text: str) -> str:
    """Join surrogate pairs and replace lone ones, which no UTF-8 can hold, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _control(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [token for token in raw.get("added_tokens") or [] if token.get("special")]


def _without_control(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out control tokens and what adds tokens around a text, so that every text is ordinary."""
    ordinary = [token for token in raw.get("added_tokens") or [] if not token.get("special")]
    return {**raw, "added_tokens": ordinary, "post_processor": None, "truncation": None, "padding": None}


def _check_control(profile: Profile, special: Mapping[str, int], *, origin: str) -> None:
    missing = [name for name in profile.control_tokens() if name not in special]
    if missing:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        fix = "use the profile's own tokenizer, or a profile with position_tokens: string"
        raise TokenizerError(f"tokenizer {origin}: lacks {shown}, which profile {profile.name} needs; {fix}")


def _download(spec: str) -> Path:
    if spec.count("/") != 1 or spec.startswith((".", "/", "~")) or spec.endswith(".json"):
        fix = "give a folder, a tokenizer.json, a hub id such as HuggingFaceTB/SmolVLM2-256M-Video-Instruct, or bytes"
        raise TokenizerError(f"tokenizer {spec}: no such file or folder; {fix}")
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(spec, "tokenizer.json"))
    except Exception as err:
        fix = "check the name, the network and HF_TOKEN, or give a local folder or `bytes`"
        raise TokenizerError(
            f"tokenizer {spec}: not on the hub or not reachable ({type(err).__name__}); {fix}"
        ) from err
