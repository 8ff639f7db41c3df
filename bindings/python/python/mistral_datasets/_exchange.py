"""Calls that need Python while they are under way; see `exchange.rs`. Whoever waits for such a call takes its turns."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from mistral_datasets._native import Exchange

T = TypeVar("T")

Handler = Callable[[Any], object]
"""What is done in a turn, with what belongs to it."""


def run(
    exchange: Exchange[T],
    hear: Handler | None = None,
    *,
    give: Callable[[], object] | None = None,
    take: Handler | None = None,
) -> T:
    """Carries a call out, taking its turns on this thread.

    Args:
        exchange: The call.
        hear: What hears how far the call is.
        give: What hands over more of what is sent.
        take: What takes a piece of what comes.
    """
    try:
        while True:
            turn, value = exchange.turn()
            if turn == "end":
                result: T = value
                return result
            if turn == "hear":
                if hear is not None:
                    hear(value)
            elif turn == "give" and give is not None:
                give()
            elif turn == "take" and take is not None:
                take(value)
                exchange.taken()
    finally:
        exchange.abort()


async def run_async(
    exchange: Exchange[T],
    hear: Handler | None = None,
    *,
    give: Callable[[], Awaitable[object]] | None = None,
    take: Handler | None = None,
) -> T:
    """Like `run`, in a task of asyncio. What is called may be a coroutine function."""
    try:
        while True:
            turn, value = await exchange.turn_async()
            if turn == "end":
                result: T = value
                return result
            if turn == "hear":
                if hear is not None:
                    await _done(hear(value))
            elif turn == "give" and give is not None:
                await give()
            elif turn == "take" and take is not None:
                await _done(take(value))
                exchange.taken()
    finally:
        exchange.abort()


async def _done(result: object) -> None:
    if inspect.isawaitable(result):
        await result
