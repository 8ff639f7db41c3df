"""Inputs of bulk operations: iterables and files, read no faster than the call sends their content."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from inspect import isawaitable
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mistral_datasets import _json
from mistral_datasets._native import provide_bytes, provide_records

if TYPE_CHECKING:
    from mistral_datasets._native import CreateReport, DrivenCall, ImportReport

T = TypeVar("T")

_MAX_BATCH_SECONDS = 0.005
"""Maximum time to collect a batch, which limits the delay of an item."""

_MAX_BATCH_ITEMS = 512
"""Maximum number of items in a batch."""

_CHUNK_BYTES = 1 << 18
"""Number of bytes to read from a file at once."""


class Input:
    """Input of a bulk operation.

    If the input raises, the call fails with an error that has a report. Then the input's exception is raised instead.
    """

    def __init__(self) -> None:
        self.raised: Exception | None = None

    def provide(self) -> None:
        """Provides more input to the call."""
        raise NotImplementedError

    async def provide_async(self) -> None:
        """Provides more input to the call, in an asyncio task."""
        raise NotImplementedError


class IterableInput(Input):
    """An iterable or async iterable, read in batches."""

    def __init__(
        self,
        call: DrivenCall[T],
        items: Any,
        send: Callable[[DrivenCall[T], list[Any]], None],
        max_items: int = _MAX_BATCH_ITEMS,
    ) -> None:
        super().__init__()
        self._send: Callable[[list[Any]], None] = lambda batch: send(call, batch)
        self._call = call
        self._batch_size = _BatchSize(max_items)
        self._iterator: Iterator[Any] | AsyncIterator[Any] = (
            items.__aiter__() if hasattr(items, "__aiter__") else iter(items)
        )

    def provide(self) -> None:
        """Provides more input to the call."""
        batch: list[Any] = []
        if self.raised is None:
            self._batch_size.begin()
            try:
                for item in cast("Iterator[Any]", self._iterator):
                    batch.append(item)
                    if self._batch_size.is_reached(len(batch)):
                        break
            except Exception as raised:
                self.raised = raised
        self._provide(batch)

    async def provide_async(self) -> None:
        """Provides more input to the call, in an asyncio task."""
        if not isinstance(self._iterator, AsyncIterator):
            return self.provide()
        batch: list[Any] = []
        if self.raised is None:
            self._batch_size.begin()
            try:
                async for item in self._iterator:
                    batch.append(item)
                    if self._batch_size.is_reached(len(batch)):
                        break
            except Exception as raised:
                self.raised = raised
        return self._provide(batch)

    def _provide(self, batch: list[Any]) -> None:
        self._batch_size.end(len(batch))
        try:
            if batch:
                # If the iterable raised after these items, the next read reports it.
                return self._send(batch)
        except Exception as raised:
            self.raised = raised
        return self._call.end_input() if self.raised is None else self._call.fail_input()


class _BatchSize:
    """Adapts the batch size: it grows while the call is faster than the input, and shrinks while it is slower."""

    def __init__(self, max_items: int) -> None:
        self._max_items = max_items
        self._size = 1
        self._began = self._ended = 0.0

    def begin(self) -> None:
        self._began = monotonic()
        if self._ended and self._began - self._ended < _MAX_BATCH_SECONDS:
            self._size = min(self._size * 2, self._max_items)
        else:
            self._size = max(self._size // 2, 1)

    def is_reached(self, items: int) -> bool:
        return items >= self._size or monotonic() - self._began > _MAX_BATCH_SECONDS

    def end(self, items: int) -> None:
        self._ended = monotonic()
        if self._ended - self._began > _MAX_BATCH_SECONDS:
            self._size = max(items // 2, 1)


class FileInput(Input):
    """A file opened for reading in binary or text mode."""

    def __init__(self, call: DrivenCall[ImportReport], file: Any) -> None:
        super().__init__()
        self._call = call
        self._file = file

    def provide(self) -> None:
        """Provides more input to the call."""
        try:
            self._provide(self._file.read(_CHUNK_BYTES))
        except Exception as raised:
            self.raised = raised
            self._call.fail_input()

    async def provide_async(self) -> None:
        """Provides more input to the call, in an asyncio task. The file's `read` may be a coroutine function."""
        try:
            content = self._file.read(_CHUNK_BYTES)
            if isawaitable(content):
                content = await content
            self._provide(content)
        except Exception as raised:
            self.raised = raised
            self._call.fail_input()

    def _provide(self, content: bytes | str) -> None:
        if not content:
            return self._call.end_input()
        return provide_bytes(self._call, content.encode() if isinstance(content, str) else content)


def records(call: DrivenCall[CreateReport], items: Any, max_items: int | None) -> Input:
    """Creates the input of `create_records` from an iterable, with an optional limit for the batch size."""
    return IterableInput(call, items, provide_records, _MAX_BATCH_ITEMS if max_items is None else max(max_items, 1))


def lines(call: DrivenCall[ImportReport], items: Any) -> Input:
    """Creates the input of `import_jsonl` from an iterable of lines, as strings or objects, or of chunks of bytes."""
    return IterableInput(call, items, lambda call, batch: provide_bytes(call, b"".join(map(_line, batch))))


def _line(item: object) -> bytes:
    if isinstance(item, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", item))
    text = item if isinstance(item, str) else _json.write(item)
    return text.encode() if text.endswith("\n") else text.encode() + b"\n"
