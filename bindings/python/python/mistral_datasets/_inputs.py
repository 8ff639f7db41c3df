"""Inputs of bulk operations: iterables and files, read no faster than the call sends their content."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from inspect import isawaitable
from os import PathLike
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from mistral_datasets import _json, errors
from mistral_datasets._native import RecordBatch, provide_bytes, provide_records, provide_spans

if TYPE_CHECKING:
    from mistral_datasets._native import CreateReport, DrivenCall, ImportReport, SpanImportReport

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


class Batch(Protocol):
    """Items that were read together."""

    def append(self, item: Any, /) -> object:
        """Adds an item as it is now. The iterable may modify it before the batch is sent."""


B = TypeVar("B", bound=Batch)


class IterableInput(Input):
    """An iterable or async iterable, read in batches."""

    def __init__(
        self,
        call: DrivenCall[T],
        items: Any,
        new_batch: Callable[[], B],
        send: Callable[[DrivenCall[T], B], None],
        max_items: int = _MAX_BATCH_ITEMS,
    ) -> None:
        super().__init__()
        self._new_batch: Callable[[], Batch] = new_batch
        self._send: Callable[[Any], None] = lambda batch: send(call, batch)
        self._call = call
        self._batch_size = _BatchSize(max_items)
        self._iterator: Iterator[Any] | AsyncIterator[Any] = (
            items.__aiter__() if hasattr(items, "__aiter__") else iter(items)
        )

    def provide(self) -> None:
        """Provides more input to the call."""
        batch, count = self._new_batch(), 0
        if self.raised is None:
            self._batch_size.begin()
            try:
                for item in cast("Iterator[Any]", self._iterator):
                    batch.append(item)
                    count += 1
                    if self._batch_size.is_reached(count):
                        break
            except Exception as raised:
                self.raised = raised
        self._provide(batch, count)

    async def provide_async(self) -> None:
        """Provides more input to the call, in an asyncio task."""
        if not isinstance(self._iterator, AsyncIterator):
            return self.provide()
        batch, count = self._new_batch(), 0
        if self.raised is None:
            self._batch_size.begin()
            try:
                async for item in self._iterator:
                    batch.append(item)
                    count += 1
                    if self._batch_size.is_reached(count):
                        break
            except Exception as raised:
                self.raised = raised
        return self._provide(batch, count)

    def _provide(self, batch: Batch, count: int) -> None:
        self._batch_size.end(count)
        try:
            if count > 0:
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


class _Lines:
    """Lines and chunks of JSONL."""

    def __init__(self, numbers: Iterator[int]) -> None:
        self.chunks: list[bytes] = []
        self._numbers = numbers

    def append(self, item: object, /) -> None:
        """Adds a line, as a string or an object, or a chunk of bytes."""
        if isinstance(item, (bytes, bytearray, memoryview)):
            self.chunks.append(bytes(cast("bytes", item)))
            return
        number = next(self._numbers)
        if isinstance(item, str):
            line = item.encode()
        else:
            try:
                line = _json.write_bytes(item)
            except _json.InvalidValueError as error:
                raise _invalid_line(f"line {number}: {error}") from error
        self.chunks.append(line if line.endswith(b"\n") else line + b"\n")


def _invalid_line(message: str) -> errors.ValidationError:
    operation, code = "import_jsonl", "VALIDATION_ERROR"
    text = f"{operation}: {message} ({code})"
    return errors.ValidationError(message, operation=operation, error_code=code, text=text)


def _provide_lines(call: DrivenCall[ImportReport], batch: _Lines) -> None:
    provide_bytes(call, b"".join(batch.chunks))


def records(call: DrivenCall[CreateReport], items: Any, max_items: int | None) -> Input:
    """Creates the input of `create_records` from an iterable, with an optional limit for the batch size."""
    limit = _MAX_BATCH_ITEMS if max_items is None else max(max_items, 1)
    return IterableInput(call, items, RecordBatch, provide_records, limit)


def lines(call: DrivenCall[ImportReport], items: Any) -> Input:
    """Creates the input of `import_jsonl` from an iterable of lines, as strings or objects, or of chunks of bytes."""
    numbers = itertools.count(1)
    return IterableInput(call, items, lambda: _Lines(numbers), _provide_lines)


class _Spans:
    """References to spans."""

    def __init__(self, numbers: Iterator[int]) -> None:
        self.references: list[tuple[str, str]] = []
        self._numbers = numbers

    def append(self, item: object, /) -> None:
        """Adds a span, a reference to one, or a dict with the ids of one."""
        number = next(self._numbers)
        span: Any = item
        source = cast("Mapping[str, object]", item) if isinstance(item, Mapping) else None
        ids: list[object] = []
        for name in ("trace_id", "span_id"):
            try:
                ids.append(getattr(span, name) if source is None else source[name])
            except (KeyError, AttributeError):
                ids.append(None)
        trace_id, span_id = ids
        if not isinstance(trace_id, str) or not isinstance(span_id, str):
            raise TypeError(
                f"spans[{number}]: expected a GetSpan, a TelemetrySpanReference, or a dict with `trace_id` and "
                f"`span_id`, found {type(span).__name__}"
            )
        self.references.append((trace_id, span_id))


def _provide_spans(call: DrivenCall[SpanImportReport], batch: _Spans) -> None:
    provide_spans(call, batch.references)


def spans(call: DrivenCall[SpanImportReport], items: Any) -> Input:
    """Creates the input of `import_spans` from an iterable of spans or references to spans."""
    numbers = itertools.count()
    return IterableInput(call, items, lambda: _Spans(numbers), _provide_spans)


def length(items: Any) -> int | None:
    """Returns the number of items of an iterable, or `None` if it does not know."""
    try:
        return len(items)
    except Exception:
        # Wrappers such as `tqdm` have a length only if what they wrap has one.
        return None


def check_iterable(argument: str, items: Any, remedy: str, expected: str = "records") -> None:
    """Refuses a value that is not an iterable of records or spans, or that yields something else, such as keys.

    Args:
        argument: Name of the argument.
        items: The value.
        remedy: What to do with a single record or a path.
        expected: What the items are.

    Raises:
        TypeError: The value is not such an iterable.
    """
    kind = cast("type[object]", type(items))
    if hasattr(kind, "__dataframe__"):
        methods = {"to_dict": 'to_dict("records")', "to_dicts": "to_dicts()", "to_pylist": "to_pylist()"}
        conversion = next((call for name, call in reversed(methods.items()) if hasattr(kind, name)), "…")
        remedy = f"pass `{argument}.{conversion}`"
    elif (
        not isinstance(items, (Mapping, str, bytes, bytearray, memoryview, PathLike))
        and (not hasattr(kind, "model_dump") or hasattr(kind, "__len__"))
        and (hasattr(kind, "__iter__") or hasattr(kind, "__aiter__") or hasattr(kind, "__getitem__"))
    ):
        return
    raise TypeError(f"{argument}: expected an iterable of {expected}, found {kind.__name__}; {remedy}")
