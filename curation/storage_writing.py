"""Write objects to remote stores, with the same patience as they are read."""

from __future__ import annotations

from pathlib import Path

from curation.credentials import hidden
from curation.errors import StorageError
from curation.storage import file_system, retried, tag


def upload(path: Path, url: str) -> str:
    """Put a file's bytes under a URL and return the new object's tag.

    Raises OSError, and StorageError also when the object has not as many bytes as the file.
    """
    system, name = file_system(url)
    retried(lambda: system.put_file(str(path), name), url)
    system.invalidate_cache()
    info = retried(lambda: system.info(name), url)
    if int(info.get("size") or 0) != path.stat().st_size:
        raise StorageError(
            f"{hidden(url)}: has {info.get('size')} bytes after {path.stat().st_size} were written; run the same "
            "command again"
        )
    return tag(info)


def put_bytes(data: bytes, url: str) -> None:
    """Write a small object. Raises OSError, StorageError."""
    system, name = file_system(url)
    retried(lambda: system.pipe_file(name, data), url)
    system.invalidate_cache()


def put_new(data: bytes, url: str) -> bool:
    """Write a small object that is not there yet; False when one is.

    Where the store has no such request (S3 and what speaks it has), another writer may come in between.
    """
    system, name = file_system(url)
    system.invalidate_cache()
    try:
        retried(lambda: system.pipe_file(name, data, mode="create"), url)
    except FileExistsError:
        return False
    except (OSError, NotImplementedError):
        if retried(lambda: system.exists(name), url):
            return False
        retried(lambda: system.pipe_file(name, data), url)
    system.invalidate_cache()
    return True


def remove(url: str) -> None:
    """Remove an object; one that is not there is no error."""
    system, name = file_system(url)
    try:
        retried(lambda: system.rm_file(name), url)
    except FileNotFoundError:
        return
    finally:
        system.invalidate_cache()
