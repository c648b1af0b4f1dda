"""Read and write objects of remote stores through fsspec, with patience and with clear ends.

What passes (5xx, throttling, time-outs, lost connections) is tried again with growing pauses, for `CURATION_PATIENCE`
seconds (60). After that the store itself is asked: when it does not answer either, that is a StorageError, which stops
the build; when it does, the one object is to blame: an OSError, which readers of rows and media turn into a ledger row.
Files are read by exact ranges, in blocks; nothing is fetched that was not asked for, but the rest of a block.
"""

from __future__ import annotations

import io
import logging
import os
import random
import time
import weakref
from collections.abc import Callable
from stat import S_ISREG
from typing import Any, BinaryIO, TypeVar, cast

from curation.credentials import collapsed, expanded, hidden
from curation.errors import StorageError
from curation.storage_errors import is_missing, is_passing, is_refused_credential

BLOCK_BYTES = 1 << 20
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_RANGED = ("s3", "s3a", "gs", "gcs", "az", "abfs", "adl", "http", "https", "hf", "oss")
_logger = logging.getLogger(__name__)
_is_prepared = False
T = TypeVar("T")


def is_url(path: str) -> bool:
    """Say whether a path is a URL (or a chain of them) rather than a path of this machine."""
    return "://" in path or "::" in path


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL and the name in it; `${VAR}` in the URL is expanded here.

    Credentials come from the environment as each library reads it. Raises StorageError when the store's package is
    missing or a variable is not set, OSError when there is no such protocol.
    """
    import fsspec

    _prepare(fsspec)
    try:
        system, name = fsspec.core.url_to_fs(expanded(url))
    except LookupError as err:
        raise StorageError(
            f"{hidden(url)}: the environment has no variable {err}; set it where this command and its workers run"
        ) from None
    except ImportError as err:
        raise StorageError(
            f"{hidden(url)}: can't open this store: {said(err, url)}; install the extra it needs (curation[s3], "
            "curation[gcs])"
        ) from None
    except (ValueError, OSError, TypeError) as err:
        raise OSError(f"{hidden(url)}: can't open this store: {said(err, url)}") from None
    return system, str(name)


def _prepare(fsspec: Any) -> None:
    """Give S3 clients short time-outs and no retries beside `retried`, but what the user's fsspec settings say."""
    global _is_prepared
    if _is_prepared:
        return
    _is_prepared = True
    config = {"connect_timeout": 10, "read_timeout": 30, "retries": {"total_max_attempts": 1}}
    for protocol in ("s3", "s3a"):
        own = fsspec.config.conf.setdefault(protocol, {})
        own.setdefault("config_kwargs", config)


def open_file(url: str, *, block_bytes: int = BLOCK_BYTES) -> BinaryIO:
    """Open an object for reading, seekable, in ranges of at least `block_bytes`.

    A change of the object while it is open is an error where the store can tell (S3: by its ETag). Raises OSError,
    StorageError.
    """
    system, name = file_system(url)
    if "::" in url or not _is_ranged(url):
        file = retried(lambda: system.open(name, "rb"), url)
        weakref.finalize(file, lambda kept: None, system)  # an archive's files close when their system is collected
        return cast(BinaryIO, file)
    file = retried(lambda: system.open(name, "rb", cache_type="none"), url)
    if not file.seekable() or getattr(file, "size", None) is None:  # a server without ranges
        file.close()
        return io.BytesIO(read_bytes(url))
    return cast(BinaryIO, io.BufferedReader(_Ranges(file, url), block_bytes))


def read_bytes(url: str, *, offset: int | None = None, length: int | None = None) -> bytes:
    """Read an object or a range of it in one request. Raises OSError, StorageError."""
    system, name = file_system(url)
    end = None if offset is None or length is None else offset + length
    if length == 0:
        return b""
    data = bytes(retried(lambda: system.cat_file(name, start=offset, end=end), url))
    if length is not None and len(data) > length:  # a web server that knows no ranges
        data = data[offset or 0 : end]
    return data


def stamp(path: str, *, is_fresh: bool = True) -> str:
    """Return a file's size and time (local) or size and tag (remote), by which a change is noticed; "" if it is gone.

    A folder has none either. A remote file is asked afresh, unless a listing from just now will do. Raises
    StorageError when the store does not answer.
    """
    if not is_url(path):
        try:
            about = os.stat(path)  # noqa: PTH116
        except OSError:
            return ""
        return f"{about.st_size} {about.st_mtime_ns}" if S_ISREG(about.st_mode) else ""
    try:
        system, name = file_system(path)
        if is_fresh:
            system.invalidate_cache()
        info = retried(lambda: system.info(name), path)
    except OSError:
        return ""
    return "" if info.get("type") == "directory" else tag(info)


def tag(info: dict[str, Any]) -> str:
    """Return size and tag of an entry of a remote file system: its ETag or blob id, else its time."""
    names = ("ETag", "etag", "blob_id", "LastModified", "mtime", "created")
    return " ".join([str(info.get("size")), *[str(info[key]) for key in names if info.get(key)][:1]])


def retried(call: Callable[[], T], url: str) -> T:
    """Call until it goes well; give up on what does not pass, and after the patience on what should.

    Raises FileNotFoundError, PermissionError or another OSError about the object, StorageError about the store. No
    text of theirs holds what `${VAR}` stands for.
    """
    start = time.monotonic()
    pause = _FIRST_PAUSE
    attempt = 0
    while True:
        attempt += 1
        try:
            return call()
        except Exception as err:
            if is_missing(err):
                raise FileNotFoundError(2, "does not exist", hidden(url)) from None
            if is_refused_credential(err):
                raise StorageError(
                    f"{_root(url)}: the store refuses the credentials: {said(err, url)}; set AWS_ACCESS_KEY_ID and "
                    "AWS_SECRET_ACCESS_KEY (s3), HF_TOKEN (hf) or what this store reads from the environment"
                ) from None
            if type(err).__name__ == "FileExpired":
                raise OSError(f"{hidden(url)}: changed while it was read; run the same command again") from None
            if isinstance(err, FileExistsError):
                raise
            if isinstance(err, PermissionError):
                raise PermissionError(13, f"refused: {said(err, url)}", hidden(url)) from None
            if not is_passing(err):
                raise OSError(f"{hidden(url)}: {said(err, url)}") from None
            seconds = time.monotonic() - start
            if seconds >= patience():
                _check_store(url, err, seconds)
                raise OSError(
                    f"{hidden(url)}: no answer after {attempt} attempts in {seconds:.0f} s: {said(err, url)}"
                ) from None
            _logger.info("%s: attempt %d: %s; trying again in %.1f s", hidden(url), attempt, said(err, url), pause)
        time.sleep(pause * random.uniform(0.7, 1.3))
        pause = min(2 * pause, _LONGEST_PAUSE)


def patience() -> float:
    """Return for how many seconds one request is tried again."""
    return float(os.environ.get("CURATION_PATIENCE") or 60)


def said(err: BaseException, url: str) -> str:
    """Return what an error says about a URL, on one line, without secrets."""
    text = " ".join(str(err).split())
    name = type(err).__name__
    return hidden(collapsed(f"{name}: {text}" if text else name, url))


def _check_store(url: str, why: Exception, seconds: float) -> None:
    """Raise StorageError when not only the object but its store does not answer.

    Web addresses of rows lead to a thousand servers: there the one address is to blame.
    """
    system, name = file_system(url)
    if "::" in url or url.lower().startswith(("http://", "https://")):
        return
    try:
        system.invalidate_cache()
        system.info(name.lstrip("/").partition("/")[0])
    except Exception as err:
        if is_passing(err):
            raise StorageError(
                f"{_root(url)}: the store has not answered for {seconds:.0f} s: {said(why, url)}; run the same command "
                "again when it does, finished tasks are kept (CURATION_PATIENCE sets how long to try)"
            ) from None


def _root(url: str) -> str:
    scheme, _, rest = hidden(url).partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _is_ranged(url: str) -> bool:
    return url.partition("://")[0].lower() in _RANGED


class _Ranges(io.RawIOBase):
    """A remote file read by exact ranges, each tried again when it fails in passing."""

    def __init__(self, file: Any, url: str) -> None:
        super().__init__()
        self._file, self._url, self._at, self._size = file, url, 0, int(file.size)

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer by one range."""
        wanted = max(min(len(buffer), self._size - self._at), 0)
        if not wanted:
            return 0
        data = retried(lambda: self._range(wanted), self._url)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _range(self, wanted: int) -> bytes:
        self._file.seek(self._at)
        data = bytes(self._file.read(wanted))
        if len(data) != wanted:
            raise ConnectionError(f"{len(data)} bytes came where {wanted} were asked for")
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move without reading."""
        self._at = max({io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence] + offset, 0)
        return self._at

    def tell(self) -> int:
        """Return the place in the file."""
        return self._at

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()
