"""`text_quality`: the rules of Gopher, C4 and FineWeb for web text."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, ClassVar, Literal

from curation.errors import ManifestError
from curation.filters.datatrove_rules import Rule, check_kinds, rejected
from curation.filters.filter import Action, Tables

if TYPE_CHECKING:
    import pyarrow as pa

# As FineWeb was filtered, which leaves out C4's rule that lines end in a full stop.
_RULES: dict[str, tuple[Rule, ...]] = {
    "gopher": (Rule(name="GopherRepetitionFilter", options={}), Rule(name="GopherQualityFilter", options={})),
    "c4": (Rule(name="C4QualityFilter", options={"filter_no_terminal_punct": False}),),
    "fineweb": (Rule(name="FineWebQualityFilter", options={}),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TextQuality:
    """Drop documents that the published rules for web text reject: Gopher's, C4's and FineWeb's, by datatrove.

    For documents of web corpora. Conversations and code fail for being what they are (fewer than 50 words, curly
    brackets), so samples of other `kinds` than text are not asked; try `action: flag` first. Settings of single rules:
    the filter `datatrove`. Reasons: datatrove's (`gopher_short_doc`, `line_punct_ratio`, ...).
    """

    name: ClassVar[str] = "text_quality"
    version: ClassVar[int] = 1
    is_guarded: ClassVar[bool] = True
    reads_media: ClassVar[bool] = False

    rules: tuple[Literal["gopher", "c4", "fineweb"], ...] = ("gopher", "c4", "fineweb")
    kinds: tuple[str, ...] = ("text",)
    action: Action = "drop"

    def __post_init__(self) -> None:
        if not self.rules:
            raise ManifestError(f"filters.text_quality.rules is empty; name some of {', '.join(_RULES)}")
        check_kinds("filters.text_quality.kinds", self.kinds)

    def inputs(self) -> tuple[str, ...]:
        """Return the version of datatrove, whose rules may change with it."""
        return (f"datatrove {version('datatrove')}",)

    def ledger(self, tables: Tables) -> pa.Table:
        """Return a row for each sample that a rule rejects."""
        rules = tuple(rule for name in self.rules for rule in _RULES[name])
        return rejected(tables, self.name, rules, kinds=self.kinds, action=self.action)
