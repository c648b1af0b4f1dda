"""Read gzip and zstd streams (and plain ones) so that a cut stream gives all that is whole before it complains."""

from __future__ import annotations

import zlib
from typing import IO, Any

from curation.decompressed import BOMB_RATIO, is_bomb

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
# At most so much is unpacked at once, since 1 KiB of gzip can hold 1 MiB and 1 KiB of zstd 32 MiB.
_PACKED_BYTES = {_GZIP: 1 << 16, _ZSTD: 1 << 12, b"": 1 << 18}


def is_packed(head: bytes) -> bool:
    """Say whether a file that starts with these bytes is gzip or zstd."""
    return head.startswith((_GZIP, _ZSTD))


class Unpacked:
    """A stream whose packing is told by its first bytes, and whose start can be looked at before it is read.

    Files of several gzip members or zstd frames are read to the end. `read` raises EOFError when the stream is cut or
    damaged, after everything before that place was given out; zstandard's own reader ends without a word. So it does
    when the stream is a bomb: above 1 GiB and more than 200 times as large as what was packed.
    """

    def __init__(self, file: IO[bytes], head: bytes) -> None:
        self._file = file
        self._factory = _factory_of(head)
        self._step = next(size for sign, size in _PACKED_BYTES.items() if head.startswith(sign))
        self._num_packed = self._num_plain = 0
        self._frame: Any = self._factory() if self._factory else None
        self._is_inside = False
        self._plain = bytearray()
        self._failure = ""

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes without taking them; fewer at the end or before a damaged place."""
        self._fill(size)
        return bytes(self._plain[:size])

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes, all when negative; none at the end."""
        self._fill(size)
        if self._failure and (size < 0 or not self._plain):
            raise EOFError(self._failure)
        taken = len(self._plain) if size < 0 else size
        data = bytes(self._plain[:taken])
        del self._plain[:taken]
        return data

    def _fill(self, size: int) -> None:
        while not self._failure and (size < 0 or len(self._plain) < size):
            packed = self._file.read(self._step)
            if not packed:
                if self._is_inside:
                    self._failure = "the compressed stream is cut"
                return
            before = len(self._plain)
            self._feed(packed)
            self._num_packed += len(packed)
            self._num_plain += len(self._plain) - before
            if is_bomb(self._num_plain, self._num_packed):
                self._failure = f"the compressed stream expands more than {BOMB_RATIO} times"

    def _feed(self, packed: bytes) -> None:
        if self._factory is None:
            self._plain += packed
            return
        try:
            while packed:
                if not self._is_inside:  # gzip files may be padded with zeros between members
                    packed = packed.lstrip(b"\0")
                self._plain += self._frame.decompress(packed)
                self._is_inside, packed = not self._frame.eof, self._frame.unused_data
                if self._frame.eof:
                    self._frame = self._factory()
        except Exception as err:  # zlib.error or ZstdError: the two have no common base
            self._failure = f"the compressed stream is damaged: {err}"


def _factory_of(head: bytes) -> Any:
    if head.startswith(_GZIP):
        return lambda: zlib.decompressobj(31)
    if head.startswith(_ZSTD):
        import zstandard

        decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 31)
        return decompressor.decompressobj
    return None
