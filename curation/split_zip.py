"""Read the directory of a split zip, whose offsets count by part; zipfile refuses it or takes them wrongly."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Sequence
from typing import IO

_TAIL_BYTES = 65_557 + 20  # the longest comment, the end record and the locator of the 64-bit one


def is_split_zip(file: IO[bytes]) -> bool:
    """Say whether an archive's end record counts more than one part."""
    tail, end = _tail(file)
    return end >= 0 and struct.unpack("<H", tail[end + 4 : end + 6])[0] > 0


def split_zip_entries(file: IO[bytes], starts: Sequence[int]) -> list[zipfile.ZipInfo]:
    """Return the entries, `header_offset` counted from the start of the first part.

    `starts` says where each part begins in the whole, and last the size of all.

    Raises:
        ValueError: parts are missing or the directory is damaged.

    """
    disk, first_disk, count, offset = _end_record(file, starts)
    if disk + 1 != len(starts) - 1:
        raise ValueError(f"it has {disk + 1} parts, {len(starts) - 1} are here")
    file.seek(_absolute(starts, first_disk, offset))
    return [_entry(file, starts) for _ in range(count)]


def _tail(file: IO[bytes]) -> tuple[bytes, int]:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read(_TAIL_BYTES)
    end = tail.rfind(b"PK\x05\x06")
    return tail, end if len(tail) >= end + 22 else -1


def _end_record(file: IO[bytes], starts: Sequence[int]) -> tuple[int, int, int, int]:
    """Return the number of the last part, that of the part in which the directory begins, its entries and place."""
    tail, end = _tail(file)
    if end < 0:
        raise ValueError("it has no directory at its end")
    disk, first_disk, _, count, _, offset = struct.unpack("<HHHHII", tail[end + 4 : end + 20])
    locator = tail[max(0, end - 20) : end]
    if locator.startswith(b"PK\x06\x07"):
        record_disk, record_offset, _ = struct.unpack("<IQI", locator[4:])
        file.seek(_absolute(starts, record_disk, record_offset))
        record = file.read(56)
        if len(record) < 56 or not record.startswith(b"PK\x06\x06"):
            raise ValueError("its 64-bit directory is not where it says")
        disk, first_disk, _, count, _, offset = struct.unpack("<IIQQQQ", record[16:56])
    return disk, first_disk, count, offset


def _absolute(starts: Sequence[int], disk: int, offset: int) -> int:
    if disk >= len(starts) - 1:
        raise ValueError(f"it has at least {disk + 1} parts, {len(starts) - 1} are here")
    return starts[disk] + offset


def _entry(file: IO[bytes], starts: Sequence[int]) -> zipfile.ZipInfo:
    fixed = file.read(46)
    if len(fixed) < 46 or not fixed.startswith(b"PK\x01\x02"):
        raise ValueError("its directory is cut or damaged")
    flags, method, _, crc, packed_size, size, name_bytes, extra_bytes, comment_bytes, disk, _, attributes, offset = (
        struct.unpack("<HHIIIIHHHHHII", fixed[8:])
    )
    name = file.read(name_bytes).decode("utf-8" if flags & 0x800 else "cp437", "replace")
    wide = _wide_fields(file.read(extra_bytes))
    file.read(comment_bytes)
    size = _next(wide, "<Q") if size == 0xFFFFFFFF else size
    packed_size = _next(wide, "<Q") if packed_size == 0xFFFFFFFF else packed_size
    offset = _next(wide, "<Q") if offset == 0xFFFFFFFF else offset
    disk = _next(wide, "<I") if disk == 0xFFFF else disk
    info = zipfile.ZipInfo(name)
    info.header_offset, info.file_size, info.compress_size = _absolute(starts, disk, offset), size, packed_size
    info.compress_type, info.CRC, info.flag_bits, info.external_attr = method, crc, flags, attributes
    return info


def _wide_fields(extra: bytes) -> bytearray:
    """Return the body of the 64-bit extra field; empty if there is none."""
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        if kind == 1:
            return bytearray(extra[4 : 4 + length])
        extra = extra[4 + length :]
    return bytearray()


def _next(wide: bytearray, form: str) -> int:
    size = struct.calcsize(form)
    if len(wide) < size:
        raise ValueError("an entry lacks its 64-bit sizes")
    (value,) = struct.unpack(form, wide[:size])
    del wide[:size]
    return int(value)
