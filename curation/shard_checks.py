"""Check the rows of a shard against the index and the chat format, without the code that encoded them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow

    from curation.mixtures.profile import Profile
    from curation.mixtures.tokenizer import Tokenizer

IGNORED_LABEL = -100
MAX_GROUP_ROWS = 100
SPANS = "labels differ from -100 exactly on the assistant's words and what closes them"
Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a build's shards must hold: ids of control tokens, the marker of an assistant's turn, the settings.

    `spans` is why the trained spans can't be found again, or empty when they can.
    """

    image: int
    edges: tuple[int, ...]
    end_of_turn: int
    begin: int
    newline: tuple[int, ...]
    marker: tuple[int, ...]
    image_seq_len: int
    is_original: bool
    spans: str


def make_rules(settings: Mapping[str, Any], profile: Profile, tokenizer: Tokenizer) -> Rules:
    """Take the rules from a build's settings, profile and tokenizer."""
    names, special = profile.tokens, tokenizer.special
    edges = [names.image, names.image_edge, names.whole_image, *names.tiles()]
    spans = ""
    if (settings.get("prompts") or {}).get("loss", "completions") != "completions":
        spans = "prompts.loss is not completions"
    elif settings.get("control_text", "plain") != "plain":
        spans = "control_text lets datasets write control tokens"
    elif "capitalize" not in profile.chat_template and "Assistant:" not in profile.chat_template:
        spans = "the chat template does not write `Assistant:`"
    return Rules(
        image=special[names.image],
        edges=tuple(special[name] for name in edges if name in special),
        end_of_turn=special[names.end_of_turn],
        begin=special[names.begin],
        newline=tuple(tokenizer.encode_ordinary("\n")),
        marker=tuple(tokenizer.encode_ordinary("Assistant:")),
        image_seq_len=profile.image_seq_len,
        is_original=(settings.get("output") or {}).get("images", "original") == "original",
        spans=spans,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How many things one check looked at and which of them broke it."""

    name: str
    num_checked: int
    offenders: tuple[str, ...]


def check_batch(
    batch: pyarrow.RecordBatch,
    expected: Sequence[Mapping[str, Any]],
    *,
    media: Mapping[str, Sequence[Mapping[str, Any]]],
    rules: Rules,
    run: Map,
) -> Iterator[Finding]:
    """Check a row group. `expected` are the rows of `samples` that stand there, `media` their media by sample_id.

    `run` maps a function over images (`map`, or that of a thread pool).
    """
    names = batch["sample_id"].to_pylist()
    yield _compare(
        "shard rows are the samples of the index, with their tokens",
        names,
        [
            (name, source, kind, num)
            for name, source, kind, num in zip(
                names,
                batch["source"].to_pylist(),
                batch["kind"].to_pylist(),
                _lengths(batch["input_ids"]).tolist(),
                strict=True,
            )
        ],
        [(row["sample_id"], row["source"], row["kind"], row["tokens"]) for row in expected],
    )
    yield _compare(
        f"row groups have at most {MAX_GROUP_ROWS} rows", names[:1], [batch.num_rows > MAX_GROUP_ROWS], [False]
    )
    if len(expected) != len(names):
        return
    yield from _check_tokens(batch, names, expected, rules)
    yield from _check_images(batch, names, expected, media=media, rules=rules, run=run)


def _check_tokens(
    batch: pyarrow.RecordBatch, names: list[str], expected: Sequence[Mapping[str, Any]], rules: Rules
) -> Iterator[Finding]:
    lengths, label_lengths = _lengths(batch["input_ids"]), _lengths(batch["labels"])
    yield _compare("labels align with input_ids", names, label_lengths.tolist(), lengths.tolist())
    if not np.array_equal(lengths, label_lengths):
        return
    ids, labels = batch["input_ids"].flatten().to_numpy(), batch["labels"].flatten().to_numpy()
    trained = labels != IGNORED_LABEL
    ends = np.cumsum(lengths)
    yield _compare(
        "a label is -100 or its own token, and never an image's",
        names,
        _sums(trained & ((labels != ids) | np.isin(ids, rules.edges)), ends),
        [0] * len(names),
    )
    wanted = [row["loss_tokens"] for row in expected]
    yield _compare("trained tokens are as many as the index says", names, _sums(trained, ends), wanted)
    if not rules.spans:
        found = assistant_mask(ids, ends - lengths, rules)
        rows = np.repeat(np.arange(len(names)), lengths)
        with_media = np.unique(rows[found & np.isin(ids, rules.edges)])  # media inside an answer: their newlines differ
        wrong = (found != trained) & ~np.isin(rows, with_media)
        yield _compare(SPANS, names, _sums(wrong, ends), [0] * len(names))
    grids = batch["tiles"].to_pylist()
    by_grid = [sum((tile["rows"] * tile["cols"] + 1) * rules.image_seq_len for tile in tiles) for tiles in grids]
    counted = _sums(ids == rules.image, ends)
    stated = [row["image_tokens"] for row in expected]
    yield _compare(
        "image tokens are those of the tile grids and of the index",
        names,
        list(zip(counted, counted, strict=True)),
        list(zip(by_grid, stated, strict=True)),
    )


def _check_images(
    batch: pyarrow.RecordBatch,
    names: list[str],
    expected: Sequence[Mapping[str, Any]],
    *,
    media: Mapping[str, Sequence[Mapping[str, Any]]],
    rules: Rules,
    run: Map,
) -> Iterator[Finding]:
    images = batch["images"].to_pylist()
    num_tiles = _lengths(batch["tiles"]).tolist()
    num_wanted = [row["images"] + row["frames"] for row in expected]
    num_found = [len(row) for row in images]
    yield _compare(
        "images stand for every image and frame, with a grid each",
        names,
        list(zip(num_found, num_tiles, strict=True)),
        list(zip(num_wanted, num_wanted, strict=True)),
    )
    flat = [(name, at, image) for name, row in zip(names, images, strict=True) for at, image in enumerate(row)]
    errors = list(run(decode_error, [image["bytes"] for _, _, image in flat]))
    broken = [f"{name} image {at}: {error}" for (name, at, _), error in zip(flat, errors, strict=True) if error]
    yield Finding(name="images decode", num_checked=len(flat), offenders=tuple(broken))
    if rules.is_original:
        yield _check_bytes(names, images, media=media, run=run)
    times = [[image["path"].rpartition("#t=")[2] for image in row if "#t=" in (image["path"] or "")] for row in images]
    frames = [row["frames"] for row in expected]
    yield _compare("frames name their seconds", names, [len(row) for row in times], frames)


def _check_bytes(
    names: list[str],
    images: list[list[dict[str, Any]]],
    *,
    media: Mapping[str, Sequence[Mapping[str, Any]]],
    run: Map,
) -> Finding:
    """Compare the sha256 of stored images with their media_id; frames were made by us and are passed over."""
    chosen: list[tuple[str, str, bytes]] = []
    for name, row in zip(names, images, strict=True):
        at = 0
        for medium in media.get(name, ()):
            if medium["type"] == "image" and at < len(row):
                chosen.append((f"{name} image {at}", medium["media_id"], row[at]["bytes"]))
            at += 1 if medium["type"] == "image" else medium["frames_used"] or 0
    digests = list(run(_sha256, [content for _, _, content in chosen]))
    wanted = [media_id for _, media_id, _ in chosen]
    return _compare("images are the dataset's own bytes", [label for label, _, _ in chosen], digests, wanted)


def assistant_mask(ids: np.ndarray, starts: np.ndarray, rules: Rules) -> np.ndarray:
    """Find the assistant's words again: what follows `Assistant:` at a turn's begin, through its end-of-utterance.

    `ids` are the tokens of several samples one after another, `starts` where each begins. A turn begins after the
    begin token or after an end-of-utterance and its newline. Returns one boolean per token.
    """
    ends = np.flatnonzero(ids == rules.end_of_turn)
    begins = np.concatenate([starts[ids[starts] == rules.begin] + 1, _follow(ids, ends + 1, rules.newline)])
    words = np.sort(_follow(ids, begins, rules.marker))
    closing = np.searchsorted(ends, words)
    has_end = closing < len(ends)
    steps = np.zeros(len(ids) + 1, np.int32)
    np.add.at(steps, words[has_end], 1)
    np.add.at(steps, ends[closing[has_end]] + 1, -1)
    mask: np.ndarray = np.cumsum(steps[:-1]) > 0
    return mask


def _follow(ids: np.ndarray, places: np.ndarray, pattern: Sequence[int]) -> np.ndarray:
    """Keep the places where a pattern stands and return where it ends."""
    kept = places[places + len(pattern) <= len(ids)]
    for at, token in enumerate(pattern):
        kept = kept[ids[kept + at] == token]
    return kept + len(pattern)


def decode_error(content: bytes | None) -> str:
    """Decode an image whole; return what is wrong with it, or an empty string."""
    from PIL import Image

    if not content:
        return "no bytes"
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
    except Exception as err:
        return f"{type(err).__name__}: {err}"
    return ""


def _sha256(content: bytes | None) -> str:
    return hashlib.sha256(content or b"").hexdigest()


def _lengths(column: Any) -> np.ndarray:
    lengths: np.ndarray = np.diff(column.offsets.to_numpy())
    return lengths


def _sums(flags: np.ndarray, ends: np.ndarray) -> list[int]:
    """Count true flags per row of a flat array whose rows end at `ends`."""
    totals = np.concatenate([[0], np.cumsum(flags)])[ends] if len(flags) else np.zeros(len(ends), np.int64)
    counts: list[int] = np.diff(totals, prepend=0).tolist()
    return counts


def _compare(name: str, labels: Sequence[str], found: Sequence[object], wanted: Sequence[object]) -> Finding:
    if len(found) != len(wanted):
        offenders: tuple[str, ...] = (f"{labels[0] if labels else '-'} …: {len(found)} found, {len(wanted)} expected",)
    else:
        rows = zip(labels, found, wanted, strict=True)
        offenders = tuple(f"{label}: {have}, expected {want}" for label, have, want in rows if have != want)
    return Finding(name=name, num_checked=len(found), offenders=offenders)
