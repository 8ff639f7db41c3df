"""Responses with their HTTP metadata. Imported by the native module when `Mistral.raw` is first used."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

T = TypeVar("T")


class RawResponse(Generic[T]):
    """A successful HTTP response and the value that the call returned.

    Attributes:
        value: Return value of the call.
        status: HTTP status code, such as 200.
        headers: Response headers, with lower-case names.
        request_id: Request ID assigned by the server, for support requests.
        body: Decompressed response body.
        elapsed: Duration of the call in seconds, including all attempts and retry delays.
        attempts: Number of attempts.
    """

    __slots__ = ("attempts", "body", "elapsed", "headers", "request_id", "status", "value")

    def __init__(
        self,
        value: T,
        status: int,
        headers: dict[str, str],
        request_id: str | None,
        body: bytes,
        elapsed: float,
        attempts: int,
    ) -> None:
        self.value = value
        self.status = status
        self.headers: Mapping[str, str] = MappingProxyType(headers)
        self.request_id = request_id
        self.body = body
        self.elapsed = elapsed
        self.attempts = attempts

    def __repr__(self) -> str:
        # The body contains conversations, and headers may contain cookies.
        return (
            f"RawResponse(status={self.status}, request_id={self.request_id!r}, body=<{len(self.body)} bytes>, "
            f"elapsed={self.elapsed:.3f}, attempts={self.attempts})"
        )
