"""Everything that can go wrong, as one tree of exceptions.

```
MistralError
├── ObservabilityError       the server said no, or would have
│   ├── AuthenticationError  the key is missing or refused (401)
│   ├── PermissionError      the key may not do this (403)
│   ├── NotFoundError        there is no such thing (404)
│   ├── ConflictError        it does not go with the present state (409)
│   ├── ValidationError      the request breaks a rule (400, 422 and the like); often found before anything is sent
│   ├── RateLimitError       too many requests (429)
│   └── ServerError          the server failed (5xx)
├── TimeoutError             no reply came in time
│   └── ServerTimeoutError   the server itself gave up (408, 504); it is an ObservabilityError too
├── ConnectionError          the server could not be reached, or the connection broke
├── DecodingError            the reply is not what the API promises
├── ConfigurationError       the client was set up wrongly
└── ClosedError              the client was closed
```

Some of them share their names with exceptions of Python's own, which they are not: write `errors.TimeoutError`.
"""

from __future__ import annotations

import sys

__all__ = [
    "AuthenticationError",
    "ClosedError",
    "ConfigurationError",
    "ConflictError",
    "ConnectionError",
    "DecodingError",
    "MistralError",
    "NotFoundError",
    "ObservabilityError",
    "PermissionError",
    "RateLimitError",
    "ServerError",
    "ServerTimeoutError",
    "TimeoutError",
    "ValidationError",
]


class MistralError(Exception):
    """The base of every error of this package.

    Attributes:
        kind: The kind of error, the same in every language of the project, such as `not_found`.
        message: What went wrong, without the operation and the rest, which `str` adds.
        operation: The operation that failed, such as `create_dataset`.
        status: The status of the reply, where there was one.
        error_code: The server's name for what went wrong, such as `DATASET_NOT_FOUND`.
        request_id: The id that the server gave the request, for asking its operators.
        retryable: Whether the same call may succeed when it is made again later. It does not say that this call was not
            carried out: after a broken connection it may have been.
        hint: What to do about it, where something general can be said.
        body: The body of the failed reply, at most 8 KiB of it. It may repeat what was sent, so it is never printed.
    """

    kind: str = ""
    message: str
    operation: str | None
    status: int | None
    error_code: str | None
    request_id: str | None
    retryable: bool
    hint: str | None
    body: str | None

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        status: int | None = None,
        error_code: str | None = None,
        request_id: str | None = None,
        retryable: bool = False,
        hint: str | None = None,
        body: str | None = None,
        text: str | None = None,
    ) -> None:
        super().__init__(message if text is None else text)
        self.message = message
        self.operation = operation
        self.status = status
        self.error_code = error_code
        self.request_id = request_id
        self.retryable = retryable
        self.hint = hint
        self.body = body

    @property
    def status_code(self) -> int | None:
        """The status of the reply, by the name that the official SDK has for it."""
        return self.status

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), self.args, self.__dict__)


class ObservabilityError(MistralError):
    """The server said no, or would have: what is wrong with a request is often found before it is sent.

    It catches what the exception of this name in the official SDK catches.
    """


class AuthenticationError(ObservabilityError):
    """The key is missing or refused (401)."""

    kind = "authentication"


class PermissionError(ObservabilityError):
    """The key may not do this (403)."""

    kind = "permission"


class NotFoundError(ObservabilityError):
    """There is no such thing (404)."""

    kind = "not_found"


class ConflictError(ObservabilityError):
    """The request does not go with the present state (409)."""

    kind = "conflict"


class ValidationError(ObservabilityError):
    """The request breaks a rule: refused before it was sent, or by the server (400, 422 and the other 4xx)."""

    kind = "validation"


class RateLimitError(ObservabilityError):
    """Too many requests (429)."""

    kind = "rate_limit"


class ServerError(ObservabilityError):
    """The server failed (5xx)."""

    kind = "server"


class TimeoutError(MistralError):
    """No reply came in time."""

    kind = "timeout"


class ServerTimeoutError(TimeoutError, ObservabilityError):
    """The server itself, or a gateway before it, gave up (408, 504)."""


class ConnectionError(MistralError):
    """The server could not be reached, or the connection broke."""

    kind = "connection"


class DecodingError(MistralError):
    """The reply is not what the API promises."""

    kind = "decoding"


class ConfigurationError(MistralError):
    """The client was set up wrongly: no key, a server address that is none."""

    kind = "configuration"


class ClosedError(MistralError):
    """The client was closed."""

    kind = "closed"


_BY_KIND: dict[str, type[MistralError]] = {
    error.kind: error
    for error in (
        AuthenticationError,
        ClosedError,
        ConfigurationError,
        ConflictError,
        ConnectionError,
        DecodingError,
        NotFoundError,
        PermissionError,
        RateLimitError,
        ServerError,
        TimeoutError,
        ValidationError,
    )
}


def from_native(kind: str, message: str, *, status: int | None = None, **details: object) -> MistralError:
    """Makes the exception of an error of the native module."""
    error_class = _BY_KIND[kind]
    if error_class is TimeoutError and status is not None:
        error_class = ServerTimeoutError
    error = error_class(message, status=status, **details)  # type: ignore[arg-type]
    if sys.version_info >= (3, 11) and error.hint is not None:
        error.add_note(f"hint: {error.hint}")
    return error


def _restored(error_class: type[MistralError], args: tuple[object, ...], state: dict[str, object]) -> MistralError:
    """Makes an exception again of what pickle kept."""
    error = error_class.__new__(error_class, *args)
    error.args = args
    error.__dict__.update(state)
    return error
