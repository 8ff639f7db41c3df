"""Drives native calls that need Python while they run; see `driven_call.rs`.

The calling thread, or the asyncio task that awaits the call, handles the call's events.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from mistral_datasets._native import DrivenCall

T = TypeVar("T")

Handler = Callable[[Any], object]
"""A function that receives the value of an event."""


def run(
    call: DrivenCall[T],
    on_progress: Handler | None = None,
    *,
    read: Callable[[], object] | None = None,
    write: Handler | None = None,
) -> T:
    """Runs a call and handles its events on this thread.

    Args:
        call: The call.
        on_progress: Receives progress updates.
        read: Provides more input to the call.
        write: Writes a chunk of the call's output.

    Returns:
        The result of the call.
    """
    try:
        while True:
            event, value = call.next_event()
            if event == "done":
                result: T = value
                return result
            if event == "progress":
                if on_progress is not None:
                    on_progress(value)
            elif event == "read" and read is not None:
                read()
            elif event == "write" and write is not None:
                write(value)
                call.confirm_write()
    finally:
        call.abort()


async def run_async(
    call: DrivenCall[T],
    on_progress: Handler | None = None,
    *,
    read: Callable[[], Awaitable[object]] | None = None,
    write: Handler | None = None,
) -> T:
    """Runs a call and handles its events in an asyncio task. Handlers may return awaitables.

    Args:
        call: The call.
        on_progress: Receives progress updates.
        read: Provides more input to the call.
        write: Writes a chunk of the call's output.

    Returns:
        The result of the call.
    """
    try:
        while True:
            event, value = await call.next_event_async()
            if event == "done":
                result: T = value
                return result
            if event == "progress":
                if on_progress is not None:
                    await _await_if_needed(on_progress(value))
            elif event == "read" and read is not None:
                await read()
            elif event == "write" and write is not None:
                await _await_if_needed(write(value))
                call.confirm_write()
    finally:
        call.abort()


async def _await_if_needed(result: object) -> None:
    if inspect.isawaitable(result):
        await result
