"""Index tar and zip archives so that their members can be addressed as byte ranges."""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from curation.errors import MediaError, SourceError
from curation.records import Address

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip")
MAX_INFLATED_BYTES = 2 << 30
_GZIP, _ZIP = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_COPY_BYTES = 4 << 20


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

    `data_path` is the file that ranges refer to: the archive, or the decompressed copy of a tar.gz. Members with an
    absolute name or `..` in it, links and devices are left out. `problem` says why the index is not whole, if it is
    not.
    """

    path: str
    data_path: str
    is_zip: bool
    members: Mapping[str, Member] = field(repr=False)
    problem: str = ""

    def content(self, name: str) -> Address | bytes:
        """Return where a member's bytes are, or the bytes themselves when a zip holds them deflated.

        Raises:
            MediaError: `unreadable_media` when the zip is encrypted, oddly packed, damaged or inflates beyond 2 GiB.

        """
        member = self.members[name]
        if not self.is_zip:
            return Address(path=self.data_path, offset=member.offset, length=member.size)
        return _zip_content(self.path, name, member)


def open_archive(path: str, *, cache: str = "") -> Archive:
    """Index an archive; its content says what it is, not its name.

    A tar.gz can't be read at random, so it is decompressed once into the `cache` folder, under a name made of its path,
    size and time.

    Raises:
        SourceError: the file can't be opened, or a tar.gz has no cache folder to go to.

    """
    try:
        with _open(path) as file:
            head = file.read(4)
            file.seek(0)
            if head in _ZIP or path.lower().endswith(".zip"):
                return _index_zip(path, file)
            if not head.startswith(_GZIP):
                members, problem = _index_tar(file)
                return Archive(path=path, data_path=path, is_zip=False, members=members, problem=problem)
            data_path, cut = _decompressed(path, file, cache)
        with _open(data_path) as file:
            members, problem = _index_tar(file)
        return Archive(path=path, data_path=data_path, is_zip=False, members=members, problem=cut or problem)
    except OSError as err:
        raise SourceError(f"media: can't read the archive '{path}': {err.strerror or err}") from err


def is_safe_name(name: str) -> bool:
    """Say whether a member's or medium's name stays below the folder it is put in."""
    return bool(name) and not name.startswith(("/", "\\")) and ".." not in name.replace("\\", "/").split("/")


def _open(path: str) -> IO[bytes]:
    if "://" not in path:
        return Path(path).open("rb")
    import fsspec

    return cast(IO[bytes], fsspec.open(path, "rb").open())


def _index_tar(file: IO[bytes]) -> tuple[dict[str, Member], str]:
    import tarfile

    members: dict[str, Member] = {}
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    problem = ""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if not member.isreg() or member.issparse() or not is_safe_name(name):
                    continue
                if member.offset_data + member.size > size:
                    problem = f"cut inside {name}"
                    break
                members[name] = Member(offset=member.offset_data, size=member.size)
                cast(Any, tar).members = []  # tarfile keeps every member it saw
    except (tarfile.TarError, EOFError, ValueError) as err:
        problem = str(err) or type(err).__name__
    return members, problem


def _index_zip(path: str, file: IO[bytes]) -> Archive:
    import zipfile

    members: dict[str, Member] = {}
    problem = ""
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                name = info.filename.removeprefix("./")
                if not info.is_dir() and is_safe_name(name) and (info.external_attr >> 28) != 0xA:  # 0xA: a link
                    members[name] = Member(
                        offset=info.header_offset,
                        size=info.file_size,
                        packed_size=info.compress_size,
                        method=info.compress_type,
                        crc=info.CRC,
                        is_encrypted=bool(info.flag_bits & 1),
                    )
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as err:
        problem = str(err) or type(err).__name__
    return Archive(path=path, data_path=path, is_zip=True, members=members, problem=problem)


def _zip_content(path: str, name: str, member: Member) -> Address | bytes:
    try:
        if member.is_encrypted or member.method not in (0, 8):
            packing = "encrypted" if member.is_encrypted else f"packed by method {member.method}"
            raise MediaError("unreadable_media", f"{path}: {name} is {packing}")
        if member.method == 8 and member.size > MAX_INFLATED_BYTES:
            raise MediaError("unreadable_media", f"{path}: {name} inflates beyond 2 GiB", measured=member.size)
        with _open(path) as file:
            file.seek(member.offset)
            header = file.read(30)
            if len(header) < 30 or not header.startswith(b"PK\x03\x04"):
                raise MediaError("unreadable_media", f"{path}: {name} has no header where the index says")
            name_bytes, extra_bytes = struct.unpack("<HH", header[26:])
            written = file.read(name_bytes).decode("utf-8" if header[7] & 8 else "cp437", "replace")
            if written.removeprefix("./") != name:  # a part of a split archive, joined wrongly or not at all
                raise MediaError("unreadable_media", f"{path}: {written} stands where the index has {name}")
            offset = member.offset + 30 + name_bytes + extra_bytes
            if member.method == 0:
                return Address(path=path, offset=offset, length=member.size)
            file.seek(offset)
            data = zlib.decompressobj(-15).decompress(file.read(member.packed_size), member.size or 1)
    except (OSError, zlib.error) as err:
        raise MediaError("unreadable_media", f"{path}: {name}: {err}") from err
    if len(data) != member.size or zlib.crc32(data) != member.crc:
        raise MediaError("unreadable_media", f"{path}: {name} is damaged")
    return data


def _decompressed(path: str, file: IO[bytes], cache: str) -> tuple[str, str]:
    """Decompress a tar.gz into the cache unless it is there: (its path, why it is not whole or nothing)."""
    import fcntl

    if not cache:
        raise SourceError(f"media: '{path}' is a tar.gz, which can't be read at random; unpack it or give a workspace")
    about = os.fstat(file.fileno()) if "://" not in path else None
    stamp = (path, about.st_size, about.st_mtime_ns) if about else (path, file.seek(0, os.SEEK_END))
    target = Path(cache) / f"{hashlib.sha256(repr(stamp).encode()).hexdigest()}.tar"
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


def _inflate(file: IO[bytes], target: Path) -> str:
    frame = zlib.decompressobj(31)
    is_inside = False
    with target.open("wb") as out:
        try:
            while packed := file.read(_COPY_BYTES):
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
