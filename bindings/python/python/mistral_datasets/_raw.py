"""Responses with their HTTP metadata. Imported by the native module when `Mistral.raw` is first used."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Mapping
from inspect import isawaitable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from mistral_datasets._native import Client

P = ParamSpec("P")
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


async def request_response(client: Client, call: Awaitable[T]) -> RawResponse[T]:
    """Awaits the call of an async method, and requests its response.

    Raises:
        TypeError: The call has no single response.
    """
    if not isawaitable(call):
        raise TypeError("expected an async method, such as `mistral.datasets.list_async`")
    response: Any = await _Requested(client, call)
    return response  # type: ignore[no-any-return]


class _Requested(Generic[T]):
    """An awaitable that requests the response during the first step of a call, which creates the request."""

    def __init__(self, client: Client, call: Awaitable[T]) -> None:
        self._client = client
        self._steps = call.__await__()
        self._started = False

    def __await__(self) -> Generator[Any, Any, Any]:
        return self  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        if self._started:
            return self._steps.send(value)
        self._started = True
        try:
            return self._client.raw(self._steps.send, value)
        except TypeError:
            self._steps.close()
            raise

    def throw(self, *raised: Any) -> Any:
        return self._steps.throw(*raised)

    def close(self) -> None:
        self._steps.close()
