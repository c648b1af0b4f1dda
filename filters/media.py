"""`media`: images that show nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from curation.errors import ManifestError
from curation.filters.filter import Action, Tables

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """Drop samples with an image that shows nothing, judged by its luma at 64x64 pixels (grey values 0 to 255).

    `blank` (4): the darkest and the lightest pixel differ by no more: an empty page, a closed lens. `uniform` (16): by
    no more than this: noise, a faint gradient. `detail` (6): no two neighbouring pixels differ by more: a smooth
    gradient, a blur beyond recognition. One line of small print on an empty page differs by 30 and more, so pages with
    little ink stay. Write null to leave one out.

    Reasons `blank`, `near_uniform`, `low_detail`, measured: the difference; detail: which image. What pull measured is
    judged, so no file is opened. Videos are not judged.
    """

    name: ClassVar[str] = "media"
    version: ClassVar[int] = 2
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
        """Return a row for each sample with such an image; of several the first."""
        return tables.rows(
            """select sample_id, source, 'media' as filter, $action as action, reason, measured, threshold,
                      json_object('media_id', media_id, 'position', position)::varchar as detail
               from (select sample_id, position, media_id, unnest([
                         {'rule': 1, 'reason': 'blank', 'measured': contrast, 'threshold': $blank},
                         {'rule': 2, 'reason': 'near_uniform', 'measured': contrast, 'threshold': $uniform},
                         {'rule': 3, 'reason': 'low_detail', 'measured': detail, 'threshold': $detail}
                     ], recursive := true)
                     from media where type = 'image') judged
               join samples using (sample_id)
               where measured <= threshold
               qualify row_number() over (partition by sample_id order by position, rule) = 1""",
            {"action": self.action, "blank": self.blank, "uniform": self.uniform, "detail": self.detail},
        )
