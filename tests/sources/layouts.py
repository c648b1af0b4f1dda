"""Writers of small datasets in their published layouts, with real images and videos."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import orjson

from curation.records import Drop, Location, Part, Sample, Text
from curation.sources import load_adapter


def image_bytes(color: str = "red", form: str = "PNG") -> bytes:
    """Draw a small image of one colour."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (16, 12), color).save(buffer, form)
    return buffer.getvalue()


def video_bytes(frames: int = 3) -> bytes:
    """Encode a small MP4."""
    import av
    from PIL import Image

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream: Any = container.add_stream("mpeg4", rate=4)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for number in range(frames):
            frame = cast(Any, av.VideoFrame).from_image(Image.new("RGB", (32, 32), (number * 40, 0, 0)))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def write(path: Path, data: bytes) -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def write_lines(path: Path, rows: Iterable[Any]) -> Path:
    """Write JSON lines."""
    return write(path, b"".join(orjson.dumps(row) + b"\n" for row in rows))


def write_list(path: Path, rows: Sequence[Any], *, indent: bool = False) -> Path:
    """Write one JSON list."""
    return write(path, orjson.dumps(list(rows), option=orjson.OPT_INDENT_2 if indent else None))


def write_tar(path: Path, members: dict[str, bytes], *, mode: str = "w") -> Path:
    """Write a tar (`w`) or tar.gz (`w:gz`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def write_zip(path: Path, members: dict[str, bytes], *, deflated: bool = False) -> Path:
    """Write a zip, stored or deflated."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def talk(question: str, answer: str = "Red.") -> list[dict[str, str]]:
    """Return one question and answer in LLaVA's form."""
    return [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]


def location(uri: Path | str | Sequence[Path | str], *, media: Path | str | None = None, **options: Any) -> Location:
    """Return where a source is."""
    uris = (uri,) if isinstance(uri, str | Path) else uri
    return Location(uri=tuple(map(str, uris)), media=str(media) if media else None, options=options)


def read_all(adapter: str, where: Location) -> list[Sample | Drop]:
    """Return everything that an adapter yields, in order."""
    module = load_adapter(adapter)
    return [row for task in module.tasks(where) for row in module.samples(task)]


def only_sample(adapter: str, where: Location) -> Sample:
    """Return the one sample of a source."""
    (row,) = read_all(adapter, where)
    assert isinstance(row, Sample), row
    return row


def only_drop(adapter: str, where: Location) -> Drop:
    """Return the one Drop of a source."""
    (row,) = read_all(adapter, where)
    assert isinstance(row, Drop), row
    return row


def shape(sample: Sample) -> list[list[str]]:
    """Return a sample's turns as lists of words: texts as they are, media as `[image]` or `[video]`."""
    return [[_word(part) for part in turn.parts] for turn in sample.turns]


def _word(part: Part) -> str:
    return part.text if isinstance(part, Text) else f"[{type(part).__name__.lower()}]"


def reasons(rows: Iterable[Sample | Drop]) -> list[str]:
    """Return the reason of each Drop, and `ok` for each Sample."""
    return [row.reason if isinstance(row, Drop) else "ok" for row in rows]


def flags(sample: Sample) -> list[str]:
    """Return the reasons of a sample's flags."""
    return [flag.reason for flag in sample.flags]


def with_task_bytes(where: Location, task_bytes: int) -> Location:
    """Return the same location split otherwise."""
    return replace(where, task_bytes=task_bytes)
