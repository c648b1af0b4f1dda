"""Videos given as folders of frames: each folder that holds images is one video.

`uri` is the folder above them (or one such folder). The frames are shown in natural order at `fps` frames a second:
the row's own, else the option's, else 1 with the flag `assumed_fps`. Questions and answers come from an annotation
file whose rows name the folder, found and read as by the adapter `images`, or from a sidecar `<folder>.txt` or
`<folder>.json`.

Licence: the folder's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from curation.media_root import IMAGE_SUFFIXES
from curation.records import Address, Card, Drop, FrameFolder, Location, Sample, Task, Video
from curation.sources.annotations import OPTIONS
from curation.sources.files import SourceFile, list_files, source_root
from curation.sources.folder import Entry, Form, folder_samples, folder_tasks

CARD = Card(
    name="frames",
    title="Folders of frames as videos",
    kinds=("video",),
    license="the folder's own",
    layout="<video>/<frame>.jpg; annotations.json or another annotation file that names the folders",
    columns={
        "video": "the folder of frames",
        "question": "the question",
        "answer": "the answer",
        "fps": "frames a second",
    },
    options={
        **OPTIONS,
        "fps": "frames a second of all folders; default 1, flagged `assumed_fps`",
    },
    quirks=("frames are ordered by the numbers in their names: 2 before 10",),
)


def _entries(location: Location) -> list[Entry]:
    folders: dict[str, list[SourceFile]] = {}
    for file in list_files(location.uri, suffixes=IMAGE_SUFFIXES):
        folders.setdefault(file.key.rpartition("/")[0], []).append(file)
    root_name = source_root(location.uri).rpartition("/")[2]
    return [
        Entry(key=key or root_name, paths=tuple(file.path for file in files), num_bytes=sum(f.num_bytes for f in files))
        for key, files in folders.items()
    ]


def _medium(entry: Entry, fps: float) -> Video:
    frames = tuple(Address(path=path) for path in entry.paths)
    return Video(content=FrameFolder(frames=frames, fps=fps, path=entry.key), name=entry.key)


_FORM = Form(card=CARD, entries=_entries, medium=_medium, has_fps=True)


def tasks(location: Location) -> list[Task]:
    """List slices of the folders and one task for each annotation file. Raises ManifestError and SourceError."""
    return folder_tasks(location, _FORM)


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield a sample for each annotation of each folder, by the folders' natural order."""
    return folder_samples(task, _FORM)
