"""Requests the HTTP response of an async call, for `Mistral.raw_async`."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

if TYPE_CHECKING:
    from mistral_datasets._native import Client
    from mistral_datasets._raw import RawResponse

T = TypeVar("T")


async def request_response(client: Client, call: Awaitable[T]) -> RawResponse[T]:
    """Awaits the call of an async method, and requests its response.

    Raises:
        TypeError: The call has no single response.
    """
    if not isawaitable(call):
        raise TypeError("expected a method that sends a single request, such as `mistral.datasets.list_async`")
    response: RawResponse[T] = await _Requested(client, call)
    return response


class _Requested(Generic[T]):
    """An awaitable that requests the response during the first step of a call, which creates the request."""

    def __init__(self, client: Client, call: Awaitable[T]) -> None:
        self._client = client
        self._steps = call.__await__()
        self._started = False

    def __await__(self) -> Generator[Any, Any, Any]:
        return cast("Generator[Any, Any, Any]", self)

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
