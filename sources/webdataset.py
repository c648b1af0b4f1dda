"""WebDataset: tar shards in which the files of a sample stand together under one name.

`0001.jpg` and `0001.txt` are a picture and its caption; `0001.json` holds whatever else there is: a conversation,
question and answer, a caption (`curation.sources.fields` tells the names). Images and videos are used where they stand,
as byte ranges of the tar. A `.cls` holds a number, which is an answer only with the option `classes`. Several images
(`0001.0.jpg`, `0001.1.jpg`) come in the order of the tar; with `image_field: [left.png, right.png]` members are named
by their endings. Members of other kinds are left alone.

A local tar is split into tasks between samples; a remote one is a task. A tar.gz can't be read at random: it is
decompressed once into the workspace and is one task, with a warning. Licence: the dataset's own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import IO, Any

import orjson

from curation.archives import is_safe_name, open_archive
from curation.media_root import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from curation.records import Address, Card, Drop, Image, Location, Sample, Task, Video
from curation.sources.annotations import ANSWER_FIELDS
from curation.sources.defects import Row, RowDefect, build_samples, drop_of
from curation.sources.fields import FIELD_OPTIONS, Fields, fields_of
from curation.sources.files import SourceFile, is_remote, list_files, open_binary
from curation.sources.media_cells import MEDIA_OPTIONS, check_media, media_reader
from curation.sources.options import check_options
from curation.sources.tar_members import Cut, Member, member_groups

CARD = Card(
    name="webdataset",
    title="WebDataset tar shards",
    kinds=("image", "multi_image", "video", "text"),
    license="the dataset's own",
    layout="tars (.tar, .tar.gz); members <key>.jpg, .png, .webp, .mp4 …, <key>.txt, <key>.json, <key>.cls",
    columns={
        "jpg, png, webp, …": "the images of a sample, in the order of the tar",
        "mp4, webm, mkv, …": "its video",
        "txt": "the caption or answer",
        "json": "object with a conversation, pairs, question and answer, or caption; further values are columns",
        "cls": "number of a class; see the option `classes`",
    },
    options={**FIELD_OPTIONS, **MEDIA_OPTIONS},
    quirks=(
        "a key is what stands before the first dot; members of a sample must follow each other",
        "a tar.gz is decompressed once into the workspace and can't be split into tasks",
    ),
)
_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_ANSWERS = (*ANSWER_FIELDS, "txt", "cls")
_TEXT_ENDINGS = ("txt", "cls", "json")
_MAX_TEXT_BYTES = 64 << 20
_log = logging.getLogger(__name__)


def tasks(location: Location) -> list[Task]:
    """List runs of samples of each tar. Raises ManifestError and SourceError."""
    check_options(CARD, location.options)
    fields_of(location, answer=_ANSWERS)
    check_media(location)
    return [task for file in list_files(location.uri, suffixes=_SUFFIXES) for task in _file_tasks(file, location)]


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task in the order of the tar."""
    fields = fields_of(task.location, answer=_ANSWERS)
    return build_samples(_rows(task, fields), partial(fields.sample, reader=media_reader(task)))


def _file_tasks(file: SourceFile, location: Location) -> Iterator[Task]:
    whole = Task(path=file.path, key=file.key, num_bytes=file.num_bytes, location=location)
    if _is_packed(file.path):
        _log.warning("%s is a tar.gz: it is decompressed into the workspace and can't be split into tasks", file.path)
        yield whole
        return
    if is_remote(file.path) or file.num_bytes <= location.task_bytes:
        yield whole
        return
    with open_binary(file.path) as opened:
        start = first = 0
        for number, group in enumerate(member_groups(opened)):
            if isinstance(group, Cut):
                break
            here = group[0].header
            if number > first and here - start >= location.task_bytes:
                yield _part(whole, start, here, first_row=first, num_rows=number - first)
                start, first = here, number
    yield replace(whole, offset=start, num_bytes=file.num_bytes - start, first_row=first)


def _part(whole: Task, start: int, end: int, *, first_row: int, num_rows: int) -> Task:
    size = end - start
    return replace(whole, offset=start, length=size, num_bytes=size, first_row=first_row, num_rows=num_rows)


def _rows(task: Task, fields: Fields) -> Iterator[Row | Drop]:
    path, problem = task.path, ""
    if _is_packed(path):
        archive = open_archive(path, cache=task.location.cache)
        path, problem = archive.data_path, archive.problem
    end = None if task.length is None else task.offset + task.length
    number = task.first_row
    with open_binary(path) as file:
        for group in member_groups(file, start=task.offset, end=end):
            if isinstance(group, Cut):
                problem = problem or group.reason
                break
            row_key = f"{task.key}:{number}"
            number += 1
            try:
                yield Row(row_key, _row(file, group, path, fields))
            except RowDefect as err:
                yield drop_of(row_key, err)
    if problem:
        yield Drop(row_key=f"{task.key}:{number}", reason="truncated_file", detail={"detail": problem})


def _row(file: IO[bytes], group: list[Member], path: str, fields: Fields) -> dict[str, Any]:
    """Read the texts of a sample and note where its media are. Raises RowDefect."""
    members: dict[str, Any] = {"__key__": group[0].key}
    images: list[Image] = []
    videos: list[Video] = []
    for member in group:
        _check(member, members)
        suffix = "." + member.ending.rpartition(".")[2]
        if member.ending in _TEXT_ENDINGS:
            members[member.ending] = _value(file, member)
        elif suffix in IMAGE_SUFFIXES:
            address = Address(path=path, offset=member.offset, length=member.size)
            images.append(Image(content=address, name=member.name))
            members[member.ending] = images[-1]
        elif suffix in VIDEO_SUFFIXES:
            address = Address(path=path, offset=member.offset, length=member.size)
            videos.append(Video(content=address, name=member.name))
            members[member.ending] = videos[-1]
    about = members.pop("json", {})
    if isinstance(about, list):
        about = dict.fromkeys(fields.messages[:1], about)
    elif not isinstance(about, dict):
        raise RowDefect("invalid_row", f"the json is {type(about).__name__}, not an object or a conversation")
    if images or videos:  # what the json says of media are names from before they were packed
        about = {name: value for name, value in about.items() if name not in (*fields.image, *fields.video)}
    for names, media in ((fields.image, images), (fields.video, videos)):
        if media and not any(name in fields.named for name in names):
            members[names[0]] = media
    return {**about, **members}


def _check(member: Member, members: dict[str, Any]) -> None:
    if member.problem == "cut":
        raise RowDefect("truncated_file", f"the tar ends inside {member.name}")
    if member.problem or not is_safe_name(member.name):
        why = "is a link" if member.problem else "leaves the folder it is unpacked in"
        raise RowDefect("outside_media_root", f"{member.name} {why}")
    if member.ending in members:
        raise RowDefect("ambiguous_media", f"two members are named {member.name}", measured=2, threshold=1)


def _value(file: IO[bytes], member: Member) -> Any:
    if member.size > _MAX_TEXT_BYTES:
        raise RowDefect("invalid_row", f"{member.name} is no text", measured=member.size, threshold=_MAX_TEXT_BYTES)
    file.seek(member.offset)
    data = file.read(member.size).removeprefix(b"\xef\xbb\xbf")
    if member.ending == "json":
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as err:
            raise RowDefect("invalid_json", f"{member.name}: {err}") from err
    text = data.decode("utf-8", "surrogateescape")
    if member.ending == "txt":
        return text.strip("\r\n")
    if not text.strip().isdecimal():
        raise RowDefect("invalid_row", f"{member.name} holds {text[:20]!r}, not the number of a class")
    return int(text)


def _is_packed(path: str) -> bool:
    if is_remote(path):
        return path.lower().endswith((".gz", ".tgz"))
    with open_binary(path) as file:
        return file.read(2) == b"\x1f\x8b"
