"""Responses as they came, beside what was made of them. The native module imports this when the first is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class RawResponse(Generic[T]):
    """A successful response as the server sent it, and what the call returned.

    Attributes:
        value: What the call returns otherwise.
        status: The status, such as 200.
        headers: The headers, by their names in lower case.
        request_id: The id that the server gave the request, for asking its operators.
        body: The bytes of the body, no longer compressed.
        elapsed: How many seconds the call took, with all its attempts and the waits between them.
        attempts: How often the request was sent.
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
        # The body holds conversations, and headers may hold cookies.
        return (
            f"RawResponse(status={self.status}, request_id={self.request_id!r}, body=<{len(self.body)} bytes>, "
            f"elapsed={self.elapsed:.3f}, attempts={self.attempts})"
        )
