"""The training side: packs in a shuffled order that can be resumed, and batches for SmolVLM.

`PackLoader` needs no torch unless it is given workers; `collate` and `block_mask` do (`pip install curation[train]`).

    loader = PackLoader(build, batch_size=1, rank=rank, world_size=world_size, seed=17, collate=collate, num_workers=4)
    for batch in loader:
        model(**batch).loss.backward()
        checkpoint = loader.state_dict()
"""

from __future__ import annotations

from curation.training.batches import block_mask, collate
from curation.training.loader import PackLoader

__all__ = ["PackLoader", "block_mask", "collate"]
