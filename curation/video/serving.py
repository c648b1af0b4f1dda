"""What the guarded child runs: choose the way to open a video, and turn its library's errors into ours."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import BinaryIO

import av

from curation.errors import MediaError
from curation.records import Address, FrameFolder
from curation.video.decoding import StreamIndex, decode_with_pyav
from curation.video.opening import head_of, opened, words
from curation.video.probing import probe_with_pyav
from curation.video.shapes import DecodedFrames, FrameRequest, VideoProbe


def probe(content: bytes | Address | FrameFolder) -> VideoProbe:
    """Probe a video in this process; see `curation.video.probe`."""
    if isinstance(content, FrameFolder):
        from curation.video.folder import probe_folder

        return probe_folder(content)
    with _errors("zero_frames"), opened(content) as source:
        if _is_webp(source):
            from curation.video.animation import probe_animation

            return probe_animation(source)
        return probe_with_pyav(source)


def decode(content: bytes | Address | FrameFolder, request: FrameRequest) -> DecodedFrames:
    """Decode frames in this process; see `curation.video.decode`."""
    if isinstance(content, FrameFolder):
        from curation.video.folder import decode_folder

        return decode_folder(content, request)
    with _errors("undecodable_frame"), opened(content) as source:
        if _is_webp(source):
            from curation.video.animation import decode_animation

            return decode_animation(source, request)
        index = StreamIndex.read(source)
        if request.backend == "decord":
            from curation.video.decord_decoding import decode_with_decord

            return decode_with_decord(source, request, index=index)
        return decode_with_pyav(source, request, index=index)


# A closed container stays in a ring of references with its streams, and its decoder's pictures with it: 0.1 to 0.3 MB a
# call until Python's collector comes by. Collecting the young objects costs microseconds, all of them 16 ms.
FULL_COLLECTION_CALLS = 32
_calls = count(1)


def _collect() -> None:
    gc.collect(1 if next(_calls) % FULL_COLLECTION_CALLS else 2)


@contextmanager
def _errors(reason: str) -> Iterator[None]:
    """Turn FFmpeg's errors into MediaErrors. Out of memory stays what it is: the guard names the bound."""
    try:
        yield
    except MemoryError:
        raise
    except av.FFmpegError as err:
        raise MediaError(reason, f"FFmpeg: {words(err)}") from err
    except OSError as err:
        raise MediaError("unreadable_media", str(err)) from err
    finally:
        _collect()


def _is_webp(source: str | BinaryIO) -> bool:
    """Say whether these are WebP bytes, which FFmpeg takes for one still picture."""
    head = head_of(source, 16)
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"
