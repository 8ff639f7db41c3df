"""Runs native calls on asyncio event loops. Imported by the native module when it creates the first coroutine."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future, get_running_loop
from typing import Any, Protocol


class _Call(Protocol):
    """A native call that has not been started."""

    def start(self, event_loop: AbstractEventLoop, future: Future[Any], /) -> None: ...

    def abort(self) -> None: ...


async def run(call: _Call) -> Any:
    """Runs a call on the current event loop.

    The call is aborted if the awaiting task is cancelled or the event loop is closed.

    Raises:
        RuntimeError: No asyncio event loop is running, for example under trio.
    """
    try:
        loop = get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "async methods require a running asyncio event loop; with trio or another event loop, call the blocking "
            "method in a thread, such as `await trio.to_thread.run_sync(mistral.datasets.list)`"
        ) from None
    future = loop.create_future()
    call.start(loop, future)
    try:
        return await future
    finally:
        call.abort()
