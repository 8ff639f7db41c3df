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
├── TimeoutError             no response came in time
│   └── ServerTimeoutError   the server itself gave up (408, 504); it is an ObservabilityError too
├── ConnectionError          the server could not be reached, or the connection broke
├── DecodingError            the response is not what the API promises
├── TaskFailedError          an import task ended without success
├── CancelledError           the client was closed while the call was under way
├── ConfigurationError       the client was set up wrongly
└── ClosedError              the client was closed before the call
```

Some of them share their names with exceptions of Python's own, which they are not: write `errors.TimeoutError`.
Cancelling a task of asyncio raises `asyncio.CancelledError`, as ever.
"""

from __future__ import annotations

import sys

# Type checkers take this for true; importing it from `typing` would take longer than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from mistral_datasets._native import CreateReport, ImportReport
    from mistral_datasets.models import ImportTask

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
    """The base of every error of this package.

    Attributes:
        kind: The kind of error, the same in every language of the project, such as `not_found`.
        message: What went wrong, without the operation and the rest, which `str` adds.
        operation: The operation that failed, such as `create_dataset`.
        status: The status of the response, where there was one.
        error_code: The server's name for what went wrong, such as `DATASET_NOT_FOUND`.
        request_id: The id that the server gave the request, for asking its operators.
        retryable: Whether the same call may succeed when it is made again later. Whether this one was carried out is
            another question; see `ambiguous`.
        ambiguous: Whether this was a write that may have been carried out although it failed: it was sent, and no response
            came. Such a call is never repeated by itself; look whether it was carried out before making it again.
        attempts: How often the request was sent; 0 when it never was.
        elapsed: How many seconds the call took with all its attempts and the waits between them, where something was
            sent.
        retry_after: How many seconds the server asked to wait before the next request.
        task: The import task that failed, or was still under way when waiting for it ended.
        report: What a bulk call had done by then: a `CreateReport` or an `ImportReport`. It does not travel with
            pickle.
        hint: What to do about it, where something general can be said.
        body: The body of the failed response, at most 8 KiB of it. It may repeat what was sent, so it is never printed.
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
    task: ImportTask | None
    report: CreateReport | ImportReport | None
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
        task: ImportTask | None = None,
        report: CreateReport | ImportReport | None = None,
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
        """The status of the response, by the name that the official SDK has for it."""
        return self.status

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), self.args, {**self.__dict__, "report": None})


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
    """No response came in time."""

    kind = "timeout"


class ServerTimeoutError(TimeoutError, ObservabilityError):
    """The server itself, or a gateway before it, gave up (408, 504)."""


class ConnectionError(MistralError):
    """The server could not be reached, or the connection broke."""

    kind = "connection"


class DecodingError(MistralError):
    """The response is not what the API promises."""

    kind = "decoding"


class TaskFailedError(MistralError):
    """An import task ended without success; `task` has it."""

    kind = "task_failed"


class CancelledError(MistralError):
    """The client was closed while the call was under way."""

    kind = "cancelled"


class ConfigurationError(MistralError):
    """The client was set up wrongly: no key, a server address that is none."""

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
