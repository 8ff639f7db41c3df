"""Implementation of the bulk operations in `_bulk`: creates the native calls and drives them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mistral_datasets import _driver, _inputs, _native, _outputs, errors
from mistral_datasets._native import GetSpan
from mistral_datasets._progress import Progress, ProgressReporter

if TYPE_CHECKING:
    from datetime import timedelta
    from uuid import UUID

    from mistral_datasets._call_options import CallOptions
    from mistral_datasets._native import Client, CreateReport, DrivenCall, ImportReport, SpanImportReport
    from mistral_datasets._reports import ExportReport

T = TypeVar("T")

ProgressCallback = Callable[[Progress], object] | bool | None


def create_records(
    client: Client,
    method: str,
    dataset_id: str | UUID,
    records: Any,
    concurrency: int,
    strategy: str,
    on_error: object,
    allow_unknown_keys: bool,
    resume: CreateReport | None,
    options: CallOptions,
) -> tuple[DrivenCall[CreateReport], _inputs.Input]:
    """Creates the call of `create_records` and its input."""
    if not isinstance(on_error, str):
        raise TypeError(f"on_error: expected 'stop' or 'continue', found {type(on_error).__name__}")
    if on_error not in ("stop", "continue"):
        raise ValueError(f"on_error: expected 'stop' or 'continue', found {on_error!r}")
    _inputs.check_iterable(
        "records",
        records,
        "for one record, use `create_record` or pass `[record]`; for a JSONL file, use `import_jsonl`",
    )
    call = _native.create_records(
        client,
        method,
        dataset_id,
        concurrency=concurrency,
        strategy=strategy,
        continue_on_error=on_error == "continue",
        allow_unknown_keys=allow_unknown_keys,
        # Only an iterator can have been consumed before.
        allow_empty=not isinstance(records, (Iterator, AsyncIterator)),
        resume=resume,
        length=_inputs.length(records),
        options=options,
    )
    # Records that are sent individually are not read further ahead than the number of concurrent requests.
    return call, _inputs.records(call, records, concurrency if strategy == "single" else None)


def import_jsonl(
    client: Client,
    method: str,
    dataset_id: str | UUID,
    source: Any,
    lenient: bool,
    allow_unknown_keys: bool,
    compression: str,
    max_file_bytes: int | None,
    wait: bool,
    wait_timeout: float | timedelta | None,
    resume: ImportReport | None,
    options: CallOptions,
) -> tuple[DrivenCall[ImportReport], _inputs.Input | None]:
    """Creates the call of `import_jsonl`, and its input unless the call reads the source itself."""
    content = _as_bytes(source)
    path = _as_path(source)
    is_read = content is None and path is None
    if is_read and not hasattr(source, "read"):
        _inputs.check_iterable("source", source, "for one record, use `create_record` or pass `[record]`")
    call = _native.import_jsonl(
        client,
        method,
        dataset_id,
        path=path,
        content=content,
        lenient=lenient,
        allow_unknown_keys=allow_unknown_keys,
        compression=compression,
        max_file_bytes=max_file_bytes,
        wait=wait,
        wait_timeout=wait_timeout,
        resume=resume,
        options=options,
    )
    if not is_read:
        return call, None
    if hasattr(source, "read"):
        return call, _inputs.FileInput(call, source)
    return call, _inputs.lines(call, source)


def import_spans(
    client: Client,
    method: str,
    dataset_id: str | UUID,
    spans: Any,
    mapping: object,
    wait_timeout: float | timedelta | None,
    resume: SpanImportReport | None,
    options: CallOptions,
) -> tuple[DrivenCall[SpanImportReport], _inputs.Input]:
    """Creates the call of `import_spans` and its input."""
    if isinstance(spans, GetSpan):
        raise TypeError("spans: expected an iterable of spans, found GetSpan; for one span, pass `[span]`")
    _inputs.check_iterable("spans", spans, "for one span, pass `[span]`", "spans")
    call = _native.import_spans(
        client,
        method,
        dataset_id,
        mapping=mapping,
        wait_timeout=wait_timeout,
        resume=resume,
        options=options,
    )
    return call, _inputs.spans(call, spans)


def export(
    client: Client, method: str, dataset_id: str | UUID, to: Any, compression: str, options: CallOptions
) -> tuple[DrivenCall[ExportReport], _outputs.Writer | None]:
    """Creates the call of `export`, and the writer of its output unless the call writes the file itself."""
    path = _as_path(to)
    writer = None if path is not None else _outputs.Writer(to)
    call = _native.export(client, method, dataset_id, path=path, compression=compression, options=options)
    return call, writer


def _as_bytes(source: object) -> bytes | None:
    if isinstance(source, memoryview):
        return source.tobytes()
    return bytes(source) if isinstance(source, (bytes, bytearray)) else None


def _as_path(value: object) -> str | None:
    if isinstance(value, os.PathLike):
        return os.fsdecode(cast("os.PathLike[str]", value))
    return value if isinstance(value, str) else None


def run(
    call: DrivenCall[T],
    source: _inputs.Input | None,
    progress: ProgressCallback,
    writer: _outputs.Writer | None = None,
) -> T:
    """Runs a call on this thread."""
    read = None if source is None else source.provide
    write = None if writer is None else writer.write
    with ProgressReporter(progress) as reporter:
        try:
            return _driver.run(call, reporter.update, read=read, write=write)
        except errors.MistralError:
            # The caller expects the exception of its own iterable. The error with the report becomes its context.
            if source is not None and source.raised is not None:
                raise source.raised  # noqa: B904
            raise


async def run_async(
    call: DrivenCall[T],
    source: _inputs.Input | None,
    progress: ProgressCallback,
    writer: _outputs.Writer | None = None,
) -> T:
    """Runs a call in an asyncio task."""
    read = None if source is None else source.provide_async
    write = None if writer is None else writer.write_async
    with ProgressReporter(progress) as reporter:
        try:
            return await _driver.run_async(call, reporter.update, read=read, write=write)
        except errors.MistralError:
            if source is not None and source.raised is not None:
                raise source.raised  # noqa: B904
            raise
