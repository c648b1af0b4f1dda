"""Read the headers of a tar that may be hostile: impossible sizes, endless names, members that lead backwards."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, cast

MAX_EXTENDED_BYTES = 1 << 20
_EXTENDED = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


class BoundedInfo(tarfile.TarInfo):
    """A header that is refused when its size is negative, or is that of a long name and beyond 1 MiB.

    Python's reader takes the size of a name's extension at its word and allocates it, 8 GiB and more.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> BoundedInfo:
        """Read a header. Raises tarfile.ReadError, as `tarfile` does for a tar that is damaged."""
        info = super().frombuf(buf, encoding, errors)
        if info.size < 0:
            raise tarfile.ReadError(f"a member of {info.size} bytes")
        if info.type in _EXTENDED and info.size > MAX_EXTENDED_BYTES:
            raise tarfile.ReadError(f"a name of {info.size} bytes")
        return info


def open_tar(file: IO[bytes]) -> tarfile.TarFile:
    """Open a plain tar at its place in a file. Raises tarfile.TarError."""
    return tarfile.open(fileobj=file, mode="r:", tarinfo=BoundedInfo)


def open_packed_tar(file: IO[bytes]) -> tarfile.TarFile:
    """Open a tar or tar.gz to be read from its first member to its last. Raises tarfile.TarError, OSError.

    Not as a stream of tarfile's: that one reads on behind the end as far as a header says, 8 EiB if need be.
    """
    import gzip

    is_packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return open_tar(cast(IO[bytes], gzip.GzipFile(fileobj=file)) if is_packed else file)


def members_of(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an opened tar; memory is that of one.

    Raises:
        tarfile.TarError: whatever is wrong with a header, and a member that begins before the end of the last one,
            which would be read for ever.

    """
    behind = -1
    while True:
        try:
            info = tar.next()
        except tarfile.TarError:
            raise
        except (ValueError, LookupError, ArithmeticError, RecursionError, zlib.error) as err:
            raise tarfile.ReadError(str(err) or type(err).__name__) from err
        if info is None:
            return
        if info.offset <= behind or tar.offset <= info.offset:
            raise tarfile.ReadError(f"the member at byte {info.offset} leads backwards")
        behind = info.offset
        cast(Any, tar).members = []  # tarfile keeps every member it saw
        yield info
