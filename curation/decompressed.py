"""Keep decompressed copies of tar.gz archives in the cache, since gzip can't be read at random."""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path
from typing import IO

from curation.archive_parts import ArchiveFile
from curation.errors import SourceError

BOMB_BYTES = 1 << 30
BOMB_RATIO = 200
_COPY_BYTES = 1 << 18  # gzip makes at most a thousand times as much of it


def is_bomb(num_bytes: int, packed_bytes: int) -> bool:
    """Say whether so many bytes from so few are no data: above 1 GiB, more than 200 times as many as were packed.

    Text packs 3 to 20 times, logs that repeat themselves 50 to 100 times; gzip can reach 1,030, zstd 32,000 times.
    """
    return num_bytes > BOMB_BYTES and num_bytes > BOMB_RATIO * packed_bytes


def decompressed(archive: ArchiveFile, file: IO[bytes], cache: str) -> tuple[str, str]:
    """Decompress a tar.gz into the cache unless it is there; return the copy's path and why it is not whole, or "".

    Processes that want the same archive wait for the one that writes it. Raises SourceError without a cache folder.
    """
    import fcntl

    if not cache:
        raise SourceError(
            f"media: '{archive.path}' is a tar.gz, which can't be read at random; unpack it or give a workspace"
        )
    target = Path(cache) / f"{hashlib.sha256(repr(_stamp(archive, file)).encode()).hexdigest()}.tar"
    cut_note = target.with_suffix(".cut")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            file.seek(0)
            temporary = target.with_suffix(".part")
            try:
                cut = _inflate(file, temporary)
                if cut:
                    cut_note.write_text(cut)
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
    return str(target), cut_note.read_text() if cut_note.exists() else ""


def _stamp(archive: ArchiveFile, file: IO[bytes]) -> tuple[object, ...]:
    """Return what tells an archive from its earlier self: its path, and the size and time of each of its files."""
    if "://" in archive.path:
        return (archive.path, file.seek(0, os.SEEK_END))
    stats = [Path(path).stat() for path in archive.parts or (archive.path,)]
    return (archive.path, *(number for stat in stats for number in (stat.st_size, stat.st_mtime_ns)))


def _inflate(file: IO[bytes], target: Path) -> str:
    frame = zlib.decompressobj(31)
    is_inside = False
    num_read = 0
    with target.open("wb") as out:
        try:
            while packed := file.read(_COPY_BYTES):
                num_read += len(packed)
                if is_bomb(out.tell(), num_read):
                    return f"it expands more than {BOMB_RATIO} times and is read up to {out.tell()} bytes"
                while packed:
                    out.write(frame.decompress(packed))
                    is_inside, packed = not frame.eof, frame.unused_data.lstrip(b"\0")
                    if frame.eof:
                        frame = zlib.decompressobj(31)
        except zlib.error as err:
            return f"damaged: {err}"
        finally:
            out.flush()
            os.fsync(out.fileno())
    return "cut" if is_inside else ""
