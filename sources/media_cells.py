"""Turn what a row says about a medium into an Image or a Video: bytes, base64, a data URI, a URL or a path.

Whether a medium is an image or a video is decided by its first bytes where they are at hand, not by the key or the
file's name: VISTA-400K names its videos under `image`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from curation.errors import MediaError
from curation.media_root import VIDEO_SUFFIXES, MediaRoot, media_root
from curation.records import Address, Flag, FrameFolder, Image, Location, Task, Video
from curation.sources.files import is_folder, is_remote
from curation.sources.options import flag_option, rate_option, text_option

MEDIA_OPTIONS = {
    "allow_outside": "true: media paths may leave the media root (`..`, absolute, links); default false",
    "fps": "frames a second of videos given as folders of frames; default 1, flagged `assumed_fps`",
    "strip_prefix": "leading part to remove from the media paths that rows name",
}
# For sets that have no folders of frames.
STILL_OPTIONS = {name: text for name, text in MEDIA_OPTIONS.items() if name != "fps"}
_BASE64_STARTS = ("/9j/", "iVBORw0KGgo", "R0lGOD", "UklGR", "SUkqA", "TU0AK", "Qk", "AAAA", "GkXfo", "T2dnUw")
_BASE64 = re.compile(r"[A-Za-z0-9+/\r\n]+={0,2}\s*")
_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")
_HEAD_BYTES = 192


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaReader:
    """Reads the media of a task's rows."""

    root: MediaRoot
    strip_prefix: str = ""
    fps: float | None = None

    def medium(self, cell: Any, flags: list[Flag], *, key: Literal["image", "video"], fps: Any = None) -> Image | Video:
        """Return the medium that a cell holds or names; oddities are added to `flags`.

        Raises:
            MediaError: `missing_media`, `outside_media_root`, `ambiguous_media`, `unreadable_media`.

        """
        if isinstance(cell, Image | Video):
            return cell
        if isinstance(cell, Mapping):
            return self._struct(cell, flags, key=key, fps=fps)
        if isinstance(cell, bytes):
            return _typed(cell, "", flags, key=key)
        if isinstance(cell, list | tuple) and key == "video" and cell:
            return self.frame_list(cell, flags, fps=fps)
        if not isinstance(cell, str) or not cell:
            what = "null" if cell is None else "empty" if cell == "" else type(cell).__name__
            raise MediaError("missing_media", f"the {key} is {what}")
        if cell.startswith("data:"):
            return _typed(_from_data_uri(cell), "", flags, key=key)
        if (data := _from_base64(cell)) is not None:
            return _typed(data, "", flags, key=key)
        return self._named(cell, flags, key=key, fps=fps)

    def _struct(
        self, cell: Mapping[str, Any], flags: list[Flag], *, key: Literal["image", "video"], fps: Any
    ) -> Image | Video:
        data, name = cell.get("bytes"), cell.get("path") or cell.get("url") or cell.get("file_name") or ""
        if data is None:
            return self.medium(name or None, flags, key=key, fps=cell.get("fps", fps))
        if isinstance(data, str):
            try:
                data = base64.b64decode(data, validate=True)
            except (ValueError, binascii.Error) as err:
                raise MediaError("unreadable_media", f"the {key}'s bytes are no base64") from err
        if not isinstance(data, bytes):
            raise MediaError("unreadable_media", f"the {key}'s bytes are {type(data).__name__}")
        return _typed(data, str(name), flags, key=key)

    def _named(self, name: str, flags: list[Flag], *, key: Literal["image", "video"], fps: Any) -> Image | Video:
        path = name.removeprefix(self.strip_prefix) if self.strip_prefix else name
        path = path.removeprefix("file://")
        if key == "video" and not is_remote(path) and "." not in path.rpartition("/")[2]:
            frames = self.root.frames(path)
            if frames:
                return Video(content=self._folder(frames, name, flags, fps=fps), name=name)
        elif key == "video" and self.root.is_folder(path):
            return Video(content=self._folder(self.root.frames(path), name, flags, fps=fps), name=name)
        found = self.root.find(path)
        if found.note:
            flags.append(Flag(reason="media_under_other_folder", detail={"detail": found.note}))
        return _typed(found.content, name, flags, key=key)

    def frame_list(self, cells: Any, flags: list[Flag], *, fps: Any = None) -> Video:
        """Return the video that a list of frame paths is."""
        frames: list[Address] = []
        for cell in cells:
            frame = self.medium(cell, flags, key="image")
            if not isinstance(frame, Image) or not isinstance(frame.content, Address):
                raise MediaError("unreadable_media", "a frame of the video is no image file")
            frames.append(frame.content)
        return Video(content=self._folder(tuple(frames), "", flags, fps=fps))

    def _folder(self, frames: tuple[Address, ...], name: str, flags: list[Flag], *, fps: Any) -> FrameFolder:
        if not frames:
            raise MediaError("missing_media", f"{name} holds no frames", measured=0)
        if not isinstance(fps, int | float) or isinstance(fps, bool) or not 0 < fps < float("inf"):
            fps = self.fps
        if fps is None:
            flags.append(Flag(reason="assumed_fps", measured=1.0))
        return FrameFolder(frames=frames, fps=float(fps or 1.0), path=name)


def media_reader(task: Task) -> MediaReader:
    """Return the reader of a task's media: under `media` if it is given, else the file's folder, then the uri's."""
    location = task.location
    roots = (location.media,) if location.media else _roots_of(task)
    return MediaReader(
        root=media_root(roots, location.cache, 1 if flag_option(location, "allow_outside") else 0),
        strip_prefix=text_option(location, "strip_prefix") or "",
        fps=rate_option(location, "fps"),
    )


def check_media(location: Location) -> None:
    """Check the media options and that a local media root exists; part of making tasks."""
    if location.media:
        media_root((location.media,), location.cache, 1 if flag_option(location, "allow_outside") else 0)
    flag_option(location, "allow_outside")
    text_option(location, "strip_prefix")
    rate_option(location, "fps")


def _roots_of(task: Task) -> tuple[str, ...]:
    folders = [task.path.rpartition("/")[0] or "/"]
    folders += [uri.rstrip("/") for uri in task.location.uri if not is_remote(uri) and is_folder(uri)]
    return tuple(dict.fromkeys(folder for folder in folders if "::" not in folder))


def _typed(content: bytes | Address, name: str, flags: list[Flag], *, key: str) -> Image | Video:
    if key == "video":
        return Video(content=content, name=name)
    if is_video(_head(content, name)):
        flags.append(Flag(reason="video_under_image_key", detail={"detail": name} if name else {}))
        return Video(content=content, name=name)
    return Image(content=content, name=name)


def _head(content: bytes | Address, name: str) -> bytes:
    if isinstance(content, bytes):
        return content[:_HEAD_BYTES]
    if is_remote(content.path):  # not worth a request a row: there the name decides
        return (
            b"\x1a\x45\xdf\xa3" if name.lower().endswith(VIDEO_SUFFIXES) and not name.lower().endswith(".gif") else b""
        )
    try:
        with Path(content.path).open("rb", buffering=0) as file:
            file.seek(content.offset or 0)
            return file.read(min(_HEAD_BYTES, content.length if content.length is not None else _HEAD_BYTES))
    except OSError as err:
        raise MediaError("unreadable_media", f"{name}: {err.strerror}") from err


def is_video(head: bytes) -> bool:
    """Say whether a file that starts with these bytes (192 of them) is a video container."""
    if head[4:8] == b"ftyp":
        return head[8:12] not in _STILL_BRANDS
    if head[4:8] in (b"moov", b"mdat", b"wide"):
        return True
    if head.startswith(
        (b"\x1a\x45\xdf\xa3", b"OggS", b"FLV\x01", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"\x30\x26\xb2\x75")
    ):
        return True
    return (head.startswith(b"RIFF") and head[8:12] == b"AVI ") or (len(head) > 188 and head[0] == head[188] == 0x47)


def _from_data_uri(uri: str) -> bytes:
    header, comma, body = uri.partition(",")
    try:
        if not comma:
            raise ValueError("no comma")
        if header.endswith(";base64"):
            return base64.b64decode("".join(body.split()), validate=True)
        return unquote_to_bytes(body)
    except (ValueError, binascii.Error) as err:
        raise MediaError("unreadable_media", f"a data URI is damaged: {err}") from err


def _from_base64(text: str) -> bytes | None:
    if len(text) < 64 or not text.startswith(_BASE64_STARTS) or not _BASE64.fullmatch(text):
        return None
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        return None
