"""Open videos that are not nice: exact frame times and exact frames, or a MediaError with its reason.

Files, byte ranges, fsspec URLs, bytes, folders of frames, animated GIF and WebP. FFmpeg and decord run in a guarded
child process; this package itself imports neither.
"""

from __future__ import annotations

from typing import cast

from curation.records import Address, FrameFolder
from curation.video.guard import Guard
from curation.video.shapes import Backend, DecodedFrames, FrameRequest, VideoProbe, relative_seconds

__all__ = [
    "Backend",
    "DecodedFrames",
    "FrameRequest",
    "Guard",
    "VideoProbe",
    "decode",
    "probe",
    "relative_seconds",
]

guard = Guard()


def probe(content: bytes | Address | FrameFolder, *, timeout: float = 120) -> VideoProbe:
    """Measure a video: size as shown, exact presentation times, key frames, what is odd about it.

    Demuxes and decodes one frame; decodes all where the container has no times. Takes about 1 ms and 25 us a packet.

    Raises:
        MediaError: `missing_media`, `unreadable_media`, `unreadable_video`, `no_video_stream`, `zero_frames`,
            `undecodable_frame`, `video_timeout` (measured: seconds), `decoder_crashed`, `decoder_out_of_memory`.
    """
    return cast(VideoProbe, guard.run("curation.video.serving:probe", content, timeout=timeout))


def decode(content: bytes | Address | FrameFolder, request: FrameRequest, *, timeout: float = 600) -> DecodedFrames:
    """Decode the frames of a request to JPEG. The same content and request give the same bytes.

    Backend `auto` is PyAV, which was exact on every file measured and never slower; `decord` is used when asked for and
    when the times it reports are the container's, else PyAV (flag `decord_refused`).

    Raises:
        MediaError: as `probe`, and `truncated_video` when the pictures end before the last one wanted.
    """
    return cast(DecodedFrames, guard.run("curation.video.serving:decode", content, request, timeout=timeout))
