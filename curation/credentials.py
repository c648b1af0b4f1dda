"""Keep secrets out of what is written: `${VAR}` stays unexpanded until a URL is opened, and texts are redacted.

A URL of a manifest keeps its `${VAR}` wherever it travels (tasks, addresses, tables, errors) and is expanded by
`expanded` at the moment it is opened. Other text of a manifest is a `FromEnvironment`: its value is expanded, and
`as_written` gives back what the manifest says.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PASSWORD = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://)[^/@\s:\"']*:(?P<secret>[^/@\s\"']+)@", re.IGNORECASE)
_SIGNATURE = re.compile(
    r"(?P<before>[?&;](?:x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|signature|sig"
    r"|token|access_token|auth|api_?key|awsaccesskeyid|key|password|secret)=)(?P<secret>[^&;#\s\"'<>]+)",
    re.IGNORECASE,
)
_HIDDEN = "***"
_SHORTEST_SECRET = 4

# The values that this process has put for variables of manifests: they are taken out of the texts of errors and logs.
_expansions: dict[str, str] = {}


class AsWritten(str):
    """Text in which `${VAR}` names a variable."""


class FromEnvironment(str):
    """Text that was expanded; `raw` is what the manifest says. Pickled, it is `raw`, and expanded where it arrives."""

    raw: str

    def __new__(cls, raw: str, *, value: str | None = None) -> FromEnvironment:
        own = super().__new__(cls, expanded(raw) if value is None else value)
        own.raw = raw
        return own

    def __reduce__(self) -> tuple[Any, ...]:
        return FromEnvironment, (self.raw,)


def expanded(text: str) -> str:
    """Put the environment's values for `${VAR}`; `$${` stands for `${`.

    Raises LookupError with the name of a variable that is not set.
    """

    def put(match: re.Match[str]) -> str:
        if match[1] is None:
            return "${"
        value = os.environ.get(match[1])
        if value is None:
            raise LookupError(match[1])
        remember(match[1], value)
        return value

    return _VARIABLE.sub(put, text) if "${" in text else text


def expanded_where_set(text: str) -> str:
    """Put the environment's values for `${VAR}` where there are any."""
    try:
        return expanded(text)
    except LookupError:
        return text


def remember(name: str, value: str) -> None:
    """Have a variable's value taken out of texts, unless it is too short to hide or names a file of this machine."""
    if len(value) >= _SHORTEST_SECRET and not value.isdecimal() and not os.path.exists(value):  # noqa: PTH110
        _expansions[name] = value


def as_written(value: Any) -> Any:
    """Return plain data with the manifest's own words where they were expanded."""
    if isinstance(value, FromEnvironment):
        return AsWritten(value.raw)
    if isinstance(value, Mapping):
        return {key: as_written(child) for key, child in value.items()}
    return [as_written(child) for child in value] if isinstance(value, list | tuple) else value


def collapsed(text: str, url: str) -> str:
    """Write `${VAR}` again for the values of the variables that a URL names: what a store answers holds them."""
    for name in dict.fromkeys(match[1] for match in _VARIABLE.finditer(url) if match[1]):
        value = os.environ.get(name)
        if value:
            text = text.replace(value, f"${{{name}}}")
    return text


def escaped(text: str) -> str:
    """Keep `${` in what data or a store says from being expanded: a row must not read our environment."""
    return text.replace("${", "$${")


def without_credentials(url: str) -> str:
    """Return a URL without password and signature: what says where it is, whoever asks."""
    return _SIGNATURE.sub(r"\g<before>", _PASSWORD.sub(r"\g<before>", url))


def literal_secret(raw: str) -> str:
    """Return which secret a URL of a manifest holds in so many words: `a password`, `a signature`, or nothing."""
    for pattern, name in ((_PASSWORD, "a password"), (_SIGNATURE, "a signature or token")):
        if any(not _VARIABLE.fullmatch(match["secret"]) for match in pattern.finditer(raw)):
            return name
    return ""


def redacted(text: str) -> str:
    """Take passwords and signatures of URLs out of a text, and the values that were put for `${VAR}`."""
    for name, value in sorted(_expansions.items(), key=lambda item: -len(item[1])):
        if value in text:
            text = text.replace(value, f"${{{name}}}")
    return hidden(text)


def hidden(text: str) -> str:
    """Take passwords and signatures of URLs out of a text; `${VAR}` in their place may stay."""
    if "://" not in text:
        return text
    return _SIGNATURE.sub(_hide, _PASSWORD.sub(_hide_password, text))


def _hide(match: re.Match[str]) -> str:
    return match[0] if _VARIABLE.fullmatch(match["secret"]) else match["before"] + _HIDDEN


def _hide_password(match: re.Match[str]) -> str:
    return match[0] if _VARIABLE.fullmatch(match["secret"]) else f"{match['before']}{_HIDDEN}@"
