"""How bulk calls are made: what they take from, or write to, and the turns that whoever waits for them takes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mistral_datasets import _exchange, _native, _sources, errors
from mistral_datasets._progress import ProgressReporter, Progress

if TYPE_CHECKING:
    from uuid import UUID

    from mistral_datasets._native import Client, CreateReport, Exchange, ImportReport
    from mistral_datasets._reports import ExportReport

T = TypeVar("T")

ProgressCallback = Callable[[Progress], object] | bool | None


def creating(
    client: Client,
    dataset_id: str | UUID,
    records: Any,
    concurrency: int,
    strategy: str,
    on_error: str,
    resume: CreateReport | None,
) -> tuple[Exchange[CreateReport], _sources.Source]:
    """A call that creates records, and what it is fed with."""
    if on_error not in ("stop", "continue"):
        raise ValueError(f"on_error: expected 'stop' or 'continue', found {on_error!r}")
    exchange = _native.create_records(
        client,
        dataset_id,
        concurrency=concurrency,
        strategy=strategy,
        continue_on_error=on_error == "continue",
        resume=resume,
        length=len(records) if hasattr(records, "__len__") else None,
    )
    # What is sent one by one is taken no further ahead than there are requests under way.
    return exchange, _sources.records(exchange, records, concurrency if strategy == "single" else None)


def importing(
    client: Client,
    dataset_id: str | UUID,
    source: Any,
    lenient: bool,
    compression: str,
    max_file_bytes: int | None,
    wait: bool,
    timeout: float | None,
    resume: ImportReport | None,
) -> tuple[Exchange[ImportReport], _sources.Source | None]:
    """A call that imports JSONL, and what it is fed with, unless it reads by itself."""
    content = _content(source)
    path = _path(source)
    exchange = _native.import_jsonl(
        client,
        dataset_id,
        path=path,
        content=content,
        lenient=lenient,
        compression=compression,
        max_file_bytes=max_file_bytes,
        wait=wait,
        timeout=timeout,
        resume=resume,
    )
    if content is not None or path is not None:
        return exchange, None
    if hasattr(source, "read"):
        return exchange, _sources.File(exchange, source)
    return exchange, _sources.lines(exchange, source)


def exporting(
    client: Client, dataset_id: str | UUID, to: Any, compression: str
) -> tuple[Exchange[ExportReport], Callable[[bytes], object] | None]:
    """A call that exports, and what takes the bytes, unless it writes by itself."""
    path = _path(to)
    take: Any = None if path is not None else getattr(to, "write", to)
    if take is not None and not callable(take):
        raise TypeError(f"to: expected a path, a file opened for writing, or a function, found {type(to).__name__}")
    exchange = _native.export(client, dataset_id, path=path, compression=compression)
    return exchange, take


def _content(given: object) -> bytes | None:
    if isinstance(given, memoryview):
        return given.tobytes()
    return bytes(given) if isinstance(given, (bytes, bytearray)) else None


def _path(given: object) -> str | None:
    if isinstance(given, os.PathLike):
        return os.fsdecode(cast("os.PathLike[str]", given))
    return given if isinstance(given, str) else None


def carry_out(
    exchange: Exchange[T],
    feed: _sources.Source | None,
    progress: ProgressCallback,
    take: Callable[[bytes], object] | None = None,
) -> T:
    """Carries a call out on this thread."""
    give = None if feed is None else feed.give
    with ProgressReporter(progress) as hearing:
        try:
            return _exchange.run(exchange, hearing.hear, give=give, take=take)
        except errors.MistralError:
            # The program's own exception is what it waits for; how far the call was is its context.
            if feed is not None and feed.raised is not None:
                raise feed.raised  # noqa: B904
            raise


async def carry_out_async(
    exchange: Exchange[T],
    feed: _sources.Source | None,
    progress: ProgressCallback,
    take: Callable[[bytes], object] | None = None,
) -> T:
    """Carries a call out in a task of asyncio."""
    give = None if feed is None else feed.give_async
    with ProgressReporter(progress) as hearing:
        try:
            return await _exchange.run_async(exchange, hearing.hear, give=give, take=take)
        except errors.MistralError:
            if feed is not None and feed.raised is not None:
                raise feed.raised  # noqa: B904
            raise
