"""Exceptions of this package.

```
MistralError
├── ObservabilityError       the server rejected the request, or would have
│   ├── AuthenticationError  the API key is missing or invalid (401)
│   ├── PermissionError      the API key lacks permission (403)
│   ├── NotFoundError        the resource does not exist (404)
│   ├── ConflictError        the request conflicts with the current state (409)
│   ├── ValidationError      the request is invalid (400, 422 and other 4xx), often detected before it is sent
│   ├── RateLimitError       too many requests (429)
│   └── ServerError          the server failed (5xx except 504)
├── TimeoutError             no response arrived in time
│   └── ServerTimeoutError   the server or a gateway timed out (408, 504); also an ObservabilityError
├── ConnectionError          the server could not be reached, or the connection was lost
├── DecodingError            the response does not match the API's schema
├── TaskFailedError          an import task failed, was cancelled or timed out
├── CancelledError           the client was closed during the call
├── ConfigurationError       the client's configuration is invalid
└── ClosedError              the client was closed before the call
```

`TimeoutError`, `PermissionError` and `ConnectionError` derive from the built-in exceptions of the same name, so
`except TimeoutError` catches both, and `except OSError` catches all three. Cancelling an asyncio task raises
`asyncio.CancelledError` as usual.

Every error can be created in a test: `errors.NotFoundError("no such dataset", status=404)`.
"""

from __future__ import annotations

import builtins
import sys
from typing import TYPE_CHECKING

from mistral_datasets import _native

__all__ = [
    "AuthenticationError",
    "CancelledError",
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
    "TaskFailedError",
    "TimeoutError",
    "ValidationError",
]


class MistralError(Exception):
    """Base class of all errors of this package.

    The class has one positional parameter, the message; the other attributes are keyword arguments.

    Attributes:
        kind: Kind of error, such as `not_found`. Node.js and Rust use the same kinds.
        message: What went wrong. `str(error)` adds the operation and other details.
        operation: Name of the operation that failed, such as `create_dataset`.
        status: HTTP status code, if there was a response.
        error_code: Error code from the server, such as `DATASET_NOT_FOUND`.
        request_id: Request ID assigned by the server, for support requests.
        retryable: Whether the same call may succeed later. Check `ambiguous` before repeating a write.
        ambiguous: Whether the call was a write that may have been carried out: it was sent, but the connection was lost
            or the server failed. Such calls are never retried automatically. Check whether the write was carried out
            before repeating it.
        attempts: Number of attempts; 0 if no request was sent.
        elapsed: Duration of the call in seconds, including all attempts and retry delays, if a request was sent.
        retry_after: Delay in seconds that the server asked for.
        task: Import task that failed, or that was still in progress when the wait timed out.
        report: `CreateReport` or `ImportReport` of a bulk call, up to the failure. Pass it as `resume` to continue.
        hint: A suggested fix.
        body: First 8 KiB of the response body. It may repeat parts of the request, so `str(error)` does not include it.
    """

    kind: str = ""
    message: str
    operation: str | None
    status: int | None
    error_code: str | None
    request_id: str | None
    retryable: bool
    ambiguous: bool
    attempts: int
    elapsed: float | None
    retry_after: float | None
    task: _native.ImportTask | None
    report: _native.CreateReport | _native.ImportReport | None
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
        ambiguous: bool = False,
        attempts: int = 0,
        elapsed: float | None = None,
        retry_after: float | None = None,
        task: _native.ImportTask | None = None,
        report: _native.CreateReport | _native.ImportReport | None = None,
        hint: str | None = None,
        body: str | None = None,
        text: str | None = None,
    ) -> None:
        super().__init__(_text(message, operation, status, error_code, request_id) if text is None else text)
        self.message = message
        self.operation = operation
        self.status = status
        self.error_code = error_code
        self.request_id = request_id
        self.retryable = retryable
        self.ambiguous = ambiguous
        self.attempts = attempts
        self.elapsed = elapsed
        self.retry_after = retry_after
        self.task = task
        self.report = report
        self.hint = hint
        self.body = body

    @property
    def status_code(self) -> int | None:
        """Alias of `status`, as in the official SDK."""
        return self.status

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            if (remedy := _OFFICIAL_ATTRIBUTES.get(name)) is not None:
                raise AttributeError(
                    f"'{type(self).__name__}' object has no attribute '{name}' of the official SDK; {remedy}"
                )
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), self.args, self.__dict__)


_OFFICIAL_ATTRIBUTES = {
    "raw_response": "use `status`, `body`, `request_id` and `retry_after`",
    "headers": "use `request_id` and `retry_after`",
    "data": "use `message`, `error_code` and `body`",
}
"""What to use instead of attributes that errors of the official SDK have."""


def _text(
    message: str, operation: str | None, status: int | None, error_code: str | None, request_id: str | None
) -> str:
    """Formats an error that was not created by the native module like one that was."""
    details = [] if error_code is None else [error_code]
    details += [] if status is None else [f"status {status}"]
    details += [] if request_id is None else [f"request {request_id}"]
    prefix = "" if operation is None else f"{operation}: "
    return f"{prefix}{message}" + (f" ({', '.join(details)})" if details else "")


class ObservabilityError(MistralError):
    """The server rejected the request, or would have: many invalid requests are detected before they are sent.

    Covers the same failures as the exception of the same name in the official SDK.
    """


class AuthenticationError(ObservabilityError):
    """The API key is missing or invalid (401)."""

    kind = "authentication"


class PermissionError(ObservabilityError, builtins.PermissionError):
    """The API key lacks permission (403)."""

    kind = "permission"


class NotFoundError(ObservabilityError):
    """The resource does not exist (404)."""

    kind = "not_found"


class ConflictError(ObservabilityError):
    """The request conflicts with the current state (409)."""

    kind = "conflict"


class ValidationError(ObservabilityError):
    """The request is invalid. Rejected before it was sent, or by the server (400, 422 and other 4xx)."""

    kind = "validation"


class RateLimitError(ObservabilityError):
    """Too many requests (429)."""

    kind = "rate_limit"


class ServerError(ObservabilityError):
    """The server failed (5xx except 504)."""

    kind = "server"


class TimeoutError(MistralError, builtins.TimeoutError):
    """No response arrived in time."""

    kind = "timeout"


class ServerTimeoutError(TimeoutError, ObservabilityError):
    """The server or a gateway timed out (408, 504)."""


class ConnectionError(MistralError, builtins.ConnectionError):
    """The server could not be reached, or the connection was lost."""

    kind = "connection"


class DecodingError(MistralError):
    """The response does not match the API's schema."""

    kind = "decoding"


class TaskFailedError(MistralError):
    """An import task failed, was cancelled or timed out. See `task`."""

    kind = "task_failed"


class CancelledError(MistralError):
    """The client was closed during the call."""

    kind = "cancelled"


class ConfigurationError(MistralError):
    """The client's configuration is invalid, such as a missing API key or an invalid server URL."""

    kind = "configuration"


class ClosedError(MistralError):
    """The client was closed before the call."""

    kind = "closed"


_BY_KIND: dict[str, type[MistralError]] = {
    error.kind: error
    for error in (
        AuthenticationError,
        CancelledError,
        ClosedError,
        ConfigurationError,
        ConflictError,
        ConnectionError,
        DecodingError,
        NotFoundError,
        PermissionError,
        RateLimitError,
        ServerError,
        TaskFailedError,
        TimeoutError,
        ValidationError,
    )
}


def from_native(kind: str, message: str, *, status: int | None = None, **details: object) -> MistralError:
    """Creates an exception. Called by the native module."""
    error_class = _BY_KIND[kind]
    if error_class is TimeoutError and status is not None:
        error_class = ServerTimeoutError
    error = error_class(message, status=status, **details)  # type: ignore[arg-type]
    if sys.version_info >= (3, 11) and error.hint is not None:
        error.add_note(f"hint: {error.hint}")
    return error


def _restored(error_class: type[MistralError], args: tuple[object, ...], state: dict[str, object]) -> MistralError:
    """Recreates a pickled exception."""
    error = error_class.__new__(error_class, *args)
    error.args = args
    error.__dict__.update(state)
    return error
