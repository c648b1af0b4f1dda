"""Open what a video is made of: bytes, a file, a range of a file or URL; and choose the stream of pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from curation.errors import CurationError, MediaError
from curation.records import Address
from curation.storage import is_url, open_file

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

# Containers that hold one video. Play lists (HLS, DASH, concat) are left out: they make FFmpeg open other files.
FORMATS = (
    "aac,apng,asf,av1,avi,cavsvideo,dirac,dv,dvhs,flac,flv,gif,h261,h263,h264,hevc,ivf,m4v,matroska,mjpeg,mov,mp3,mp4,"
    "mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,rm,swf,vc1,vvc,wav,webm,wtv,yuv4mpegpipe"
)
OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}


class ByteRange(io.RawIOBase):
    """A seekable window of `length` bytes at `offset` of a seekable file, which stays its opener's to close."""

    def __init__(self, file: BinaryIO, offset: int, *, length: int) -> None:
        super().__init__()
        self._file, self._offset, self._length, self._at = file, offset, length, 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the window."""
        wanted = max(min(len(buffer), self._length - self._at), 0)
        self._file.seek(self._offset + self._at)
        chunk = self._file.read(wanted)
        buffer[: len(chunk)] = chunk
        self._at += len(chunk)
        return len(chunk)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move within the window."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def tell(self) -> int:
        """Return the place in the window."""
        return self._at


def num_bytes_of(source: str | BinaryIO) -> int:
    """Return the size of a path or a seekable file."""
    if isinstance(source, str):
        return Path(source).stat().st_size
    return source.seek(0, io.SEEK_END)


def head_of(source: str | BinaryIO, size: int) -> bytes:
    """Return the first bytes of a path or a seekable file, which stays where it is."""
    if isinstance(source, str):
        with Path(source).open("rb") as file:
            return file.read(size)
    at = source.tell()
    source.seek(0)
    head = source.read(size)
    source.seek(at)
    return head


class Remote(io.RawIOBase):
    """A file of a remote file system, whose errors of its own become OSErrors; the opener closes it."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        super().__init__()
        self._file, self._name = file, name

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer by a read of a range."""
        try:
            chunk = self._file.read(len(buffer))
        except (OSError, CurationError):
            raise
        except Exception as err:
            raise OSError(f"{self._name}: {type(err).__name__}: {err}") from err
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move without reading."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place in the file."""
        return self._file.tell()


@contextmanager
def opened(content: bytes | Address) -> Iterator[str | BinaryIO]:
    """Give what a decoder can open: the path of a whole local file, else a seekable binary file.

    Raises:
        MediaError: `missing_media` when there is no such file, `unreadable_media` when it can't be read.
    """
    if isinstance(content, bytes):
        yield io.BytesIO(content)
        return
    try:
        if not is_url(content.path):
            with Path(content.path).open("rb"):
                pass
            if content.offset is None:
                yield content.path
                return
        with _remote_or_local(content.path) as file:
            if content.offset is None:
                yield file
                return
            length = content.length if content.length is not None else num_bytes_of(file) - content.offset
            yield io.BufferedReader(ByteRange(file, content.offset, length=length), 1 << 16)
    except FileNotFoundError as err:
        raise MediaError("missing_media", f"{content} does not exist") from err
    except (PermissionError, IsADirectoryError) as err:
        raise MediaError("unreadable_media", f"{content}: {err.strerror}") from err


@contextmanager
def opened_container(source: str | BinaryIO) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a container with FFmpeg and choose its stream of moving pictures, one thread a decoder.

    The container is closed at the end whatever happens: left open, 200 of them cost 380 MB.

    Raises:
        MediaError: `unreadable_video` when this is no container, `no_video_stream` when it has sound, cover art or
            other things alone.
    """
    import av

    av.logging.set_level(av.logging.PANIC)
    name = f"file:{source}" if isinstance(source, str) else source
    if not isinstance(source, str):
        source.seek(0)
    try:
        container = cast("InputContainer", av.open(name, options=OPTIONS, metadata_errors="replace"))
    except (av.FFmpegError, ValueError) as err:
        raise MediaError("unreadable_video", f"no container that FFmpeg can open: {words(err)}") from err
    with container:
        stream = _best_stream(container)
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        yield container, stream


def words(err: Exception) -> str:
    """Return an error's words without the path and the pointers of FFmpeg's log, so that they repeat."""
    return getattr(err, "strerror", None) or str(err)


def _best_stream(container: InputContainer) -> VideoStream:
    """Return FFmpeg's best video stream, or the largest when that is a cover picture."""
    from av.stream import Disposition

    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    moving = [stream for stream in moving if stream.codec_context is not None]
    if not moving:
        found = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise MediaError("no_video_stream", f"the container holds {found}, but no moving picture", measured=0)
    best = container.streams.best("video")
    if any(best is not None and best.index == stream.index for stream in moving):
        return best  # type: ignore[return-value]
    return max(moving, key=lambda stream: stream.width * stream.height)


@contextmanager
def _remote_or_local(path: str) -> Iterator[BinaryIO]:
    if not is_url(path):
        with Path(path).open("rb") as file:
            yield file
        return
    try:
        remote = open_file(path)
    except (FileNotFoundError, CurationError):
        raise
    except Exception as err:  # each remote file system has errors of its own
        raise MediaError("unreadable_media", f"{path}: {err}") from err
    with remote:
        yield cast(BinaryIO, Remote(remote, path))
