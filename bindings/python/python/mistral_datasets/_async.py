"""How a native call is awaited. The native module imports this when the first coroutine is made."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future, get_running_loop
from typing import Any, Protocol


class _Call(Protocol):
    """A call of the native module that has not been sent yet."""

    def start(self, event_loop: AbstractEventLoop, future: Future[Any], /) -> None: ...

    def abort(self) -> None: ...


async def run(call: _Call) -> Any:
    """Carries out a call on the loop that runs, whichever that is.

    Nothing of it is left behind when the task that awaits it is cancelled, or its loop closed.
    """
    loop = get_running_loop()
    future = loop.create_future()
    call.start(loop, future)
    try:
        return await future
    finally:
        call.abort()
