"""Read a medium's bytes from wherever it is, say where that is, and tell whether it is still what it was."""

from __future__ import annotations

import hashlib
import io
import json
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast

from curation.errors import ChangedError, CurationError, MediaError
from curation.records import Address, FrameFolder
from curation.storage import is_url, open_file, read_bytes, stamp


def open_address(address: Address) -> BinaryIO:
    """Open a medium for reading; a range of a file becomes a file of its own.

    Raises MediaError `missing_media`, and `unreadable_media` for whatever else a file system says.
    """
    try:
        if is_url(address.path) and "::" not in address.path and address.offset is not None:
            return io.BytesIO(read_bytes(address.path, offset=address.offset, length=address.length))
        file = _open(address.path)
        if address.offset is None:
            return file
        with file:
            file.seek(address.offset)
            return io.BytesIO(file.read(-1 if address.length is None else address.length))
    except (FileNotFoundError, NotADirectoryError) as err:
        raise MediaError("missing_media", str(address)) from err
    except CurationError:  # a store that is gone is no fault of the medium
        raise
    except (OSError, ValueError) as err:
        raise MediaError("unreadable_media", f"{address}: {err}") from err
    except Exception as err:  # each remote file system and archive has errors of its own
        raise MediaError("unreadable_media", f"{address}: {type(err).__name__}: {err}") from err


def _open(path: str) -> BinaryIO:
    return open_file(path) if is_url(path) else Path(path).open("rb")


def read(content: bytes | Address) -> bytes:
    """Return a medium's bytes. Raises MediaError."""
    if isinstance(content, bytes):
        return content
    if content.offset is None and is_url(content.path) and "::" not in content.path:
        return _read_object(content)
    with open_address(content) as file:
        try:
            return file.read()
        except CurationError:
            raise
        except Exception as err:  # a broken zip, a lost connection: each file system has errors of its own
            raise MediaError("unreadable_media", f"{content}: {err}") from err


def _read_object(address: Address) -> bytes:
    """Read a whole remote object in one request."""
    try:
        return read_bytes(address.path)
    except FileNotFoundError as err:
        raise MediaError("missing_media", str(address)) from err
    except OSError as err:
        raise MediaError("unreadable_media", f"{address}: {err}") from err


def address_json(content: Address | FrameFolder, *, seen: str = "") -> str:
    """Write where a medium is as JSON, the form that tables carry; `seen` is its stamp from before it was read."""
    stamped = {"seen": seen} if seen else {}
    if isinstance(content, FrameFolder):
        frames = [[frame.path, frame.offset, frame.length] for frame in content.frames]
        return json.dumps({"frames": frames, "fps": content.fps, "path": content.path, **stamped})
    if content.offset is None:
        return json.dumps({"path": content.path, **stamped})
    return json.dumps({"path": content.path, "offset": content.offset, "length": content.length, **stamped})


def content_from_json(text: str) -> Address | FrameFolder:
    """Read what `address_json` wrote."""
    value = json.loads(text)
    value.pop("seen", None)
    if "frames" in value:
        frames = tuple(Address(path=path, offset=offset, length=length) for path, offset, length in value["frames"])
        return FrameFolder(frames=frames, fps=value["fps"], path=value["path"])
    return Address(**value)


def media_stamp(content: Address | FrameFolder) -> str:
    """Return what tells a medium's files from their earlier selves; "" when they are gone."""
    if isinstance(content, Address):
        return stamp(content.path)
    paths = dict.fromkeys(frame.path for frame in content.frames)
    return sha256("\n".join(map(stamp, paths)).encode()) if not any(map(is_url, paths)) else ""


def video_id(content: bytes | Address | FrameFolder) -> str:
    """Return the sha256 of a video's bytes; of a folder of frames, the sha256 over its frames' ids and its rate."""
    if isinstance(content, bytes):
        return sha256(content)
    if isinstance(content, FrameFolder):
        ids = [sha256(read(frame)) for frame in content.frames]
        return sha256("\n".join([*ids, str(Fraction(content.fps).limit_denominator(1000))]).encode())
    with open_address(content) as file:
        try:
            return hashlib.file_digest(cast(io.BufferedReader, file), "sha256").hexdigest()
        except CurationError:
            raise
        except Exception as err:  # each remote file system has errors of its own
            raise MediaError("unreadable_media", f"{content}: {err}") from err


def check_unchanged(address: str, media_id: str) -> None:
    """Raise ChangedError when a video is not what it was when it was measured; `address` is from `address_json`.

    Its bytes are read again only where its stamp is another one. Media that were stored by pull do not change.
    """
    seen = json.loads(address).get("seen")
    content = content_from_json(address)
    if not seen or media_stamp(content) == seen:
        return
    try:
        now = video_id(content)
    except MediaError as err:
        raise ChangedError(
            f"write: {content.path} was there in pull and is gone ({err}); put it back, or run the build again to do "
            "without it",
            path=content.path,
            now="gone",
        ) from err
    if now != media_id:
        raise ChangedError(
            f"write: {content.path} has changed since pull; run the build again to measure it anew",
            path=content.path,
            now=now,
        )


def sha256(data: bytes) -> str:
    """Return the id of a medium: the sha256 of its bytes, hex."""
    return hashlib.sha256(data).hexdigest()
