"""What the errors of remote stores mean: missing, refused, passing, or about the object. Each library has its own."""

from __future__ import annotations

from collections.abc import Iterator

_PASSING_STATUS = frozenset((408, 425, 429, 500, 502, 503, 504, 520, 522, 524))
_LIBRARIES = ("aiohttp", "aiobotocore", "botocore", "urllib3", "requests", "httpx", "httpcore", "google", "azure")
_REFUSED = ("AuthFailure", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch")
_NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "TokenRetrievalError")
_FINAL = (
    FileExistsError,
    FileNotFoundError,
    ImportError,
    IsADirectoryError,
    LookupError,
    NotADirectoryError,
    NotImplementedError,
    PermissionError,
    TypeError,
)


def is_missing(err: BaseException) -> bool:
    """Whether the object is not there."""
    return isinstance(err, FileNotFoundError | NotADirectoryError | IsADirectoryError)


def is_refused_credential(err: BaseException) -> bool:
    """Whether the store knows not who asks: no object of it will be readable."""
    return any(_code(one) in _REFUSED or type(one).__name__ in _NO_CREDENTIALS for one in _chain(err))


def is_passing(err: BaseException) -> bool:
    """Whether the same request may go well a little later."""
    statuses = [status for one in _chain(err) if (status := _status(one)) is not None]
    if statuses:
        return any(status in _PASSING_STATUS for status in statuses)
    if isinstance(err, _FINAL) or type(err).__name__ == "FileExpired":
        return False
    if isinstance(err, OSError):
        return True
    return type(err).__module__.partition(".")[0] in _LIBRARIES


def _chain(err: BaseException) -> Iterator[BaseException]:
    seen = 0
    one: BaseException | None = err
    while one is not None and seen < 8:
        yield one
        one = one.__cause__ or one.__context__
        seen += 1


def _status(err: BaseException) -> int | None:
    response = getattr(err, "response", None)
    if isinstance(response, dict):
        found = (response.get("ResponseMetadata") or {}).get("HTTPStatusCode")
    else:
        found = getattr(err, "status", None) or getattr(err, "status_code", None)
        found = found or getattr(response, "status_code", None)
    return found if isinstance(found, int) and found >= 300 else None


def _code(err: BaseException) -> str:
    response = getattr(err, "response", None)
    return str((response.get("Error") or {}).get("Code", "")) if isinstance(response, dict) else ""
