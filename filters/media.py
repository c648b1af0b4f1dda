"""`media`: images that show nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from curation.errors import ManifestError, MediaError
from curation.filters.filter import Action, Tables
from curation.media import content_from_json, probe_image, read
from curation.records import Address

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

BATCH_IMAGES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """Drop samples with an image that shows nothing, judged by its luma at 64x64 pixels (grey values 0 to 255).

    `blank` (4): the darkest and the lightest pixel differ by no more: an empty page, a closed lens. `uniform` (16): by
    no more than this: noise, a faint gradient. `detail` (6): no two neighbouring pixels differ by more: a smooth
    gradient, a blur beyond recognition. One line of small print on an empty page differs by 30 and more, so pages with
    little ink stay. Write null to leave one out.

    Reasons `blank`, `near_uniform`, `low_detail`, measured: the difference; detail: which image. Every image is opened:
    about 1,000 small JPEG images a second of one core, on all cores. Images that can't be read, and videos, are not
    judged.
    """

    name: ClassVar[str] = "media"
    version: ClassVar[int] = 1
    is_guarded: ClassVar[bool] = True
    reads_media: ClassVar[bool] = True

    blank: float | None = 4.0
    uniform: float | None = 16.0
    detail: float | None = 6.0
    action: Action = "drop"

    def __post_init__(self) -> None:
        for option, value in (("blank", self.blank), ("uniform", self.uniform), ("detail", self.detail)):
            if value is not None and not 0 <= value <= 255:
                raise ManifestError(f"filters.media.{option} is {value:g}; write a grey value from 0 to 255, or null")

    def ledger(self, tables: Tables) -> pa.Table:
        """Return a row for each sample with such an image; of several the first. Opens every image."""
        import pyarrow as pa

        columns = ("media_id", "reason", "measured", "threshold")
        found = list(zip(*self._found(tables), strict=True)) or [(), (), (), ()]
        types = (pa.string(), pa.string(), pa.float64(), pa.float64())
        arrays = [pa.array(values, kind) for values, kind in zip(found, types, strict=True)]
        tables.connection.register("found", pa.table(dict(zip(columns, arrays, strict=True))))
        rows = tables.rows(
            """select sample_id, source, 'media' as filter, $action as action, reason, measured, threshold,
                      json_object('media_id', media_id, 'position', position)::varchar as detail
               from (select sample_id, position, found.* from media join found using (media_id)
                     qualify row_number() over (partition by sample_id order by position) = 1)
               join samples using (sample_id)""",
            {"action": self.action},
        )
        tables.connection.unregister("found")
        return rows

    def _found(self, tables: Tables) -> Iterator[tuple[str, str, float, float]]:
        images = tables.connection.sql("""
            select media_id, arg_min(address, (sample_id, position)) as address from media
            where type = 'image' and address is not null group by media_id order by media_id""").to_arrow_table()
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for batch in images.to_batches(BATCH_IMAGES):
                greys = pool.map(_grey, batch["address"].to_pylist())
                for media_id, grey in zip(batch["media_id"].to_pylist(), greys, strict=True):
                    verdict = None if grey is None else self._judge(grey)
                    if verdict is not None:
                        yield media_id, *verdict

    def _judge(self, grey: NDArray[np.uint8]) -> tuple[str, float, float] | None:
        contrast, step = contrast_of(grey)
        for reason, value, limit in (
            ("blank", contrast, self.blank),
            ("near_uniform", contrast, self.uniform),
            ("low_detail", step, self.detail),
        ):
            if limit is not None and value <= limit:
                return reason, value, limit
        return None


def contrast_of(grey: NDArray[np.uint8]) -> tuple[float, float]:
    """Return by how much the lightest and darkest pixel differ, and the most that two neighbours do."""
    import numpy as np

    values = grey.astype(np.int16)
    steps = (np.abs(np.diff(values, axis=axis)).max(initial=0) for axis in (0, 1))
    return float(values.max() - values.min()), float(max(steps))


def _grey(address: str) -> NDArray[np.uint8] | None:
    try:
        content = content_from_json(address)
        return probe_image(read(content)).grey if isinstance(content, Address) else None
    except (MediaError, json.JSONDecodeError):
        return None
