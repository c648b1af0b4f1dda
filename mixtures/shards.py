"""Write one shard: rows in pack order, their media beside them. Runs in a worker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from curation.errors import ChangedError, MediaError
from curation.fingerprint import file_sha256
from curation.images import open_image
from curation.media import content_from_json, read, sha256
from curation.mixtures.encoded_file import EncodedFile
from curation.mixtures.frames_stage import Clip, read_frames
from curation.mixtures.layout import ImageLayout, expand
from curation.mixtures.pixels import upright_rgb
from curation.mixtures.shard_file import write_rows
from curation.records import Address
from curation.workspace import replacing

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTask:
    """The rows of one shard: for each row its encoded file (index into `encoded`) and its row there.

    `format` is parquet or arrow; `images` original or fit, that is at most `fit` pixels long.
    """

    path: Path
    format: str
    images: str
    fit: int
    encoded: tuple[Path, ...]
    file: np.ndarray
    row: np.ndarray
    layout: ImageLayout
    cache: Path


def write_shard(work: ShardTask) -> dict[str, Any]:
    """Write the shard; return its rows, tokens, bytes and sha256.

    Raises ChangedError when a medium is gone or no longer has the bytes it was measured with.
    """
    with replacing(work.path) as temporary:
        tokens = write_rows(temporary, work.format, _rows(work))
        num_bytes, digest = temporary.stat().st_size, file_sha256(temporary)
    return {"rows": len(work.row), "tokens": tokens, "bytes": num_bytes, "sha256": digest}


def _rows(work: ShardTask) -> Iterator[dict[str, Any]]:
    """Make the shard's rows in order, each encoded file mapped into memory once."""
    readers = {index: EncodedFile(work.encoded[index]) for index in np.unique(work.file).tolist()}
    for index, number in zip(work.file.tolist(), work.row.tolist(), strict=True):
        yield _row(readers[index], number, work)


def _row(reader: EncodedFile, number: int, work: ShardTask) -> dict[str, Any]:
    encoded = reader.row(number)
    images: list[dict[str, Any]] = []
    tiles: list[dict[str, int]] = []
    for medium in encoded["media"]:
        if medium["type"] == "video":
            seconds, jpegs = read_frames(Clip.of(medium), work.cache)
            for second, jpeg in zip(seconds, jpegs, strict=True):
                images.append({"bytes": jpeg, "path": f"{medium['name']}#t={second:.3f}"})
                tiles.append({"rows": 0, "cols": 0})
        else:
            images.append({"bytes": _image(medium, work), "path": medium["name"]})
            tiles.append({"rows": medium["rows"], "cols": medium["cols"]})
    grids = [(tile["rows"], tile["cols"]) for tile in tiles]
    input_ids, labels = expand(encoded["ids"], encoded["loss"], grids, work.layout)
    return {
        "sample_id": encoded["sample_id"],
        "input_ids": input_ids,
        "labels": labels,
        "images": images,
        "tiles": tiles,
        "kind": encoded["kind"],
        "source": encoded["source"],
    }


def _image(medium: dict[str, Any], work: ShardTask) -> bytes:
    content = content_from_json(medium["address"])
    assert isinstance(content, Address)
    try:
        data = read(content)
    except MediaError as err:
        raise ChangedError(
            f"write: {content} was there in pull and is gone ({err}); put it back, or run the build again to do "
            "without it",
            path=content.path,
            now="gone",
        ) from err
    if (now := sha256(data)) != medium["media_id"]:
        raise ChangedError(
            f"write: {content} has changed since pull; run the build again to measure it anew",
            path=content.path,
            now=now,
        )
    return data if work.images == "original" else _fitted(data, work.fit)


def _fitted(data: bytes, longest_edge: int) -> bytes:
    """Shrink an image to what the profile can use; it keeps its bytes where that makes them no fewer."""
    import io

    from PIL import Image

    image = open_image(data)
    if max(image.size) <= longest_edge:
        return data
    shown = upright_rgb(image)  # what the processor sees; a palette or a bitmap would be shrunk without averaging
    if image.mode in ("1", "L"):
        shown = shown.convert("L")
    shown.thumbnail((longest_edge, longest_edge), Image.Resampling.LANCZOS)
    output = io.BytesIO()
    if image.format == "JPEG":
        shown.save(output, "JPEG", quality=92)
    else:
        shown.save(output, "PNG")
    return min(data, output.getvalue(), key=len)
