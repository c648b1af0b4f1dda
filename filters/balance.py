"""`balance`: make groups more equal by a temperature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from curation.errors import ManifestError
from curation.filters.cap import check_columns, expression
from curation.filters.filter import Action, Tables

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Shrink large groups so that sizes go as `size ** alpha`: 1 changes nothing, 0 makes all equal.

    Groups are samples with the same values of the columns `by` (as in `cap`, without `media_id`); a sample with a null
    in any of them belongs to no group and stays. Groups of at most `whole` samples (default: the size of the smallest)
    stay whole, a group of n keeps `whole * (n / whole) ** alpha`, rounded. 0.7 is the exponent that mBART uses
    for languages. Those with the lowest rank stay: seeded and nested. Reason
    `over_represented`, measured: the sample's place in its group, threshold: how many the group keeps. The guard does
    not apply, since the sizes are what was asked for.
    """

    name: ClassVar[str] = "balance"
    version: ClassVar[int] = 1
    is_guarded: ClassVar[bool] = False
    reads_media: ClassVar[bool] = False

    by: tuple[str, ...]
    alpha: float = 0.7
    whole: int | None = None
    action: Action = "drop"

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise ManifestError(f"filters.balance.alpha is {self.alpha}; write 0 (all equal) to 1 (as they are)")
        if self.whole is not None and self.whole < 1:
            raise ManifestError(f"filters.balance.whole is {self.whole}; write a number of samples above 0")
        if not self.by or "media_id" in self.by:
            raise ManifestError("filters.balance.by: name one or more columns other than media_id, e.g. [source]")
        check_columns("filters.balance.by", self.by)

    def ledger(self, tables: Tables) -> pa.Table:
        """Return a row for each sample that its group has too many of."""
        keys = [f"k{index}" for index in range(len(self.by))]
        selected = ", ".join(f"{expression(column)} as {key}" for column, key in zip(self.by, keys, strict=True))
        group = ", ".join(f"${key}_name, {key}" for key in keys)
        groups = f"""
            select sample_id, source, rank, {selected} from samples s
            where {" and ".join(f"{expression(column)} is not null" for column in self.by)}"""
        sizes = f"select {', '.join(keys)}, count(*) as size from ({groups}) group by all"
        keeps = f"""
            select *, coalesce($whole, min(size) over ())::double as whole_size,
                   case when size <= whole_size then size
                        else round(whole_size * pow(size / whole_size, $alpha)) end as keeps
            from ({sizes})"""
        query = f"""
            select sample_id, source, 'balance' as filter, $action as action, 'over_represented' as reason,
                   row_number() over (partition by {", ".join(keys)} order by rank, sample_id) as measured,
                   keeps as threshold,
                   json_object('group', json_object({group}), 'size', size, 'alpha', $alpha)::varchar as detail
            from ({groups}) join ({keeps}) using ({", ".join(keys)})
            qualify measured > keeps"""
        names = {f"{key}_name": column for column, key in zip(self.by, keys, strict=True)}
        return tables.rows(query, {"action": self.action, "whole": self.whole, "alpha": self.alpha, **names})
