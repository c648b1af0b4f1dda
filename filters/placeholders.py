"""`placeholders`: text that was meant to be replaced and was not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from curation.errors import ManifestError
from curation.filters.filter import Action, Tables

if TYPE_CHECKING:
    import pyarrow as pa

Group = Literal["template_slot", "media_token", "filler", "no_value"]

# A slot is a name of three letters or more with nothing of a formula before it: LaTeX is full of `\frac{{a}}{{b}}`.
_PATTERNS: dict[Group, str] = {
    "template_slot": (
        r"(?<![\\\w}^_{$])\{\{\s*[A-Za-z_][\w.]{2,}\s*\}\}(?!\})|\{%\s*\w+[^%{}]*%\}|<\|?(?i:placeholder)\|?>"
    ),
    "media_token": (
        r"<(?:image|video|audio)(?:[_ ]?\d+)?>|<IMG_CONTEXT>|</?img>|<\|(?:image|video|vision)(?:_\w+)?\|>|"
        r"<ImageHere>|<ImageContent>|<im_(?:patch|start|end)>|<fake_token_around_image>|<global-img>"
        r"|<row_\d+_col_\d+>|\[IMG\]"
    ),
    "filler": r"(?i:lorem ipsum dolor|\[(?:your|insert|enter|name of|add your)\b[^\]\n]{0,40}\])",
    "no_value": r"\A\s*(?i:nan|undefined|\[object object\]|<unk>|\[unk\])\s*\Z",
}
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholders:
    r"""Drop samples whose words hold what a template, a converter or a model's own tokens left behind.

    `template_slot`: `{{name}}`, `{% if %}`. `media_token`: `<image>`, `<IMG_CONTEXT>`, `<|image_pad|>` as plain text,
    which says that a picture's place was lost. `filler`: `[Your Name]`, `[insert date]`, lorem ipsum. `no_value`: an
    answer that is `nan`, `undefined` or `[object Object]` and nothing else. Code between backquotes doesn't count.
    `look_for` chooses among them; `patterns` are regular expressions of one's own (reason `pattern`).

    Reason: the group; measured: how often it occurs; detail: the first occurrence, and which side said it.
    """

    name: ClassVar[str] = "placeholders"
    version: ClassVar[int] = 1
    is_guarded: ClassVar[bool] = True
    reads_media: ClassVar[bool] = False

    look_for: tuple[Group, ...] = ("template_slot", "media_token", "filler", "no_value")
    patterns: tuple[str, ...] = ()
    action: Action = "drop"

    def __post_init__(self) -> None:
        for pattern in self.patterns:
            try:
                re.compile(pattern)
            except re.error as err:
                raise ManifestError(
                    f"filters.placeholders.patterns: '{pattern}' is no regular expression: {err}"
                ) from err
        if not self.look_for and not self.patterns:
            raise ManifestError("filters.placeholders.look_for is empty; name groups, or give patterns")

    def ledger(self, tables: Tables) -> pa.Table:
        """Return a row for each sample that holds a placeholder; of several groups the first."""
        searches = [(str(group), re.compile(_PATTERNS[group])) for group in self.look_for]
        searches += [("pattern", re.compile(pattern)) for pattern in self.patterns]
        found = (
            {"sample_id": sample_id, **row}
            for batch in tables.texts(None)
            for sample_id, *said in zip(*(batch[name].to_pylist() for name in batch.schema.names), strict=True)
            for row in _first(searches, said[0], said[1])
        )
        return tables.decided(self.name, self.action, found)


def _first(searches: list[tuple[str, re.Pattern[str]]], question: str, answer: str) -> Iterator[dict[str, object]]:
    """Yield what the first search that finds anything says."""
    sides = [("question", _CODE.sub(" ", question)), ("answer", _CODE.sub(" ", answer))]
    for reason, pattern in searches:
        found = [(side, match.group()) for side, text in sides for match in pattern.finditer(text)]
        found = [each for each in found if reason != "no_value" or each[0] == "answer"]
        if found:
            detail = {"found": found[0][1][:200], "side": found[0][0]}
            yield {
                "reason": reason,
                "measured": float(len(found)),
                "threshold": 0.0,
                "detail": json.dumps(detail, ensure_ascii=False),
            }
            return
