"""Pulled samples to compact token ids and exact lengths: the whole of what a model will see, but for the pixels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import orjson

from curation.errors import MediaError
from curation.mixtures.arrangement import Part, Turn, arrange
from curation.mixtures.chat import ChatTemplate, Draft, Slot
from curation.mixtures.dialect import VideoTimes
from curation.mixtures.encode_settings import EncodeSettings
from curation.mixtures.geometry import tile_grid
from curation.mixtures.layout import PLACEHOLDER, Ids, expand, image_layout
from curation.mixtures.tokenizer import Tokenizer
from curation.mixtures.video_plan import Medium, encode_medium

__all__ = ["EncodeSettings", "Encoder", "expand", "render"]

Row = dict[str, Any]


@dataclass(slots=True)
class _Work:
    """One sample on its way: its turns as told, its media by position, the media in the order they are shown."""

    row: Row
    turns: list[Turn]
    media: list[Medium]
    shown: list[Medium]
    draft: Draft


class Encoder:
    """Encodes batches of pulled rows with one tokenizer. Keeps the chat template's programs between batches."""

    def __init__(self, settings: EncodeSettings, tokenizer: Tokenizer) -> None:
        self.settings = settings
        self.tokenizer = tokenizer
        self.layout = image_layout(settings.profile, tokenizer, tiles=settings.tiles)
        self.template = ChatTemplate(settings.profile, tokenizer, is_reference=settings.control_text == "reference")
        self._is_split = settings.split_images and settings.profile.split_images

    def encode(self, rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
        """Encode rows of `tables.PULLED`; return rows of `tables.ENCODED`, one each in order, and of `tables.LEDGER`.

        A row that can't be encoded has null `ids`: its video has no usable frame, it is longer than the context, or
        (with control_text `reference`) its text holds the image token without an image. So has a row without a
        conversation, which went into another's (`curation.mixtures.merge_stage`).
        """
        ledger: list[Row] = []
        runs: dict[str, int] = {}
        works: list[_Work | None] = [self._prepare(row, runs, ledger) for row in rows]
        encoded = self.tokenizer.encode_ordinary_batch(list(runs))
        pairs = zip(rows, works, strict=True)
        return [self._finish(w, encoded, ledger) if w else _dropped(row) for row, w in pairs], ledger

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        image_sizes: Sequence[tuple[int, int]] = (),
        videos: Sequence[VideoTimes] = (),
        add_generation_prompt: bool = False,
    ) -> tuple[Ids, Ids]:
        """Return (input_ids, labels) of a conversation of OpenAI-like messages, media in order of appearance.

        `image_sizes` are (width, height) as shown. No system prompt is added, and nothing is dropped.
        """
        sizes, times = iter(image_sizes), iter(videos)
        media: list[Medium] = []
        turns: list[Turn] = []
        for message in messages:
            content = message["content"]
            parts: list[Part] = []
            for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
                if part["type"] == "text":
                    parts.append(part["text"])
                    continue
                parts.append(len(media))
                is_video = part["type"].startswith("video")
                media.append(Medium.of_video(next(times)) if is_video else Medium.of_image(self._grid(*next(sizes))))
            turns.append((message["role"], parts))
        slots, shown = self._arranged(turns, media)
        runs: dict[str, int] = {}
        draft = self.template.draft(slots, runs, add_generation_prompt=add_generation_prompt)
        ids, loss = draft.assemble(self.tokenizer.encode_ordinary_batch(list(runs)))
        grids = [grid for medium in shown for grid in medium.grids]
        return expand(ids, self._loss(ids, loss), grids, self.layout)

    def _prepare(self, row: Row, runs: dict[str, int], ledger: list[Row]) -> _Work | None:
        if row["conversation"] is None:
            return None
        turns = _conversation(row["conversation"])
        try:
            media = [encode_medium(raw, row, self.settings, self._grid) for raw in row["media"] or ()]
        except MediaError as err:
            ledger.append(_entry(row, "drop", err.reason, measured=err.measured, detail={"problem": err.detail}))
            return None
        for flag in (flag for medium in media for flag in medium.flags):
            ledger.append(_entry(row, "flag", flag.reason, measured=flag.measured, detail=flag.detail))
        found = self._control_text(turns)
        if found and self.settings.control_text == "reference" and self.settings.profile.tokens.image in found:
            # The published processor refuses such a sample: it would look for another image.
            ledger.append(_entry(row, "drop", "image_token_in_text", measured=sum(found.values()), detail=found))
            return None
        if found:
            ledger.append(_entry(row, "flag", "control_text", measured=sum(found.values()), detail=found))
        prompt = self.settings.system_prompt(row["kind"])
        if prompt is not None and not any(role == "system" for role, _ in turns):
            turns.insert(0, ("system", [prompt]))
        slots, shown = self._arranged(turns, media)
        return _Work(row, turns, media, shown, self.template.draft(slots, runs))

    def _arranged(
        self, turns: Sequence[Turn], media: Sequence[Medium]
    ) -> tuple[list[tuple[str, list[Slot]]], list[Medium]]:
        slots = arrange(turns, [medium.times for medium in media], self.settings.dialect)
        return slots, [media[part] for _, parts in turns for part in parts if isinstance(part, int)]

    def _finish(self, work: _Work, encoded: Sequence[list[int]], ledger: list[Row]) -> Row:
        ids, loss = work.draft.assemble(encoded)
        row = self._row(work, ids, loss)
        limit = self.settings.max_tokens
        if row["tokens"] <= limit:
            return row
        kept = self._trimmed(work) if self.settings.over_length == "trim_turns" else None
        if kept is None:
            ledger.append(_entry(work.row, "drop", "over_length", measured=row["tokens"], threshold=limit))
            return {**row, "ids": None, "loss": None}
        shorter, num_turns = kept
        detail = {"turns": len(work.turns), "turns_kept": num_turns}
        ledger.append(_entry(work.row, "trim", "over_length", measured=row["tokens"], threshold=limit, detail=detail))
        return shorter

    def _trimmed(self, work: _Work) -> tuple[Row, int] | None:
        """Return the row of the most leading turns that fit, ending with an answer, and their number."""
        ends = [i + 1 for i, (role, _) in enumerate(work.turns[:-1]) if role == "assistant"]
        best: tuple[Row, int] | None = None
        low, high = 0, len(ends)
        while low < high:
            middle = (low + high) // 2
            turns = work.turns[: ends[middle]]
            slots, shown = self._arranged(turns, work.media)
            runs: dict[str, int] = {}
            part = _Work(work.row, turns, work.media, shown, self.template.draft(slots, runs))
            row = self._row(part, *part.draft.assemble(self.tokenizer.encode_ordinary_batch(list(runs))))
            if row["tokens"] <= self.settings.max_tokens:
                best, low = (row, ends[middle]), middle + 1
            else:
                high = middle
        return best

    def _row(self, work: _Work, ids: list[int], loss: list[int]) -> Row:
        loss = self._loss(ids, loss)
        grids = [grid for medium in work.shown for grid in medium.grids]
        image_tokens = sum(self.layout.num_image_tokens(*grid) for grid in grids)
        tokens = len(ids) - len(grids) + sum(self.layout.num_tokens(*grid) for grid in grids)
        return {
            "sample_id": work.row["sample_id"],
            "source": work.row["source"],
            "kind": work.row["kind"],
            "frames": sum(len(medium.grids) for medium in work.shown if medium.times is not None),
            "text_tokens": tokens - image_tokens,
            "image_tokens": image_tokens,
            "loss_tokens": sum(loss[1::2]) - sum(loss[::2]),
            "tokens": tokens,
            "num_tiles": sum(rows * cols + 1 for rows, cols in grids),
            "media_bytes": sum(medium.stored_bytes for medium in work.shown),
            "used_seconds": sum(medium.used_seconds or 0.0 for medium in work.shown),
            "ids": ids,
            "loss": loss,
            "media": [medium.row(self.layout) for medium in work.shown],
        }

    def _loss(self, ids: list[int], completions: list[int]) -> list[int]:
        """Return the trained spans: the answers, or everything but media."""
        if self.settings.loss == "completions":
            return completions
        edges = [-1, *(i for i, token in enumerate(ids) if token == PLACEHOLDER), len(ids)]
        spans: list[int] = []
        for before, after in pairwise(edges):
            if before + 1 < after:
                spans += (before + 1, after)
        return spans

    def _grid(self, width: int, height: int) -> tuple[int, int]:
        profile = self.settings.profile
        return _grid(width, height, profile.longest_edge, profile.tile) if self._is_split else (0, 0)

    def _control_text(self, turns: Sequence[Turn]) -> dict[str, int]:
        found: dict[str, int] = {}
        for _, parts in turns:
            for part in parts:
                if isinstance(part, str):
                    for name, count in self.template.control.count(part).items():
                        found[name] = found.get(name, 0) + count
        return found


def render(
    messages: Sequence[Mapping[str, Any]],
    settings: EncodeSettings,
    *,
    tokenizer: Tokenizer,
    image_sizes: Sequence[tuple[int, int]] = (),
    videos: Sequence[VideoTimes] = (),
    add_generation_prompt: bool = False,
) -> Ids:
    """Return the `input_ids` of a conversation, as the model's processor makes them; for prompts, not for training.

    Control tokens in the messages' own text are text unless the settings say `reference`. See `Encoder.render`.
    """
    encoder = Encoder(replace(settings, system=False), tokenizer)
    return encoder.render(
        messages, image_sizes=image_sizes, videos=videos, add_generation_prompt=add_generation_prompt
    )[0]


@lru_cache(maxsize=1 << 16)
def _grid(width: int, height: int, longest_edge: int, tile: int) -> tuple[int, int]:
    return tile_grid(width, height, longest_edge=longest_edge, tile=tile)


def _conversation(text: str) -> list[Turn]:
    return [(role, parts or [""]) for role, parts in orjson.loads(text)]


def _dropped(row: Row) -> Row:
    return {"sample_id": row["sample_id"], "source": row["source"], "kind": row["kind"], "ids": None, "loss": None}


def _entry(
    row: Row,
    action: str,
    reason: str,
    *,
    measured: float | None = None,
    threshold: float | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Row:
    return {
        "sample_id": row["sample_id"],
        "source": row["source"],
        "stage": "encode",
        "filter": None,
        "action": action,
        "reason": reason,
        "measured": None if measured is None else float(measured),
        "threshold": None if threshold is None else float(threshold),
        "detail": json.dumps(detail, sort_keys=True) if detail else None,
    }
