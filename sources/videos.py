"""A folder of videos with captions or questions beside them: annotation files, or a sidecar for each video.

`uri` is the folder. Annotations are found and read as by the adapter `images`: `metadata.csv`, `captions.json`
({name: caption} or rows), any file named by the option `annotations`, or sidecars of the same stem (`clip.txt`,
`clip.json`). Captions have no question: the option `question` gives it.

Licence: the folder's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from curation.media_root import VIDEO_SUFFIXES
from curation.records import Address, Card, Drop, Location, Sample, Task, Video
from curation.sources.annotations import OPTIONS
from curation.sources.folder import Entry, Form, folder_samples, folder_tasks, list_media

CARD = Card(
    name="videos",
    title="A folder of videos with annotations",
    kinds=("video",),
    license="the folder's own",
    layout="videos in folders; captions.json, metadata.csv, an annotations file, or sidecars .txt and .json",
    columns={"video": "the video", "question": "the question", "answer | caption": "the answer; of a list the first"},
    options=OPTIONS,
    quirks=("a video without annotation and an annotation without video are ledger rows",),
)


def _medium(entry: Entry, _fps: float) -> Video:
    return Video(content=Address(path=entry.paths[0]), name=entry.key)


_FORM = Form(card=CARD, entries=partial(list_media, suffixes=VIDEO_SUFFIXES), medium=_medium)


def tasks(location: Location) -> list[Task]:
    """List slices of the videos and one task for each annotation file. Raises ManifestError and SourceError."""
    return folder_tasks(location, _FORM)


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield a sample for each annotation of each video, by the videos' natural order."""
    return folder_samples(task, _FORM)
