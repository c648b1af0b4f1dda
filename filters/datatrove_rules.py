"""`datatrove`: any of datatrove's document filters, on the samples of text kinds."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar

from curation.errors import FilterError, ManifestError, nearest
from curation.filters.filter import Action, Tables
from curation.filters.plain_words import plain_words
from curation.records import KINDS

if TYPE_CHECKING:
    import pyarrow as pa

# By chance, and by the order in which rows come: the same manifest would give another build.
_REFUSED = {"SamplerFilter": "use `take` or `cap`", "LambdaFilter": "use `where`"}
_OWN_OPTIONS = ("kinds", "action")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One of datatrove's filters by its class name, with its options."""

    name: str
    options: Mapping[str, Any]

    def made(self) -> Any:
        """Make the filter. Raises ManifestError for an unknown name or option, or a package that is missing."""
        from datatrove.pipeline import filters

        known = sorted(name for name, _ in inspect.getmembers(filters, inspect.isclass) if name not in _REFUSED)
        where = f"filters.datatrove.{self.name}"
        if self.name in _REFUSED:
            raise ManifestError(f"{where} decides by chance or by code; {_REFUSED[self.name]} instead")
        if self.name not in known:
            raise ManifestError(
                f"filters.datatrove: no filter named '{self.name}'{nearest(self.name, known)} "
                f"(there are {', '.join(known)})"
            )
        made = getattr(filters, self.name)
        accepted = [name for name in inspect.signature(made).parameters if name not in ("exclusion_writer", "seed")]
        for name in self.options:
            if name not in accepted:
                there = ", ".join(accepted) or "none"
                raise ManifestError(f"{where}: no option named '{name}'{nearest(name, accepted)} (it has {there})")
        if self.options.get("keep_fraction"):
            raise ManifestError(f"{where}.keep_fraction decides by chance; leave it out")
        language = {"language": plain_words()} if "language" in accepted and "language" not in self.options else {}
        try:
            return made(**language, **self.options)
        except ImportError as err:
            raise ManifestError(f"{where}: {err}") from err
        except Exception as err:  # a pattern that is none, a wrong type: each filter has errors of its own
            raise ManifestError(f"{where}: {err}; correct its options {dict(self.options)}") from err


@dataclass(frozen=True, slots=True, kw_only=True)
class Datatrove:
    """Drop what datatrove's document filters drop, e.g. `datatrove: {GopherRepetitionFilter: {dup_line_frac: 0.2}}`.

    Several are asked in their order. A document is a sample's question and answer, each on lines of its own; only
    samples of `kinds` (default: text) are asked, since the rules were tuned for web pages: a short answer about a
    picture fails nearly all of them. What a filter would rewrite stays as it is.

    Words and sentences are split by characters alone, alike on every machine, where a filter takes a `language`;
    datatrove's own splitting is used when the option is given (`language: eng`), and needs its package (spacy, stanza
    ...). Of 285 English documents the rules of Gopher, C4 and FineWeb decide 98 to 100 % the same with either.

    Reason: datatrove's own; it tells no measure. detail: which filter, and its options.
    """

    name: ClassVar[str] = "datatrove"
    version: ClassVar[int] = 1
    is_guarded: ClassVar[bool] = True
    reads_media: ClassVar[bool] = False

    rules: tuple[Rule, ...]
    kinds: tuple[str, ...] = ("text",)
    action: Action = "drop"

    def __post_init__(self) -> None:
        if not self.rules:
            raise ManifestError("filters.datatrove names no filter; write e.g. datatrove: {GopherRepetitionFilter: {}}")
        if self.action not in ("drop", "flag"):
            raise ManifestError(f"filters.datatrove.action is '{self.action}'; write drop or flag")
        check_kinds("filters.datatrove.kinds", self.kinds)
        for rule in self.rules:
            rule.made()

    @classmethod
    def from_options(cls, options: Mapping[str, Any] | str) -> Datatrove:
        """Make it of `{ClassName: {option: value}, ..., kinds: [...], action: ...}` or of one class name."""
        given: dict[str, Any] = {options: {}} if isinstance(options, str) else dict(options)
        own = {name: given.pop(name) for name in _OWN_OPTIONS if name in given}
        for name, value in given.items():
            if value is not None and not isinstance(value, Mapping):
                raise ManifestError(f"filters.datatrove.{name} is {value!r}; write a mapping of its options, e.g. {{}}")
        kinds = own.get("kinds", ["text"])
        return cls(
            rules=tuple(Rule(name=name, options=dict(value or {})) for name, value in given.items()),
            kinds=(kinds,) if isinstance(kinds, str) else tuple(kinds),
            action=own.get("action", "drop"),
        )

    def inputs(self) -> tuple[str, ...]:
        """Return the version of datatrove, whose rules may change with it."""
        return (f"datatrove {version('datatrove')}",)

    def ledger(self, tables: Tables) -> pa.Table:
        """Return a row for each sample that a filter rejects. Raises FilterError when a filter's data is missing."""
        return rejected(tables, self.name, self.rules, kinds=self.kinds, action=self.action)


def rejected(tables: Tables, name: str, rules: tuple[Rule, ...], *, kinds: tuple[str, ...], action: Action) -> pa.Table:
    """Ask datatrove's filters about the samples of some kinds; the first that rejects gives the reason."""
    made = [(rule, rule.made()) for rule in rules]
    found: Iterator[dict[str, object]] = (
        {
            "sample_id": sample_id,
            "reason": reason if re.fullmatch(r"[a-z0-9_]+", reason) else _snake(rule.name),
            "detail": json.dumps({"datatrove": rule.name, "options": dict(rule.options), "says": reason}),
        }
        for sample_id, text in _documents(tables, kinds)
        for rule, reason in _first(made, sample_id, text)
    )
    return tables.decided(name, action, found)


def check_kinds(where: str, kinds: tuple[str, ...]) -> None:
    """Refuse kinds that there are not. Raises ManifestError."""
    for kind in kinds:
        if kind not in KINDS:
            raise ManifestError(f"{where}: no kind '{kind}'{nearest(kind, KINDS)} (there are {', '.join(KINDS)})")


def _documents(tables: Tables, kinds: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    asked = tables.connection.sql(
        "select sample_id from samples where list_contains($kinds, kind)", params={"kinds": list(kinds)}
    ).to_arrow_table()
    for batch in tables.texts(asked["sample_id"].combine_chunks()):
        columns = (batch[name].to_pylist() for name in ("sample_id", "question", "answer"))
        for sample_id, question, answer in zip(*columns, strict=True):
            yield sample_id, f"{question}\n\n{answer}".strip()


def _first(made: list[tuple[Rule, Any]], sample_id: str, text: str) -> Iterator[tuple[Rule, str]]:
    """Yield the first filter that rejects a document, with its reason."""
    from datatrove.data import Document

    for rule, each in made:
        try:
            answer = each.filter(Document(text=text, id=sample_id))
        except ZeroDivisionError:  # no words, no lines: the rules divide by their number
            answer = (False, "empty")
        except (ImportError, OSError, LookupError) as err:
            said = " ".join(str(err).split())
            raise FilterError(f"filters.datatrove.{rule.name}: {said}; install what it needs, or leave it out") from err
        is_kept, reason = answer if isinstance(answer, tuple) else (answer, "")
        if not is_kept:
            yield rule, reason or _snake(rule.name)
            return


def _snake(name: str) -> str:
    """Return a class name as a reason: `RegexFilter` is `regex`.

    >>> _snake("C4ParagraphFilter")
    'c4_paragraph'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removesuffix("Filter")).lower()
