"""The files of Vript: captions in zips, folders or JSON lines become scripts; scenes become videos or parts of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from msgspec import structs

from curation.archives import Archive, open_archive
from curation.errors import MediaError
from curation.media import read
from curation.records import WHOLE_FILES, Address, Drop, Location, Task, Video
from curation.sources import jsonl
from curation.sources.clips import check_span, seconds_of
from curation.sources.defects import RowDefect, drop_of
from curation.sources.files import list_files, open_binary
from curation.sources.media_cells import MediaReader
from curation.sources.places import first_name
from curation.sources.row_values import as_mapping
from curation.sources.slices import slice_tasks

CAPTION_FOLDER = "vript_captions"
_FILE = "_caption.json"
_SUFFIXES = ("_captions.zip", "_captions.jsonl", _FILE)
_SETS = ("long", "short")
_STARTS = ("start", "start_time", "start_seconds", "begin")
_ENDS = ("end", "end_time", "end_seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A captioned scene; `voice` is its voice-over, blank if nothing is said."""

    key: str
    clip_id: str
    caption: Mapping[str, Any]
    voice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A video's captioned scenes in order; of JSON lines read row by row, only one."""

    key: str
    meta: Mapping[str, Any]
    scenes: tuple[Scene, ...]

    @property
    def video_id(self) -> str:
        """The video's id."""
        return str(self.meta["video_id"])

    def check_whole(self) -> None:
        """Check that no scene is missing. Raises RowDefect (`incomplete_script`)."""
        wanted = self.meta.get("num_clips")
        if not isinstance(wanted, int) or wanted != len(self.scenes) or self.meta.get("integrity") is False:
            known = wanted if isinstance(wanted, int) else None
            detail = f"integrity {self.meta.get('integrity')}"
            raise RowDefect("incomplete_script", detail, measured=len(self.scenes), threshold=known)


def script_tasks(location: Location, *, is_whole: bool) -> list[Task]:
    """List the tasks over the caption files; `is_whole`: no file of JSON lines is split, since videos span rows."""
    tasks: list[Task] = []
    files = list_files(location.uri, suffixes=_SUFFIXES)
    zipped = {_stem(file.path) for file in files if file.path.endswith(".zip")}
    lines = {_stem(file.path) for file in files if file.path.endswith(".jsonl")}
    for file in files:
        if file.path.endswith(".zip"):
            sizes = [member.size for member in open_archive(file.path).members.values()]
            tasks += slice_tasks(sizes, location, path=file.path, key=file.key)
        elif _stem(file.path) not in zipped and _stem(file.path.rpartition("/")[0]) not in zipped | lines:
            limit = replace(location, task_bytes=WHOLE_FILES) if is_whole else location
            tasks += [replace(task, location=location) for task in jsonl.json_tasks(file, limit)]
    return tasks


def _stem(path: str) -> str:
    return re.sub(r"\.(zip|jsonl)$", "", path)


def scripts(task: Task, *, is_whole: bool) -> Iterator[Script | Drop]:
    """Yield the scripts of a task, in order; with `is_whole` the rows of a video in JSON lines are put together."""
    if task.path.endswith(".zip"):
        archive = open_archive(task.path)
        names = list(archive.members)[task.offset : task.offset + (task.length or 0)]
        for name in names:
            if name.endswith(".json"):
                yield _script_of(f"{task.key}/{name}", lambda name=name: _json(archive, name))
        return
    if task.path.endswith(_FILE):
        yield _script_of(task.key, lambda: _parsed(_whole(task.path), task.key))
        return
    rows = _row_scripts(task)
    yield from _joined(rows) if is_whole else rows


def _json(archive: Archive, name: str) -> Any:
    return _parsed(archive.content(name), name)


def _parsed(content: bytes | Address, name: str) -> Any:
    try:
        return orjson.loads(content if isinstance(content, bytes) else read(content))
    except orjson.JSONDecodeError as err:
        raise RowDefect("invalid_json", f"{name}: {err}") from err


def _whole(path: str) -> bytes:
    with open_binary(path) as file:
        return file.read()


def _row_scripts(task: Task) -> Iterator[Script | Drop]:
    for row in jsonl.json_rows(task):
        if isinstance(row, Drop):
            yield row
        else:
            yield _flat_script(row.key, row.value)


def _script_of(key: str, load: Any) -> Script | Drop:
    try:
        value = as_mapping(load())
        meta, data = value.get("meta"), value.get("data")
        if not isinstance(data, dict) or not data:
            raise RowDefect("no_annotation", "data holds no scenes")
        scenes = (_scene(f"{key}:{number}", name, one) for number, (name, one) in enumerate(data.items()))
        return Script(key=f"{key}:video", meta=_meta(meta), scenes=tuple(scenes))
    except (RowDefect, MediaError) as err:
        return drop_of(f"{key}:0", err)


def _flat_script(key: str, value: Any) -> Script | Drop:
    try:
        row = as_mapping(value)
        return Script(key=key, meta=_meta(row.get("meta") or row), scenes=(_scene(key, row.get("clip_id"), row),))
    except RowDefect as err:
        return drop_of(key, err)


def _joined(rows: Iterator[Script | Drop]) -> Iterator[Script | Drop]:
    current: Script | None = None
    for row in rows:
        if isinstance(row, Script) and current is not None and row.video_id == current.video_id:
            current = replace(current, scenes=(*current.scenes, *row.scenes))
            continue
        if current is not None:
            yield current
        current = row if isinstance(row, Script) else None
        if isinstance(row, Drop):
            yield row
    if current is not None:
        yield current


def _meta(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not isinstance(value.get("video_id"), str):
        raise RowDefect("invalid_row", "meta.video_id is no string")
    return value


def _scene(key: str, clip_id: Any, value: Any) -> Scene:
    caption = value.get("caption") if isinstance(value, Mapping) else None
    if not isinstance(clip_id, str) or not isinstance(caption, Mapping):
        raise RowDefect("invalid_row", f"{clip_id!r} has no caption of the known form")
    voice = value.get("voiceover")
    words = voice if isinstance(voice, list) else [voice]
    said = " ".join(word.strip() for word in words if isinstance(word, str)).strip()
    return Scene(key=key, clip_id=clip_id.removesuffix(".mp4"), caption=caption, voice=said)


@dataclass(slots=True, kw_only=True)
class VriptMedia:
    """Finds the videos of one task."""

    reader: MediaReader
    _cuts: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)

    def clip(self, video_id: str, clip_id: str) -> Video:
        """Return a scene's own file. Raises MediaError."""
        return self._named(f"{video_id}/{clip_id}.mp4", "_clips")

    def video(self, video_id: str) -> Video:
        """Return a whole video. Raises MediaError."""
        return self._named(f"{video_id}.mp4", "")

    def scene(self, video_id: str, clip_id: str) -> Video:
        """Return a scene as a part of its video. Raises MediaError, RowDefect (`no_times`, `invalid_time`)."""
        if video_id not in self._cuts:
            self._cuts[video_id] = self._read_cuts(video_id)
        span = self._cuts[video_id].get(clip_id)
        if span is None:
            raise RowDefect("no_times", f"{video_id}_cut_meta.json has no times of {clip_id}")
        check_span(*span)
        return structs.replace(self.video(video_id), start_seconds=span[0], end_seconds=span[1])

    def _named(self, name: str, ending: str) -> Video:
        names = [name, *(f"vript_{kind}_videos{ending}/{name}" for kind in _SETS), name.rpartition("/")[2]]
        found = first_name(self.reader, names, default=name)
        video = self.reader.medium(found, [], key="video")
        assert isinstance(video, Video)
        return structs.replace(video, name=name)

    def _read_cuts(self, video_id: str) -> dict[str, tuple[float, float]]:
        name = f"{video_id}/{video_id}_cut_meta.json"
        names = [name, *(f"vript_{kind}_videos_clips/{name}" for kind in _SETS)]
        value = _parsed(self.reader.root.find(first_name(self.reader, names, default=name)).content, name)
        clips = value.get("clips") if isinstance(value, dict) else None
        spans = {}
        for clip in clips if isinstance(clips, list) else []:
            if not isinstance(clip, Mapping):
                continue
            start, end = (next((clip[key] for key in keys if key in clip), None) for keys in (_STARTS, _ENDS))
            if start is not None and end is not None:
                spans[str(clip.get("clip_id")).removesuffix(".mp4")] = (seconds_of(start), seconds_of(end))
        return spans
