"""Any dataset that the `datasets` library can stream, with its columns mapped in the manifest.

`uri` is `hf://datasets/<owner>/<name>`, with `@<revision>` if one is meant, or a local folder: of Parquet, Arrow, JSON
or image files, or written by `save_to_disk`. Nothing is downloaded whole. Media columns are taken undecoded. Each
shard of the dataset is a task, and a row's key is its shard and its number in it; on the hub the commit is looked up
once, so that a build reads one state of the dataset.

A dataset that is gated or private needs HF_TOKEN. Datasets that are made by a script are not run. Where a named
adapter exists it is the better choice: it knows the dataset's quirks and reads it without the network's help.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from curation.credentials import expanded
from curation.errors import ManifestError, SourceError
from curation.records import Card, Drop, Location, Sample, Task
from curation.sources.defects import Row, build_samples
from curation.sources.fields import FIELD_OPTIONS, Fields, fields_of
from curation.sources.files import is_remote
from curation.sources.media_cells import MEDIA_OPTIONS, check_media, media_reader
from curation.sources.options import check_options, names_option, text_option

CARD = Card(
    name="hub",
    title="Any dataset of the Hugging Face hub",
    kinds=("image", "multi_image", "video", "text"),
    license="the dataset's own",
    layout="hf://datasets/<owner>/<name>[@<revision>], or a local folder that `datasets` can load",
    columns={
        "messages | texts | question, answer": "the words, under their usual names or those of the options",
        "image | images | video": "media as the hub stores them: bytes, paths or URLs",
    },
    options={
        **FIELD_OPTIONS,
        **MEDIA_OPTIONS,
        "config": "the dataset's configuration (subset); needed where it has several and no default",
        "data_files": "glob or list of globs of the files to read, relative to the dataset",
        "split": "which split to read; default train",
    },
    quirks=(
        "a gated or private dataset needs HF_TOKEN",
        "rows are numbered within shards, so a dataset that is split anew has other row keys",
        "datasets made by a script are not run; read their files with another adapter",
    ),
)
_HUB = re.compile(r"hf://datasets/(?P<name>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[^/]+))?/?")
_TOKEN_WORDS = ("gated", "401", "403", "authenticat", "unauthorized", "forbidden", "private", "token")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A dataset to stream: a folder, or a name on the hub with a commit."""

    path: str
    revision: str | None
    config: str | None
    split: str
    files: tuple[str, ...]


def tasks(location: Location) -> list[Task]:
    """List the shards of the dataset. Raises ManifestError and SourceError."""
    check_options(CARD, location.options)
    fields_of(location)
    check_media(location)
    place = _place(location)
    path = f"{place.path.rstrip('/')}/"
    if is_remote(location.uri[0]):
        place = replace(place, revision=_commit(place, location.uri[0]))
        path = f"hf://datasets/{place.path}@{place.revision}"
    _stream.cache_clear()  # the folder may have changed since this process last read it
    num_shards = _stream(place).num_shards
    return [
        Task(
            path=path,
            key=f"{place.split}/{index:05d}",
            num_bytes=0,
            offset=index,
            length=num_shards,
            location=location,
        )
        for index in range(num_shards)
    ]


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of one shard. Raises SourceError when the network fails or the dataset changed."""
    stream = _stream(_task_place(task))
    if stream.num_shards != task.length:
        raise SourceError(f"source: '{task.path}' has {stream.num_shards} shards, had {task.length}; run again")
    fields = _with_classes(fields_of(task.location), stream.features)
    rows = _rows(stream.shard(num_shards=stream.num_shards, index=task.offset), task)
    return build_samples(rows, partial(fields.sample, reader=media_reader(task)))


def _place(location: Location) -> _Place:
    if len(location.uri) != 1:
        raise ManifestError(
            f"source: {len(location.uri)} uris are given; a source is one dataset, so write a source for each"
        )
    uri = expanded(location.uri[0])  # a name of the hub is no secret
    found = _HUB.fullmatch(uri)
    if found is None and is_remote(uri):
        raise ManifestError(f"source: uri is {uri!r}; give hf://datasets/<owner>/<name> or a local folder")
    if found is None and not Path(uri).is_dir():
        raise SourceError(f"source: '{uri}' is no folder; for a dataset of the hub give hf://datasets/<owner>/<name>")
    return _Place(
        path=found["name"] if found else uri,
        revision=found["revision"] if found else None,
        config=text_option(location, "config"),
        split=text_option(location, "split", "train") or "train",
        files=names_option(location, "data_files"),
    )


def _task_place(task: Task) -> _Place:
    place = _place(task.location)
    return replace(place, revision=task.path.rpartition("@")[2]) if is_remote(task.path) else place


def _commit(place: _Place, uri: str) -> str:
    from huggingface_hub import HfApi

    try:
        sha = HfApi().dataset_info(place.path, revision=place.revision, timeout=60).sha
    except Exception as err:  # the hub's errors and those of the network have no common base
        raise _unreadable(uri, err) from err
    if sha is None:
        raise SourceError(f"source: the hub tells no commit of '{uri}'; give one with @<revision>")
    return sha


@lru_cache(maxsize=4)
def _stream(place: _Place) -> Any:
    """Open a dataset for streaming, its media undecoded; one is kept for the tasks of a worker. Raises SourceError."""
    import datasets

    datasets.disable_progress_bars()
    folder = Path(place.path)
    try:
        if place.revision is None and any((folder / name).is_file() for name in ("state.json", "dataset_dict.json")):
            loaded = datasets.load_from_disk(place.path)
            loaded = loaded[place.split] if isinstance(loaded, datasets.DatasetDict) else loaded
            return loaded.to_iterable_dataset(num_shards=max(1, len(loaded.cache_files))).decode(False)
        stream = datasets.load_dataset(
            place.path,
            place.config,
            split=place.split,
            revision=place.revision,
            data_files=list(place.files) or None,
            streaming=True,
        )
        return stream.decode(False) if stream.features else stream
    except Exception as err:  # what `datasets` raises is not one family
        raise _unreadable(place.path, err) from err


def _rows(shard: Any, task: Task) -> Iterator[Row | Drop]:
    number = 0
    root = "" if is_remote(task.path) else str(Path(task.path).resolve()) + "/"
    rows = iter(shard)
    while True:
        row_key = f"{task.key}:{number}"
        try:
            row = next(rows, None)
        except Exception as err:  # a damaged file raises what its reader raises
            if is_remote(task.path) and isinstance(err, OSError):
                raise _unreadable(task.path, err) from err
            yield Drop(row_key=row_key, reason="damaged_shard", detail={"detail": f"{type(err).__name__}: {err}"[:500]})
            return
        if row is None:
            return
        yield Row(row_key, {name: _relative(value, root) for name, value in row.items()} if root else row)
        number += 1


def _relative(value: Any, root: str) -> Any:
    """Make the paths of media below the folder relative: an image folder gives them whole."""
    if isinstance(value, list):
        return [_relative(item, root) for item in value] if value and isinstance(value[0], dict) else value
    if isinstance(value, dict) and isinstance(path := value.get("path"), str) and path.startswith(root):
        return {**value, "path": path.removeprefix(root)}
    return value


def _with_classes(fields: Fields, features: Mapping[str, Any] | None) -> Fields:
    """Take the names of classes from the dataset, where the answer is a class and the options name none."""
    if fields.classes or not features:
        return fields
    named = (getattr(features.get(name), "names", None) for name in fields.answer)
    return replace(fields, classes=tuple(next(filter(None, named), ())))


def _unreadable(uri: str, err: Exception) -> SourceError:
    said = " ".join(str(err).split())[:300] or type(err).__name__
    hint = "check the name, the config and the split"
    if any(word in f"{type(err).__name__} {said}".lower() for word in _TOKEN_WORDS):
        hint = "it is gated, private or not there: accept its terms on the hub and set HF_TOKEN, or correct the name"
    return SourceError(f"source: can't stream '{uri}': {said}; {hint}")
