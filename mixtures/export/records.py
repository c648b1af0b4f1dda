"""The samples of a build one by one, as they stand in its packs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from curation.reading import Packs

Ids = npt.NDArray[np.int32]

_SIGNATURES = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG", "png"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A sample at its place in a pack; `key` is unique and sorts in pack order. `tiles` int32 [images, 2]."""

    key: str
    pack: int
    position: int
    sample_id: str
    source: str
    kind: str
    input_ids: Ids
    labels: Ids
    tiles: Ids
    images: list[bytes]
    names: list[str]

    def about(self) -> str:
        """Return everything but tokens and pixels as JSON."""
        value = {
            "sample_id": self.sample_id,
            "source": self.source,
            "kind": self.kind,
            "pack": self.pack,
            "position": self.position,
            "tiles": self.tiles.tolist(),
            "images": self.names,
        }
        return json.dumps(value, sort_keys=True, ensure_ascii=False)


def records(packs: Packs) -> Iterator[Record]:
    """Give the samples of all packs in order, with their images as they are stored."""
    for number, pack in enumerate(packs):
        tokens, images = pack["cu_seqlens"].tolist(), pack["cu_images"].tolist()
        for position, sample_id in enumerate(pack["sample_ids"]):
            span, shown = slice(*tokens[position : position + 2]), slice(*images[position : position + 2])
            content = packs.content(number, position)
            yield Record(
                key=f"{number:09d}-{position:04d}",
                pack=number,
                position=position,
                sample_id=sample_id,
                source=content.source,
                kind=content.kind,
                input_ids=pack["input_ids"][span],
                labels=pack["labels"][span],
                tiles=pack["tiles"][shown],
                images=content.images,
                names=content.names,
            )


def suffix(image: bytes) -> str:
    """Return the usual file suffix of an encoded image; `img` when its first bytes are of no known format."""
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "webp"
    return next((name for start, name in _SIGNATURES if image.startswith(start)), "img")
