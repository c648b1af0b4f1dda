"""Headers of tars that no tool writes."""

from __future__ import annotations

import tarfile

REGULAR, LONG_NAME, EXTENDED, SPARSE = (
    tarfile.REGTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.XHDTYPE,
    tarfile.GNUTYPE_SPARSE,
)


def header(name: str, size: int, kind: bytes = REGULAR) -> bytes:
    """Return the header of a member that says it has this size, with a checksum that is right."""
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT)[:512])
    block[124:136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)  # type: ignore[attr-defined]
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def member(name: str, data: bytes) -> bytes:
    """Return a member as it should be."""
    return header(name, len(data)) + data.ljust(-(-len(data) // 512) * 512, b"\0")


ENDS = {
    "a name of 100 GB": header("x", 100 << 30, LONG_NAME),
    "an extended header of 100 GB": header("x", 100 << 30, EXTENDED),
    "a member of a negative size": header("b.png", -1024) + bytes(1024),
    "a size that an extended header makes negative": header("x", 14, EXTENDED)
    + b"14 size=-2048\n".ljust(512, b"\0")
    + header("b.png", 512)
    + bytes(512),
    "extended headers after each other": header("x", 0, EXTENDED) * 3000,
    "a member of 100 GB": header("b.png", 100 << 30) + bytes(512),
    "a sparse member of 100 GB": header("b.png", 100 << 30, SPARSE) + bytes(512),
    "a member of 8 EiB": header("b.png", (1 << 63) - 1) + bytes(512),
}
