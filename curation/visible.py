"""Text of a dataset so that people see what is in it, and it steers neither their terminal nor their browser."""

from __future__ import annotations

# Control characters as their pictures; what turns the direction of the text around, or is no character, as U+FFFD.
_VISIBLE = {code: 0x2400 + code for code in range(32) if code not in (9, 10)} | {0x7F: 0x2421}
_VISIBLE |= dict.fromkeys([*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFFFE, 0xFFFF], 0xFFFD)


def visible(text: str) -> str:
    """Write control characters and lone surrogates so that they can be seen; tabs and line ends stay.

    >>> visible("a\\x1b[31mb\\ud800")
    'a␛[31mb\\\\ud800'
    """
    return text.encode("utf-8", "backslashreplace").decode().translate(_VISIBLE)
