"""Which fields of a row hold what: the column mapping that the adapters hub, webdataset and captions share.

Options name the fields; without them the usual names are tried. A row's words are its conversation, else its pairs of
question and answer, else its one question and answer, else (option `text_field`) a document. Where a row has an
answer and media but no question, and the option `question` gives none, the question is the media alone: no words are
made up. A field that an option names must be in the row (`invalid_row`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.errors import ManifestError
from curation.records import Flag, Location, Sample, Turn
from curation.sources import chat
from curation.sources.annotations import ANSWER_FIELDS, QUESTION_FIELDS, one_answer
from curation.sources.conversation import check_turns, place_media, read_messages, text_turn, texts_of, with_system
from curation.sources.defects import RowDefect
from curation.sources.llava import row_media
from curation.sources.media_cells import MediaReader
from curation.sources.options import COLUMNS_OPTION, names_option, text_option
from curation.sources.row_values import as_mapping, first_value, row_id_of, scalar_columns

FIELD_OPTIONS = {
    "answer_field": "where the answer or caption is; of a list the first is taken, flagged `several_answers`",
    "classes": "names of the classes that whole numbers in answer_field mean, in order",
    **COLUMNS_OPTION,
    "id_field": "where the row's own id is",
    "image_field": "where the image or the list of images is; several names for several images",
    "messages_field": "where the conversation is",
    "pairs_field": "where a list of pairs of question and answer is",
    "question": "what is asked where rows have no question; default: the image alone",
    "question_field": "where the question is",
    "system_field": "where a system prompt is",
    "text_field": "where a document is; it becomes one answer without a question",
    "video_field": "where the video is",
}
IMAGE_FIELDS = ("image", "images", "img", "jpg", "jpeg", "png", "webp", "image_path", "image_url")
VIDEO_FIELDS = ("video", "videos", "video_path", "video_url", "mp4")
_MESSAGE_FIELDS = ("messages", "conversations", "conversation")
_PAIR_FIELDS = ("texts", "qa", "qa_pairs", "qAndA")
_ID_FIELDS = ("id", "sample_id", "question_id", "questionId", "uuid", "key", "__key__")
_ASKED = ("user", "human", *QUESTION_FIELDS)
_ANSWERED = ("assistant", "gpt", *ANSWER_FIELDS)
_WORDS = ("messages_field", "pairs_field", "answer_field", "text_field")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The names that each thing may have in a row, in the order they are tried.

    `asked` are the words for rows without a question, `extra` the values to keep, `named` the names of the options.
    `joins_images`: all fields of `image` hold images, not the first of them.
    """

    messages: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    question: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    video: tuple[str, ...] = ()
    id: tuple[str, ...] = ("id",)
    system: str | None = None
    document: str | None = None
    asked: str | None = None
    classes: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    joins_images: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Return every name that is looked for, so that a reader of columns need not read others."""
        single = tuple(name for name in (self.system, self.document) if name)
        many = (self.messages, self.pairs, self.question, self.answer, self.image, self.video, self.id, self.extra)
        return tuple(dict.fromkeys((*single, *(name for names in many for name in names))))

    def sample(self, row_key: str, value: Any, *, reader: MediaReader) -> Sample:
        """Build the sample of one row. Raises RowDefect and MediaError."""
        row = as_mapping(value)
        for name in self.named:
            if name not in row:
                raise RowDefect("invalid_row", f"no field '{name}'; the row has {', '.join(map(str, row))}")
        if self.document:
            return self._finished(row_key, row, (_document(row[self.document], self.document),))
        talk = first_value(row, self.messages)
        media = {"images": self._images(row), "video": first_value(row, self.video)}
        if chat.has_typed_parts(talk):
            video = media["video"]
            videos = video if isinstance(video, list) else [] if video is None else [video]
            talk = _with_system(talk, row.get(self.system)) if self.system else talk
            made = chat.sample_of(row_key, {"messages": talk, **media, "videos": videos}, reader=reader)
            return self._finished(row_key, row, made.turns, made.flags)
        flags: list[Flag] = []
        pairs = first_value(row, self.pairs)
        if talk is not None:
            texts = texts_of(read_messages(talk))
        elif pairs is not None:
            texts = [text for pair in _as_pairs(pairs) for text in self._pair(pair, flags, _ASKED, _ANSWERED)]
        else:
            texts = self._pair(row, flags, self.question, self.answer)
        images, videos = row_media(media, reader, flags)
        if talk is None and not images and not videos and any(not text for role, text in texts if role == "user"):
            raise RowDefect("no_question", "the row has neither a question nor media; give `question` or `text_field`")
        turns, odd = place_media(with_system(texts, row.get(self.system)) if self.system else texts, images, videos)
        check_turns(turns)
        flags += [flag for flag in odd if talk is not None or flag.reason != "placeholder_added"]
        return self._finished(row_key, row, turns, tuple(flags))

    def _pair(
        self, row: Mapping[str, Any], flags: list[Flag], asked: Sequence[str], answered: Sequence[str]
    ) -> list[Any]:
        answer = one_answer(first_value(row, answered), flags)
        if isinstance(answer, int) and not isinstance(answer, bool):
            answer = self._class_name(answer)
        if answer is None or answer == [] or (isinstance(answer, str) and not answer.strip()):
            raise RowDefect("no_answer", f"none of {', '.join(answered)} has a text")
        question = first_value(row, asked)
        question = self.asked or "" if question is None else question
        for name, text in (("question", question), ("answer", answer)):
            if not isinstance(text, str):
                raise RowDefect("invalid_row", f"the {name} is {type(text).__name__}, not a string")
        return [("user", question), ("assistant", answer)]

    def _class_name(self, number: int) -> str:
        if not self.classes:
            raise RowDefect("no_answer", f"the answer is the number {number}; say what it means with `classes`")
        if not 0 <= number < len(self.classes):
            raise RowDefect("invalid_row", "no such class", measured=number, threshold=len(self.classes))
        return self.classes[number]

    def _images(self, row: Mapping[str, Any]) -> list[Any]:
        """Return the cells of all fields that the option names, or of the first usual one that is there."""
        if self.joins_images:
            found = [row[name] for name in self.image if row.get(name) is not None]
            return [cell for value in found for cell in (value if isinstance(value, list) else [value])]
        value = first_value(row, self.image)
        return [] if value is None else value if isinstance(value, list) else [value]

    def _finished(
        self, row_key: str, row: Mapping[str, Any], turns: tuple[Turn, ...], flags: tuple[Flag, ...] = ()
    ) -> Sample:
        row_id = row_id_of(row, *self.id)
        return Sample(row_key=row_key, row_id=row_id, turns=turns, columns=scalar_columns(row, self.extra), flags=flags)


def fields_of(
    location: Location, *, image: tuple[str, ...] = IMAGE_FIELDS, answer: tuple[str, ...] = ANSWER_FIELDS
) -> Fields:
    """Read the mapping from the options of a source; `image` and `answer` are the usual names of these.

    Raises:
        ManifestError: an option is of a wrong type, or two options say where a row's words are.

    """
    options = location.options
    words = [name for name in _WORDS if name in options]
    if len(words) > 1:
        raise ManifestError(f"source options: {' and '.join(words)} exclude each other; keep one")
    named: list[str] = []

    def names(option: str, usual: tuple[str, ...]) -> tuple[str, ...]:
        if option not in options:
            return () if option in _WORDS and words else usual
        given = names_option(location, option)
        named.extend(given)
        return given

    return Fields(
        messages=names("messages_field", _MESSAGE_FIELDS),
        pairs=names("pairs_field", _PAIR_FIELDS),
        question=names("question_field", QUESTION_FIELDS),
        answer=names("answer_field", answer),
        image=names("image_field", image),
        video=names("video_field", VIDEO_FIELDS),
        id=names_option(location, "id_field") or _ID_FIELDS,
        system=text_option(location, "system_field"),
        document=next(iter(names("text_field", ())), None),
        asked=text_option(location, "question"),
        classes=names_option(location, "classes"),
        extra=names_option(location, "columns"),
        named=tuple(named),
        joins_images="image_field" in options,
    )


def _document(text: Any, name: str) -> Turn:
    if text is None or (isinstance(text, str) and not text.strip()):
        raise RowDefect("no_text", f"{name} is {'null' if text is None else 'blank'}")
    if not isinstance(text, str):
        raise RowDefect("invalid_row", f"{name} is {type(text).__name__}, not a string")
    return text_turn("assistant", text)


def _as_pairs(value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, dict) and value and all(isinstance(column, list) for column in value.values()):
        if len(lengths := {len(column) for column in value.values()}) > 1:
            raise RowDefect("invalid_row", f"the pairs are lists of {sorted(lengths)} values")
        value = [dict(zip(value, cells, strict=True)) for cells in zip(*value.values(), strict=True)]
    if not isinstance(value, list) or not value or not all(isinstance(pair, dict) for pair in value):
        what = "empty" if value == [] else type(value).__name__
        raise RowDefect("no_answer" if value == [] else "invalid_row", f"the pairs are {what}, not a list of objects")
    return value


def _with_system(talk: list[Any], system: Any) -> list[Any]:
    """Put the row's own system prompt before its messages, unless they begin with it; see `with_system`."""
    if not isinstance(system, str) or not system or read_messages(talk[:1]) == [("system", system)]:
        return talk
    return [{"role": "system", "content": system}, *talk]
