"""Types of the options of a call. They are imported on first use, to keep the package fast to import."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol, TypedDict

from mistral_datasets._options import RetryPolicy

__all__ = ["CallOptions", "RetryConfig"]


class RetryConfig(Protocol):
    """A `RetryConfig` of the official SDK."""

    strategy: str
    """`backoff`, or `none` to disable retries."""

    @property
    def backoff(self) -> object:
        """A `BackoffStrategy` of the official SDK, with its durations in milliseconds."""


class CallOptions(TypedDict, total=False):
    """Options that every call accepts as keyword arguments. They override the client's options for this call.

    In operations that send several requests, such as `create_records`, `import_jsonl`, pagers and waits, they apply to
    each of the requests, not to the operation as a whole.

    `timeout_ms`, `deadline_ms`, `retries` and `http_headers` are other names of the same options, for compatibility
    with the official SDK. An option and its other name cannot be given together.
    """

    timeout: float | timedelta | None
    """Timeout of one attempt, in seconds or as a `timedelta`, until the response has been read.

    For uploads and downloads it is the longest time without any data transferred.
    """
    deadline: float | timedelta | None
    """Timeout of the call, in seconds or as a `timedelta`, including all attempts and retry delays.

    Uploads and downloads are exempt. For an import it covers neither the upload nor the waiting; see `wait_timeout`.
    """
    max_retries: int | None
    """Maximum number of retries after the first attempt; 0 disables retries. Takes precedence over `retry`."""
    retry: RetryPolicy | None
    """Delays and conditions of retries."""
    headers: Mapping[str, str] | None
    """Additional headers."""
    server_url: str | None
    """URL of the server."""
    timeout_ms: int | None
    """`timeout` in milliseconds."""
    deadline_ms: int | None
    """`deadline` in milliseconds."""
    retries: RetryPolicy | int | RetryConfig | None
    """`retry`, `max_retries`, or a `RetryConfig` of the official SDK."""
    http_headers: Mapping[str, str] | None
    """`headers`."""
