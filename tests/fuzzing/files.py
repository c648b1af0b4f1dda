"""Damage files: their bytes, and what stands in them where the form is known (JSON, Parquet, tar, gzip)."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import zlib
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzzing.values import WORDS, damaged

PIECES = (
    b"\x00",
    b"\xff" * 8,
    b"\n",
    b"\r",
    b"[" * 3000,
    b'{"a":' * 3000,
    b"\xef\xbb\xbf",
    b"\x1f\x8b\x08\x00",
    b"PK\x03\x04",
    b"PAR1",
    b'"',
    b"}",
    b",",
    b"NaN",
    b"1e999",
    b"\xed\xa0\x80",
    b"<!DOCTYPE x [<!ENTITY a 'b'>]>",
    b"&a;",
    b"<?xml version='1.0' encoding='utf-7'?>",
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"../" * 8,
)


# What the libraries that read and write the forms say of a file that an earlier damage broke.
_UNDAMAGEABLE = (
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    tarfile.TarError,
    zlib.error,
)


def damage_file(path: Path, random: Random) -> str:
    """Damage a file in place; return how, in a word or two."""
    data = path.read_bytes()
    name = path.name.lower()
    ways = [damaged_bytes] * 2
    if name.endswith((".json", ".jsonl")):
        ways += [_json] * 6
    elif name.endswith(".parquet"):
        ways += [_parquet] * 8
    elif name.endswith((".tar", ".tgz", ".tar.gz")):
        ways += [_tar] * 4
    elif name.endswith(".gz"):
        ways += [_gzip] * 4
    way = random.choice(ways)
    try:
        path.write_bytes(way(data, random))
    except _UNDAMAGEABLE:
        path.write_bytes(damaged_bytes(data, random))
        return "bytes"
    return way.__name__.strip("_")


def damage_folder(folder: Path, random: Random) -> str:
    """Damage up to three files of a folder, or their names; return what was done."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    done = []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        path = random.choice(files)
        if not path.is_file():
            continue
        done.append(f"{path.relative_to(folder)}: {_rename(path, random) or damage_file(path, random)}")
    return "; ".join(done)


def _rename(path: Path, random: Random) -> str:
    """Give a file another name, or put a link, a folder or a pipe in its place, now and then; "" when not."""
    way = random.choice(("link", "folder", "pipe", "name", "loop", *[""] * 40))
    if way == "name":
        path.rename(path.with_name(random.choice(("a\nb", "\x1b[31m", "é\udcff", "-rf", "'", "9" * 200)) + path.suffix))
    elif way:
        path.unlink()
    if way == "link":
        path.symlink_to("/etc/hostname")
    elif way == "loop":
        path.symlink_to(path.name)
    elif way == "folder":
        path.mkdir()
    elif way == "pipe":
        os.mkfifo(path)
    return way


def damaged_bytes(data: bytes, random: Random) -> bytes:
    """Flip, cut, repeat, drop or put in bytes at a few places."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        at = random.randrange(len(changed) + 1)
        length = random.choice((1, 4, 64, 1024))
        way = random.randrange(6)
        if way == 0 and at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
        elif way == 1:
            del changed[at : at + length]
        elif way == 2:
            changed[at:at] = random.choice(PIECES)
        elif way == 3:
            changed[at : at + length] = random.randbytes(min(length, 64))
        elif way == 4:
            changed[at:at] = changed[at : at + length]
        else:
            del changed[at:]
    return bytes(changed)


def _json(data: bytes, random: Random) -> bytes:
    if data.lstrip().startswith(b"[") or b"\n{" not in data.strip():
        return _dumps(damaged(json.loads(data), random))
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    lines[at] = _dumps(damaged(json.loads(lines[at]) if lines[at].strip() else {}, random))
    return b"\n".join(lines)


def _dumps(value: Any) -> bytes:
    return json.dumps(value, default=str).encode()  # lone surrogates as escapes, NaN and Infinity as words


def _parquet(data: bytes, random: Random) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(data))
    name = random.choice(table.column_names)
    values = table[name].to_pylist()
    way = random.randrange(4)
    if way == 0:  # one cell, the type as it was
        at = random.randrange(len(values))
        values[at] = damaged(values[at], random)
        column = pa.array(values, table.schema.field(name).type)
    elif way == 1:  # every cell the same other thing
        column = pa.array([damaged(values[0], random)] * len(values))
    elif way == 2:
        column = pa.nulls(len(values), random.choice((table.schema.field(name).type, pa.int8(), pa.null())))
    else:
        column = pa.array([damaged(value, random) if number % 7 == 0 else value for number, value in enumerate(values)])
    if column.type == pa.struct([]):
        raise ValueError("Parquet has no form for a struct without fields")
    table = table.set_column(table.column_names.index(name), name, column)
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=8)
    return out.getvalue()


def _tar(data: bytes, random: Random) -> bytes:
    """Write the archive again with one member changed: its bytes, name or kind, or its stated size."""
    members = []
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        mode: Any = "w:gz" if data.startswith(b"\x1f\x8b") else "w"
        for info in tar:
            file = tar.extractfile(info)
            members.append((info, file.read() if file else b""))
    at = random.randrange(len(members))
    info, content = members[at]
    way = random.randrange(6)
    if way == 0:
        content = _json(content, random) if info.name.endswith(".json") else damaged_bytes(content, random)
    elif way == 1:
        info.name = random.choice((*WORDS, "../" + info.name, "/" + info.name, info.name + "\n", "a" * 5000))
    elif way == 2:
        info.type = random.choice((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, b"Z"))
        info.linkname = random.choice(("/etc/passwd", "../x", info.name))
    elif way == 3:
        members.insert(at, members[random.randrange(len(members))])
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for number, (each, own) in enumerate(members):
            each.size = len(content if number == at else own)
            tar.addfile(each, io.BytesIO(content if number == at else own))
    written = out.getvalue()
    return damaged_bytes(written, random) if way == 5 else written


def _gzip(data: bytes, random: Random) -> bytes:
    inner = gzip.decompress(data)
    return gzip.compress(_json(inner, random) if random.random() < 0.7 else damaged_bytes(inner, random))
