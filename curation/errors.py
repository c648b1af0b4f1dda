"""The errors users see. Each message says what, where, the value and what to do."""

from __future__ import annotations

from curation.credentials import hidden, redacted


class CurationError(Exception):
    """A known problem: the command line prints its message on one line and exits with 1.

    Its text holds no password, no signature of a URL and nothing that `${VAR}` of a manifest stands for.
    """

    def __str__(self) -> str:
        return redacted(super().__str__())


class ManifestError(CurationError):
    """The manifest is wrong; raised before any data is read."""


class SourceError(CurationError):
    """A source as a whole can't be read: nothing matches its uri, no permission, an archive is broken."""


class MediaError(CurationError):
    """One medium can't be used. Never fatal: it becomes a ledger row.

    `reason` is a snake_case noun of the defect (`missing_media`, `truncated_image`, `no_video_stream`).
    """

    def __init__(self, reason: str, detail: str = "", *, measured: float | None = None) -> None:
        detail = hidden(detail)
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.measured = measured

    def __reduce__(self) -> tuple[object, ...]:
        return (_media_error, (self.reason, self.detail, self.measured))


def _media_error(reason: str, detail: str, measured: float | None) -> MediaError:
    return MediaError(reason, detail, measured=measured)


class FilterError(CurationError):
    """A filter's settings do not fit the data: an unknown column, an unreadable benchmark file."""


class MixtureError(CurationError):
    """The weights, budget and repeats can't be met with the samples there are."""


class BuildError(CurationError):
    """A build can't go on or can't be opened: the folder holds another build, a guard stopped it, the disk is full."""


class ChangedError(BuildError):
    """A file is not what it was when it was measured. `path` is the file, `now` what tells it from its earlier self."""

    def __init__(self, message: str, *, path: str, now: str) -> None:
        super().__init__(message)
        self.path = path
        self.now = now

    def __reduce__(self) -> tuple[object, ...]:
        return (_changed_error, (self.args[0], self.path, self.now))


def _changed_error(message: str, path: str, now: str) -> ChangedError:
    return ChangedError(message, path=path, now=now)


class StorageError(CurationError):
    """A store as a whole can't be used: it does not answer, refuses the credentials, or its package is missing."""


class TokenizerError(CurationError):
    """The tokenizer can't be loaded or lacks tokens that the profile needs."""


def nearest(word: str, choices: object) -> str:
    """Return `; did you mean 'x'?` for the choice nearest to a word, or an empty string."""
    from difflib import get_close_matches

    names = [str(choice) for choice in choices]  # type: ignore[attr-defined]
    found = get_close_matches(word, names, n=1, cutoff=0.5)
    return f"; did you mean '{found[0]}'?" if found else ""
