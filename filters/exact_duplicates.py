"""`exact_duplicates`: samples that say the same, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from curation.errors import ManifestError
from curation.filters.filter import KEEP_ORDER, Action, Tables

if TYPE_CHECKING:
    import pyarrow as pa

# The question of a sample without user or system turns (a document): sha256 of the empty JSON list.
NO_QUESTION = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"

# The questions of a merged sample when the manifest gives no number.
MAX_QUESTIONS = 10

_KEYS = {
    "sample": ("media_sha256", "question_sha256", "answer_sha256"),
    "media": ("media_sha256",),
    "text": ("question_sha256", "answer_sha256"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactDuplicates:
    """Drop all but one of the samples that are equal in `scope`.

    `sample` (the default): the same media in the same order, question and answer. The same image with another
    question is no duplicate: image-only rules would cost FineVision up to 29 % of its samples (24.3 M on 17.3 M
    images). The same media and question with another answer is kept and flagged as `conflicting_answer`.
    `media`: the same media, whatever is said about them (samples without media stay). `text`: the same question and
    answer, whatever they are about.

    The side that stays: higher source priority, then manifest order, then more tokens, then sample_id. Reason
    `duplicate`, measured: the samples that are equal, evidence: the one that stays.

    `merge_turns: true` (or a number; true: 10) makes one sample of a source's samples about the same images: up to
    that many questions with their answers, in the source's order, as long as they fit the context; the images come
    once. It is done before all filters, which see the merged samples. Equal samples count once (also across sources);
    a question with two answers stays on its own, and so does a sample with a system turn, with images elsewhere than
    before its first question, or with another kind or licence. The first sample keeps its id, rank and `columns`; each
    of the others is a drop with reason `merged`, measured: the questions of the sample it went on in, the evidence.
    The guard does not count them.
    """

    name: ClassVar[str] = "exact_duplicates"
    version: ClassVar[int] = 1
    is_guarded: ClassVar[bool] = True
    reads_media: ClassVar[bool] = False

    scope: Literal["sample", "media", "text"] = "sample"
    action: Action = "drop"
    merge_turns: bool | int = False

    def __post_init__(self) -> None:
        where = "filters.exact_duplicates.merge_turns"
        if not isinstance(self.merge_turns, bool) and self.merge_turns < 2:
            raise ManifestError(f"{where} is {self.merge_turns}; write true or the most questions of a sample, from 2")
        if self.merge_turns and (self.scope != "sample" or self.action != "drop"):
            raise ManifestError(f"{where} needs scope sample and action drop; leave out scope and action")

    @property
    def max_questions(self) -> int:
        """The most questions of a merged sample; 0: nothing is merged."""
        return MAX_QUESTIONS if self.merge_turns is True else int(self.merge_turns)

    def ledger(self, tables: Tables) -> pa.Table:
        """Return a row for each duplicate, and for each sample whose answer contradicts a preferred one's."""
        keys = _KEYS[self.scope]
        # Only rows whose 64-bit key hash occurs twice are sorted; the hash never decides.
        key_hash = f"hash({', '.join(_hashed(self.scope))})"
        tables.connection.execute(f"""
            create or replace temp table candidates as
            select s.sample_id, s.source, s.tokens, s.media_sha256, s.question_sha256, s.answer_sha256,
                   p.priority, p.position
            from samples s join source_priority p using (source)
            where {_is_keyed(self.scope)} and {key_hash} in
                (select {key_hash} from samples s where {_is_keyed(self.scope)} group by 1 having count(*) > 1)""")
        duplicates = f"""
            select *, row_number() over same as turn, count(*) over everyone as equal,
                   first_value(sample_id) over same as first_id, first_value(source) over same as first_source
            from candidates
            window everyone as (partition by {", ".join(keys)}), same as (everyone order by {KEEP_ORDER})
        """
        detail = ", ".join(f"'{key}', {key}" for key in keys)
        query = f"""
            select sample_id, source, 'exact_duplicates' as filter, $action as action, 'duplicate' as reason,
                   equal as measured, 1 as threshold, first_id as evidence_sample_id, first_source as evidence_source,
                   json_object('scope', $scope, {detail})::varchar as detail
            from ({duplicates}) where turn > 1"""
        if self.scope == "sample":
            query += f" union all ({_conflicts(duplicates)})"
        rows = tables.rows(query, {"action": self.action, "scope": self.scope})
        tables.connection.execute("drop table candidates")
        return rows


def _is_keyed(scope: str) -> str:
    return "s.media_sha256 is not null" if scope == "media" else "true"


def _hashed(scope: str) -> list[str]:
    """Return what brings rows together: for `sample` also those that share media and question, for the conflicts.

    Documents have neither, so only their answers can make them equal.
    """
    if scope != "sample":
        return [f"s.{key}" for key in _KEYS[scope]]
    is_document = f"s.media_sha256 is null and s.question_sha256 = '{NO_QUESTION}'"
    return ["s.media_sha256", "s.question_sha256", f"case when {is_document} then s.answer_sha256 end"]


def _conflicts(duplicates: str) -> str:
    return f"""
        select sample_id, source, 'exact_duplicates', 'flag', 'conflicting_answer',
               answers, 1, best_id, best_source,
               json_object('answer_sha256', answer_sha256, 'other_answer_sha256', best_answer)::varchar
        from (
            select *, count(*) over everyone as answers, first_value(sample_id) over same as best_id,
                   first_value(source) over same as best_source, first_value(answer_sha256) over same as best_answer
            from ({duplicates})
            where turn = 1 and not (media_sha256 is null and question_sha256 = '{NO_QUESTION}')
            window everyone as (partition by media_sha256, question_sha256),
                   same as (everyone order by {KEEP_ORDER})
        ) where sample_id <> best_id"""
