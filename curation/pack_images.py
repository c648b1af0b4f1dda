"""The images of a pack: encoded until one is asked for, then a PIL image, or the tiles that the model sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import numpy as np
import numpy.typing as npt

from curation.errors import BuildError, MediaError
from curation.images import open_image
from curation.mixtures.layout import num_tiles
from curation.mixtures.pixels import Pixels, cut_tiles

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Sides in pixels: of a tile, and of the longest edge that images are scaled to before they are cut."""

    tile: int
    longest_edge: int


class Encoded(Protocol):
    """The encoded bytes of images, and the error that names one of them."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> bytes: ...

    def refuse(self, index: int, why: object) -> NoReturn:
        """Raise a BuildError that names the image."""


class PackImages(Sequence["Image.Image"]):
    """The images of a pack in order, video frames included: `images[i]` decodes one, upright as it is shown.

    Nothing is kept: a second `images[i]` decodes again. Pickling takes the encoded bytes along.
    """

    def __init__(self, encoded: Encoded, grids: npt.NDArray[np.int32], geometry: Callable[[], Geometry]) -> None:
        self._encoded = encoded
        self._grids = grids
        self._geometry = geometry

    def __len__(self) -> int:
        return len(self._encoded)

    def __getitem__(self, index: Any) -> Any:
        """Return a PIL image (or the list of a slice's); a damaged one is a BuildError that names pack and sample."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = int(index) + (len(self) if index < 0 else 0)
        if not 0 <= number < len(self):
            raise IndexError(f"image {index} of {len(self)}")
        try:
            return _decode(self._encoded[number])
        except (MediaError, OSError, SyntaxError, ValueError, EOFError) as err:
            self._encoded.refuse(number, err)

    def __reduce__(self) -> tuple[Any, ...]:
        known = _Known([self._encoded[number] for number in range(len(self))])
        return _again, (known, self._grids, self._geometry() if len(self) else None)

    @property
    def num_tiles(self) -> int:
        """Tiles of all images: those of each grid and one of each whole image."""
        return sum(num_tiles(rows, cols) for rows, cols in self._grids.tolist())

    @property
    def tile_side(self) -> int:
        """Pixels of a side of a tile."""
        return self._geometry().tile

    def encoded(self) -> Iterator[bytes]:
        """Give the stored bytes of each image (JPEG, PNG …), as they are."""
        for number in range(len(self)):
            yield self._encoded[number]

    def pixels(self) -> Iterator[Pixels]:
        """Give the tiles of each image, uint8 [tiles, tile, tile, 3], as the model's processor cuts them."""
        geometry = self._geometry() if len(self) else None
        for number, (rows, cols) in enumerate(self._grids.tolist()):
            assert geometry is not None
            yield cut_tiles(self[number], (rows, cols), longest_edge=geometry.longest_edge, tile=geometry.tile)


class _Known(list[bytes]):
    """Bytes that left their shard: pickled into another process."""

    def refuse(self, index: int, why: object) -> NoReturn:
        raise BuildError(f"image {index} of a pack that another process read: {why}") from (
            why if isinstance(why, Exception) else None
        )


def _again(encoded: _Known, grids: npt.NDArray[np.int32], geometry: Geometry | None) -> PackImages:
    def known() -> Geometry:
        assert geometry is not None
        return geometry

    return PackImages(encoded, grids, known)


def _decode(data: bytes) -> Image.Image:
    from PIL import ImageOps

    image = open_image(data)
    image.load()
    return ImageOps.exif_transpose(image)
