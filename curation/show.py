"""One pack or sample of a build as people can read it: text with its trained parts, media, lineage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from curation.errors import BuildError
from curation.evidence import Match, find_matches
from curation.queries import literal, run_query

if TYPE_CHECKING:
    import polars

    from curation.builds import Build
    from curation.mixtures.tokenizer import Tokenizer

IGNORED_LABEL = -100
Ask = Callable[[str], "polars.DataFrame"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Decoded text whose tokens are all trained on, or none of them; control tokens stand alone."""

    text: str
    is_trained: bool
    is_control: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSample:
    """A sample: its row of `samples`, its lineage, media and ledger rows, and its text when it is in a shard.

    Each medium is its row of `media` with `tiles` (rows, cols; of an image) or `frame_seconds` (of a video) added.
    `packs` are its places: pack, position, offset, length. `spans` is empty when the sample was not selected.
    `matches` puts it beside the samples and benchmark items that ledger rows name as their evidence (only of a sample
    that is asked for by its id).
    """

    sample: dict[str, Any]
    lineage: dict[str, Any]
    media: tuple[dict[str, Any], ...]
    ledger: tuple[dict[str, Any], ...]
    packs: tuple[dict[str, Any], ...]
    spans: tuple[Span, ...]
    matches: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPack:
    """A pack: its number, its tokens of at most `context`, and its samples with their offsets, in order."""

    pack: int
    tokens: int
    context: int
    places: tuple[dict[str, Any], ...]
    samples: tuple[ShownSample, ...]


def show(build: Build, what: str) -> ShownPack | ShownSample:
    """Return the pack of that number or the sample of that id; `BuildError` names the nearest one."""
    tokenizer = build.tokenizer()
    with build.connect() as connection:
        ask = partial(run_query, connection)
        if not what.isdecimal():
            shown = show_samples(build, [what], ask=ask, tokenizer=tokenizer)[0]
            return replace(shown, matches=tuple(find_matches(build, shown.sample, shown.ledger, ask)))
        places = ask(f"from packs where pack = {int(what)} order by position").to_dicts()
        if not places:
            last = ask("select max(pack) from packs").item()
            range_ = "has no packs" if last is None else f"has packs 0 to {last}"
            raise BuildError(f"{build.place}: no pack {what}; the build {range_}")
        samples = show_samples(build, [place["sample_id"] for place in places], ask=ask, tokenizer=tokenizer)
    tokens = sum(place["length"] for place in places)
    return ShownPack(pack=int(what), tokens=tokens, context=build.context, places=tuple(places), samples=tuple(samples))


def show_samples(
    build: Build,
    sample_ids: Sequence[str],
    *,
    ask: Ask,
    tokenizer: Tokenizer,
    read: Callable[[int, int], dict[str, Any]] | None = None,
) -> list[ShownSample]:
    """Collect what the build knows of some samples, in their order, decoded with its tokenizer.

    `read` gives a row of a shard by shard and number (default: the build's own `read_row`).
    """
    read = read or build.read_row
    wanted = f"sample_id in ({', '.join(literal(sample_id) for sample_id in sample_ids)})"
    samples = {row["sample_id"]: row for row in ask(f"from samples where {wanted}").iter_rows(named=True)}
    ledger = _by_sample(ask(f"from ledger where {wanted} order by all"))
    for sample_id in sample_ids:
        if sample_id not in samples:
            why = _why_missing(sample_id, ledger.get(sample_id, []), ask)
            raise BuildError(f"{build.place}: no sample '{sample_id}'{why}")
    media = _by_sample(ask(f"from media where {wanted} order by sample_id, position"))
    packs = _by_sample(
        ask(f'select sample_id, pack, position, "offset", length from packs where {wanted} order by all')
    )
    sources = {
        row["source"]: row for row in ask("select source, adapter, uri, revision, license from sources").to_dicts()
    }
    shown = []
    for sample in map(samples.__getitem__, sample_ids):
        own_media = media.get(sample["sample_id"], [])
        spans: tuple[Span, ...] = ()
        if sample["shard"] is not None:
            row = read(sample["shard"], sample["shard_row"])
            spans = tuple(decode_spans(row["input_ids"], row["labels"], tokenizer))
            own_media = _with_tiles(own_media, row)
        shown.append(
            ShownSample(
                sample=sample,
                lineage={**sources.get(sample["source"], {"source": sample["source"]}), "row_key": sample["row_key"]},
                media=tuple(own_media),
                ledger=tuple(ledger.get(sample["sample_id"], [])),
                packs=tuple(packs.get(sample["sample_id"], [])),
                spans=spans,
            )
        )
    return shown


def _by_sample(frame: polars.DataFrame) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in frame.iter_rows(named=True):
        rows.setdefault(row["sample_id"], []).append(row)
    return rows


def decode_spans(input_ids: Sequence[int], labels: Sequence[int], tokenizer: Tokenizer) -> Iterator[Span]:
    """Decode ids in runs that are trained or not; a run of one control token is written once with its count."""
    names = {number: name for name, number in tokenizer.special.items()}

    def key(pair: tuple[int, int]) -> tuple[bool, str | None]:
        return (pair[1] != IGNORED_LABEL, names.get(pair[0]))

    for (is_trained, name), pairs in groupby(zip(input_ids, labels, strict=True), key=key):
        ids = [number for number, _ in pairs]
        if name is None:
            yield Span(text=tokenizer.decode(ids), is_trained=is_trained, is_control=False)
        else:
            count = f"x{len(ids)}" if len(ids) > 1 else ""
            yield Span(text=f"{name}{count}", is_trained=is_trained, is_control=True)


def _with_tiles(media: list[dict[str, Any]], row: dict[str, Any]) -> list[dict[str, Any]]:
    """Give each medium its tile grid or the seconds of its frames, from the shard's images in order of appearance."""
    at = 0
    told = []
    for medium in media:
        num = (medium["frames_used"] or 0) if medium["type"] == "video" else 1
        tiles, paths = row["tiles"][at : at + num], [image["path"] or "" for image in row["images"][at : at + num]]
        at += num
        if medium["type"] == "video":
            told.append({**medium, "frame_seconds": [path.rpartition("#t=")[2] for path in paths]})
        else:
            told.append({**medium, "tiles": [tiles[0]["rows"], tiles[0]["cols"]] if tiles else None})
    return told


def _why_missing(sample_id: str, ledger: list[dict[str, Any]], ask: Ask) -> str:
    """Say that a row was unreadable, or which id is nearest."""
    if ledger:
        return f": its row was unreadable ({ledger[0]['reason']})"
    order = f"jaro_winkler_similarity(sample_id, {literal(sample_id)}) desc, sample_id"
    nearest = ask(f"select sample_id from samples order by {order} limit 1").rows()
    return f"; did you mean '{nearest[0][0]}'?" if nearest else "; the build holds no samples"
