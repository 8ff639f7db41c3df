"""Where bulk calls take from what a program gives them: at most as fast as it is sent, where the program called."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from inspect import isawaitable
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mistral_datasets import _json
from mistral_datasets._native import give_bytes, give_records

if TYPE_CHECKING:
    from mistral_datasets._native import CreateReport, Exchange, ImportReport

T = TypeVar("T")

_PATIENCE = 0.005
"""How many seconds a batch may take to gather. What was taken from the source is held up by no more than that."""

_MOST = 512
"""How many items a batch holds at most."""

_CHUNK = 1 << 18
"""How much is read from a file at a time."""


class Source:
    """What a call is fed with.

    An exception of the program's own ends the call, which tells first how far it was; then it is raised as it is.
    """

    def __init__(self) -> None:
        self.raised: Exception | None = None

    def give(self) -> None:
        """Answers the call, which asked for more."""
        raise NotImplementedError

    async def give_async(self) -> None:
        """Like `give`, in a task of asyncio."""
        raise NotImplementedError


class Items(Source):
    """What an iterable holds, in batches."""

    def __init__(
        self, exchange: Exchange[T], items: Any, give: Callable[[Exchange[T], list[Any]], None], most: int = _MOST
    ) -> None:
        super().__init__()
        self._answer: Callable[[list[Any]], None] = lambda batch: give(exchange, batch)
        self._exchange = exchange
        self._batches = _Batches(most)
        self._iterator: Iterator[Any] | AsyncIterator[Any] = (
            items.__aiter__() if hasattr(items, "__aiter__") else iter(items)
        )

    def give(self) -> None:
        """Answers the call, which asked for more."""
        batch: list[Any] = []
        if self.raised is None:
            self._batches.begin()
            try:
                for item in cast("Iterator[Any]", self._iterator):
                    batch.append(item)
                    if self._batches.is_enough(len(batch)):
                        break
            except Exception as raised:
                self.raised = raised
        self._hand_over(batch)

    async def give_async(self) -> None:
        """Like `give`, in a task of asyncio."""
        if not isinstance(self._iterator, AsyncIterator):
            return self.give()
        batch: list[Any] = []
        if self.raised is None:
            self._batches.begin()
            try:
                async for item in self._iterator:
                    batch.append(item)
                    if self._batches.is_enough(len(batch)):
                        break
            except Exception as raised:
                self.raised = raised
        return self._hand_over(batch)

    def _hand_over(self, batch: list[Any]) -> None:
        self._batches.end(len(batch))
        try:
            if batch:
                # An exception that came after them is for the next turn.
                return self._answer(batch)
        except Exception as raised:
            self.raised = raised
        return self._exchange.end() if self.raised is None else self._exchange.fail()


class _Batches:
    """How many items a batch has: more when the call comes back at once, one when it is the call that is slow."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 1
        self._began = self._ended = 0.0

    def begin(self) -> None:
        self._began = monotonic()
        if self._ended and self._began - self._ended < _PATIENCE:
            self._size = min(self._size * 2, self._most)
        else:
            self._size = max(self._size // 2, 1)

    def is_enough(self, number: int) -> bool:
        return number >= self._size or monotonic() - self._began > _PATIENCE

    def end(self, number: int) -> None:
        self._ended = monotonic()
        if self._ended - self._began > _PATIENCE:
            self._size = max(number // 2, 1)


class File(Source):
    """A file opened for reading, in binary or as text."""

    def __init__(self, exchange: Exchange[ImportReport], file: Any) -> None:
        super().__init__()
        self._exchange = exchange
        self._file = file

    def give(self) -> None:
        """Answers the call, which asked for more."""
        try:
            self._hand_over(self._file.read(_CHUNK))
        except Exception as raised:
            self.raised = raised
            self._exchange.fail()

    async def give_async(self) -> None:
        """Like `give`, in a task of asyncio. The file's `read` may be a coroutine function."""
        try:
            content = self._file.read(_CHUNK)
            if isawaitable(content):
                content = await content
            self._hand_over(content)
        except Exception as raised:
            self.raised = raised
            self._exchange.fail()

    def _hand_over(self, content: bytes | str) -> None:
        if not content:
            return self._exchange.end()
        return give_bytes(self._exchange, content.encode() if isinstance(content, str) else content)


def records(exchange: Exchange[CreateReport], items: Any, most: int | None) -> Source:
    """The records of an iterable, which may be an async one, so many at a time at most."""
    return Items(exchange, items, give_records, _MOST if most is None else max(most, 1))


def lines(exchange: Exchange[ImportReport], items: Any) -> Source:
    """The lines of an iterable, which may be an async one: text and objects are lines, bytes are pieces of any size."""
    return Items(exchange, items, lambda exchange, batch: give_bytes(exchange, b"".join(map(_line, batch))))


def _line(item: object) -> bytes:
    if isinstance(item, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", item))
    text = item if isinstance(item, str) else _json.write(item)
    return text.encode() if text.endswith("\n") else text.encode() + b"\n"
