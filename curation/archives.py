"""Index tar and zip archives, whole or in parts, so that their members can be addressed as byte ranges."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from curation.archive_parts import SUFFIXES, ArchiveFile, JoinedFile
from curation.decompressed import BOMB_RATIO, decompressed
from curation.errors import MediaError, SourceError
from curation.records import Address
from curation.split_zip import is_split_zip, split_zip_entries
from curation.storage import is_url, open_file
from curation.tars import members_of, open_tar

__all__ = ["SUFFIXES", "Archive", "Member", "is_safe_name", "open_archive"]

MAX_INFLATED_BYTES = 2 << 30
_FREE_BYTES = 64 << 20
_GZIP, _ZIP = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member: `offset` of its data (tar) or its local header (zip), `size` in bytes, and how a zip packs it."""

    offset: int
    size: int
    packed_size: int = 0
    method: int = 0
    crc: int = 0
    is_encrypted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """An archive and its regular members by name.

    `data_path` is the file that ranges refer to: the archive, or the decompressed copy of a tar.gz. With `parts`,
    offsets count from the start of the first part. Members with an absolute name or `..` in it, links and devices are
    left out. `problem` says why the index is not whole, if it is not.
    """

    path: str
    data_path: str
    is_zip: bool
    members: Mapping[str, Member] = field(repr=False)
    problem: str = ""
    parts: tuple[str, ...] = ()

    def content(self, name: str) -> Address | bytes:
        """Return where a member's bytes are, or the bytes themselves when they are deflated or span two parts.

        Raises:
            MediaError: `unreadable_media` when the zip is encrypted, oddly packed, damaged or inflates beyond 2 GiB.

        """
        member = self.members[name]
        if not self.is_zip and not self.parts:
            return Address(path=self.data_path, offset=member.offset, length=member.size)
        try:
            with _opened(self.data_path, self.parts) as file:
                if not self.is_zip:
                    return _range(self.data_path, file, member.offset, member.size)
                return _zip_content(self.path, name, member, file)
        except (OSError, zlib.error) as err:
            raise MediaError("unreadable_media", f"{self.path}: {name}: {err}") from err

    def is_same(self, name: str, other: Archive) -> bool:
        """Say whether two zips hold the same bytes under a name, by size and checksum."""
        mine, others = self.members[name], other.members[name]
        return self.is_zip and other.is_zip and (mine.size, mine.crc) == (others.size, others.crc)


def open_archive(archive: str | ArchiveFile, *, cache: str = "") -> Archive:
    """Index an archive; its content says what it is, not its name.

    A tar.gz can't be read at random, so it is decompressed once into the `cache` folder, under a name made of its path,
    size and time.

    Raises:
        SourceError: the file can't be opened, or a tar.gz has no cache folder to go to.

    """
    about = ArchiveFile(path=archive) if isinstance(archive, str) else archive
    path, parts = about.path, about.parts
    if about.problem:
        return Archive(path=path, data_path=path, is_zip=False, members={}, problem=about.problem)
    try:
        with _opened(path, parts) as file:
            head = file.read(4)
            file.seek(0)
            if head in _ZIP or path.lower().endswith(".zip"):
                members, problem = _index_zip(file)
                return Archive(path=path, data_path=path, is_zip=True, members=members, problem=problem, parts=parts)
            if not head.startswith(_GZIP):
                members, problem = _index_tar(file)
                return Archive(path=path, data_path=path, is_zip=False, members=members, problem=problem, parts=parts)
            data_path, cut = decompressed(about, file, cache)
        with _open(data_path) as file:
            members, problem = _index_tar(file)
        return Archive(path=path, data_path=data_path, is_zip=False, members=members, problem=cut or problem)
    except OSError as err:
        raise SourceError(f"media: can't read the archive '{path}': {err.strerror or err}") from err


def is_safe_name(name: str) -> bool:
    """Say whether a member's or medium's name stays below the folder it is put in."""
    return bool(name) and not name.startswith(("/", "\\")) and ".." not in name.replace("\\", "/").split("/")


def _open(path: str) -> IO[bytes]:
    return open_file(path) if is_url(path) else Path(path).open("rb")


@contextmanager
def _opened(path: str, parts: tuple[str, ...]) -> Iterator[IO[bytes]]:
    """Open an archive, or its parts as one file."""
    with io.BufferedReader(JoinedFile(parts, _open)) if parts else _open(path) as file:
        yield file


def _joined(file: IO[bytes]) -> JoinedFile | None:
    raw = getattr(file, "raw", None)
    return raw if isinstance(raw, JoinedFile) else None


def _range(path: str, file: IO[bytes], offset: int, length: int) -> Address | bytes:
    """Return a range of an opened archive: an address, or its bytes when it spans parts."""
    joined = _joined(file)
    if joined is None:
        return Address(path=path, offset=offset, length=length)
    if place := joined.place(offset, length):
        return Address(path=place[0], offset=place[1], length=length)
    if length > MAX_INFLATED_BYTES:
        raise MediaError("unreadable_media", f"{path}: a member of {length} bytes spans two parts", measured=length)
    file.seek(offset)
    return file.read(length)


def _index_tar(file: IO[bytes]) -> tuple[dict[str, Member], str]:
    import tarfile

    members: dict[str, Member] = {}
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    problem = ""
    try:
        with open_tar(file) as tar:
            for member in members_of(tar):
                name = member.name.removeprefix("./")
                if not member.isreg() or member.issparse() or not is_safe_name(name):
                    continue
                if member.offset_data + member.size > size:
                    problem = f"cut inside {name}"
                    break
                members[name] = Member(offset=member.offset_data, size=member.size)
    except (tarfile.TarError, EOFError) as err:
        problem = str(err) or type(err).__name__
    return members, problem


def _index_zip(file: IO[bytes]) -> tuple[dict[str, Member], str]:
    members: dict[str, Member] = {}
    problem = ""
    try:
        for entry in _zip_entries(file):
            name = entry.filename.removeprefix("./")
            if not name.endswith("/") and is_safe_name(name) and (entry.external_attr >> 28) != 0xA:  # 0xA: a link
                members[name] = Member(
                    offset=entry.header_offset,
                    size=entry.file_size,
                    packed_size=entry.compress_size,
                    method=entry.compress_type,
                    crc=entry.CRC,
                    is_encrypted=bool(entry.flag_bits & 1),
                )
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as err:
        problem = str(err) or type(err).__name__
    return members, problem


def _zip_entries(file: IO[bytes]) -> list[zipfile.ZipInfo]:
    joined = _joined(file)
    if joined is not None and is_split_zip(file):
        return split_zip_entries(file, joined.starts)
    with zipfile.ZipFile(file) as archive:
        return archive.infolist()


def _zip_content(path: str, name: str, member: Member, file: IO[bytes]) -> Address | bytes:
    if member.is_encrypted or member.method not in (0, 8):
        packing = "encrypted" if member.is_encrypted else f"packed by method {member.method}"
        raise MediaError("unreadable_media", f"{path}: {name} is {packing}")
    if member.method == 8 and member.size > MAX_INFLATED_BYTES:
        raise MediaError("unreadable_media", f"{path}: {name} inflates beyond 2 GiB", measured=member.size)
    if member.method == 8 and member.size > max(_FREE_BYTES, BOMB_RATIO * member.packed_size):
        detail = f"{path}: {name} inflates more than {BOMB_RATIO} times"
        raise MediaError("unreadable_media", detail, measured=member.size)
    file.seek(member.offset)
    header = file.read(30)
    if len(header) < 30 or not header.startswith(b"PK\x03\x04"):
        raise MediaError("unreadable_media", f"{path}: {name} has no header where the index says")
    name_bytes, extra_bytes = struct.unpack("<HH", header[26:])
    written = file.read(name_bytes).decode("utf-8" if header[7] & 8 else "cp437", "replace")
    if written.removeprefix("./") != name:
        raise MediaError("unreadable_media", f"{path}: {written} stands where the index has {name}")
    offset = member.offset + 30 + name_bytes + extra_bytes
    if member.method == 0:
        return _range(path, file, offset, member.size)
    file.seek(offset)
    data = zlib.decompressobj(-15).decompress(file.read(member.packed_size), member.size or 1)
    if len(data) != member.size or zlib.crc32(data) != member.crc:
        raise MediaError("unreadable_media", f"{path}: {name} is damaged")
    return data
