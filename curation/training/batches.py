"""Make a SmolVLM batch of packs: token tensors, and the tiles of all images as the model's processor gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from curation.mixtures.layout import NO_LOSS
from curation.mixtures.pixels import normalised

if TYPE_CHECKING:
    import torch

Pack = dict[str, Any]
PAD = 0
NO_SAMPLE = -1


def collate(
    batch: Sequence[Pack], *, attention: Literal["blocks", "padding", "positions"] = "blocks"
) -> dict[str, torch.Tensor]:
    """Return the tensors that `model(**collate(batch))` takes; B packs, L tokens in the longest.

    `input_ids`, `labels` (-100 on padding), `position_ids` (from 0 in each sample), int64 [B, L]; `pixel_values`
    float32 [B, T, 3, tile, tile] from -1 to 1, T tiles in the pack with most, the rest all 0, and
    `pixel_attention_mask` bool [B, T, tile, tile]; a batch without images has neither. `attention_mask` by `attention`:

    - `blocks`: float32 [B, 1, L, L] to add to the scores (`block_mask`), so that no sample sees another; 4 L^2 bytes a
      pack, for any attention but flash attention.
    - `positions`: left out. transformers takes the samples' bounds from `position_ids` where they restart, provided
      that the model is called with `use_cache=False` (its cache turns that off). For flash attention, and the
      lightest.
    - `padding`: int64 [B, L], 1 on tokens. The samples of a pack see those before them: for packs of one sample.

    Raises BuildError when an image can't be read; it names pack, sample, source and shard.
    """
    import torch

    length = max(len(pack["input_ids"]) for pack in batch)
    tensors = {
        "input_ids": _rows(batch, "input_ids", length, PAD),
        "labels": _rows(batch, "labels", length, NO_LOSS),
        "position_ids": _rows(batch, "position_ids", length, 0),
    }
    segments = _rows(batch, "segment_ids", length, NO_SAMPLE)
    if attention == "blocks":
        tensors["attention_mask"] = block_mask(segments)
    elif attention == "padding":
        tensors["attention_mask"] = (segments != NO_SAMPLE).to(torch.int64)
    return tensors | _pixels(batch)


def block_mask(segment_ids: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Return the mask to add to attention scores, [B, 1, L, L]: 0 where a token may look, else the dtype's minimum.

    `segment_ids` int [B, L] numbers the samples, negative on padding. A token sees itself and what is before it in its
    own sample; padding sees padding, so that no row of the softmax is empty. `dtype` default: float32.
    """
    import torch

    dtype = dtype or torch.float32
    length = segment_ids.shape[1]
    is_seen = segment_ids[:, :, None] == segment_ids[:, None, :]
    is_seen &= torch.ones(length, length, dtype=torch.bool, device=segment_ids.device).tril()
    mask = torch.full(is_seen.shape, torch.finfo(dtype).min, dtype=dtype, device=segment_ids.device)
    return mask.masked_fill_(is_seen, 0)[:, None]


def _rows(batch: Sequence[Pack], name: str, length: int, padding: int) -> torch.Tensor:
    import torch

    rows = np.full((len(batch), length), padding, np.int64)
    for row, pack in zip(rows, batch, strict=True):
        row[: len(pack[name])] = pack[name]
    return torch.from_numpy(rows)


def _pixels(batch: Sequence[Pack]) -> dict[str, torch.Tensor]:
    import torch

    counts = [pack["images"].num_tiles for pack in batch]
    if not any(counts):
        return {}
    side = next(pack["images"].tile_side for pack in batch if len(pack["images"]))
    pixels = np.zeros((len(batch), max(counts), 3, side, side), np.float32)
    mask = np.zeros((len(batch), max(counts), side, side), np.bool_)
    for row, pack, count in zip(pixels, batch, counts, strict=True):
        place = 0
        for tiles in pack["images"].pixels():
            row[place : place + len(tiles)] = normalised(tiles)
            place += len(tiles)
        assert place == count
    for row, count in zip(mask, counts, strict=True):
        row[:count] = True
    return {"pixel_values": torch.from_numpy(pixels), "pixel_attention_mask": torch.from_numpy(mask)}
