"""The methods of `mistral.datasets` that are not generated."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable
from datetime import timedelta
from os import PathLike
from typing import IO, Literal, overload
from uuid import UUID

from mistral_datasets import _native
from mistral_datasets._call_options import CallOptions
from mistral_datasets._compat import Unpack
from mistral_datasets._import_spans import SpanImports
from mistral_datasets._native import CreateReport, ExportedRecord, ImportReport
from mistral_datasets._pager import ExportedRecords
from mistral_datasets._reports import ExportReport
from mistral_datasets._task_handle import TaskHandle
from mistral_datasets._typed import P, TypedExportedRecord
from mistral_datasets.types import AsyncReadable, AsyncWritable, Line, NewRecord, ProgressCallback, Readable


class Bulk(SpanImports):
    """Methods of `mistral.datasets` that combine several requests."""

    def task(self, dataset_id: str | UUID, task_id: str | UUID) -> TaskHandle:
        """Returns a handle to an import task by its IDs. Sends no request.

        Args:
            dataset_id: ID of the dataset that the task imports into.
            task_id: ID of the task.

        Returns:
            A handle that can be refreshed and waited for.

        Example:
            >>> task = mistral.datasets.task(dataset_id, task_id).wait(timeout=600)
        """
        return TaskHandle(self._client, dataset_id, task_id)

    def create_records(
        self,
        dataset_id: str | UUID,
        records: Iterable[NewRecord],
        *,
        concurrency: int = 8,
        strategy: Literal["auto", "single", "file"] = "auto",
        on_error: Literal["stop", "continue"] = "stop",
        allow_unknown_keys: bool = False,
        resume: CreateReport | None = None,
        progress: ProgressCallback = None,
        **options: Unpack[CallOptions],
    ) -> CreateReport:
        """Creates many records without sending any of them twice.

        The iterable is consumed lazily, at the rate records are sent. If it raises, requests in flight are completed,
        then the exception propagates; the partial report is available as `error.__context__.report`.

        Args:
            dataset_id: ID of the dataset (a UUID), or its slug if the server assigns one.
            records: Records to create. Each is a dict with a `payload` and optional `properties`, a payload such as
                `{"messages": [...]}` that may have `properties` of the record beside its messages, a tuple of payload
                and properties, an existing record, or an object such as a dataclass or pydantic model with these
                fields. A generator may reuse and modify an object that it yielded.
            concurrency: Maximum number of concurrent requests. With 1, records are created in input order. Limits: 1 to
                64.
            strategy: `single` sends each record individually and reports its ID. `file` uploads the records as a file
                and imports it: much faster for many records, but all or nothing. `auto` uses `file` for more than 1,000
                records or 32 MiB. To decide, it reads up to that many records, for at most 5 seconds, before it sends
                any.
            on_error: `stop` ends the call at the first record that fails; `continue` creates the other records.
            allow_unknown_keys: Ignore keys beside `payload` that a record does not have, and count them in the report.
                Otherwise, a record with such a key fails.
            resume: Report of an earlier call with the same records and dataset. Records that were created, or may have
                been, are skipped. `report.to_json()` or pickling stores a report.
            progress: Callback that receives `Progress` updates. `True` shows a tqdm progress bar.
            options: Options of the requests: `timeout`, `deadline`, `max_retries`, `retry`, `headers` and `server_url`;
                see `types.CallOptions`.

        Returns:
            The outcome of each record, in input order, and the strategy that was used.

        Raises:
            errors.ValidationError: An iterator, such as a generator, yielded no records: it was probably consumed
                before. An empty list is accepted.
            errors.MistralError: A record failed and `on_error` is `stop`, or a failure affects every record; see
                `errors` for the subclasses. The error's `report` is the partial report.

        Example:
            >>> report = mistral.datasets.create_records(
            ...     dataset_id, ({"messages": [{"role": "user", "content": text}]} for text in texts)
            ... )
            >>> print(report.created, report.strategy, [item.id for item in report.items])
        """
        from mistral_datasets import _transfer

        call = _transfer.create_records(
            self._client,
            "datasets.create_records",
            dataset_id,
            records,
            concurrency,
            strategy,
            on_error,
            allow_unknown_keys,
            resume,
            options,
        )
        return _transfer.run(*call, progress)

    async def create_records_async(
        self,
        dataset_id: str | UUID,
        records: Iterable[NewRecord] | AsyncIterable[NewRecord],
        *,
        concurrency: int = 8,
        strategy: Literal["auto", "single", "file"] = "auto",
        on_error: Literal["stop", "continue"] = "stop",
        allow_unknown_keys: bool = False,
        resume: CreateReport | None = None,
        progress: ProgressCallback = None,
        **options: Unpack[CallOptions],
    ) -> CreateReport:
        """Creates many records without sending any of them twice.

        The iterable is consumed lazily, at the rate records are sent. If it raises, requests in flight are completed,
        then the exception propagates; the partial report is available as `error.__context__.report`.

        Args:
            dataset_id: ID of the dataset (a UUID), or its slug if the server assigns one.
            records: Records to create, as an iterable or async iterable. Each is a dict with a `payload` and optional
                `properties`, a payload such as `{"messages": [...]}` that may have `properties` of the record beside
                its messages, a tuple of payload and properties, an existing record, or an object such as a dataclass or
                pydantic model with these fields. A generator may reuse and modify an object that it yielded.
            concurrency: Maximum number of concurrent requests. With 1, records are created in input order. Limits: 1 to
                64.
            strategy: `single` sends each record individually and reports its ID. `file` uploads the records as a file
                and imports it: much faster for many records, but all or nothing. `auto` uses `file` for more than 1,000
                records or 32 MiB. To decide, it reads up to that many records, for at most 5 seconds, before it sends
                any.
            on_error: `stop` ends the call at the first record that fails; `continue` creates the other records.
            allow_unknown_keys: Ignore keys beside `payload` that a record does not have, and count them in the report.
                Otherwise, a record with such a key fails.
            resume: Report of an earlier call with the same records and dataset. Records that were created, or may have
                been, are skipped. `report.to_json()` or pickling stores a report.
            progress: Callback that receives `Progress` updates. `True` shows a tqdm progress bar.
            options: Options of the requests: `timeout`, `deadline`, `max_retries`, `retry`, `headers` and `server_url`;
                see `types.CallOptions`.

        Returns:
            The outcome of each record, in input order, and the strategy that was used.

        Raises:
            errors.ValidationError: An iterator, such as a generator, yielded no records: it was probably consumed
                before. An empty list is accepted.
            errors.MistralError: A record failed and `on_error` is `stop`, or a failure affects every record; see
                `errors` for the subclasses. The error's `report` is the partial report.

        Example:
            >>> report = await mistral.datasets.create_records_async(dataset_id, records)
            >>> print(report.created, report.strategy, [item.id for item in report.items])
        """
        from mistral_datasets import _transfer

        call = _transfer.create_records(
            self._client,
            "datasets.create_records_async",
            dataset_id,
            records,
            concurrency,
            strategy,
            on_error,
            allow_unknown_keys,
            resume,
            options,
        )
        return await _transfer.run_async(*call, progress)

    def import_jsonl(
        self,
        dataset_id: str | UUID,
        source: str | PathLike[str] | bytes | bytearray | memoryview | Readable | Iterable[Line],
        *,
        lenient: bool = False,
        allow_unknown_keys: bool = False,
        compression: Literal["auto", "none", "gzip", "zstd"] = "auto",
        max_file_bytes: int | None = None,
        wait: bool = True,
        wait_timeout: float | timedelta | None = None,
        resume: ImportReport | None = None,
        progress: ProgressCallback = None,
        **options: Unpack[CallOptions],
    ) -> ImportReport:
        """Imports JSONL of any size: validates every line, uploads the data, imports it and waits.

        Memory usage is constant. A line is an object with a `payload` and optional `properties`, a payload, or an array
        of messages. If a line is invalid, nothing is sent, unless `lenient` is set. Data that exceeds the API's file
        size limit is uploaded as several files.

        Args:
            dataset_id: ID of the dataset (a UUID), or its slug if the server assigns one.
            source: Path of a file, bytes, a file opened for reading, or an iterable. Items of an iterable are lines, as
                strings or objects, or chunks of bytes of any size.
            lenient: Skip invalid lines and list them in the report instead of raising. Unknown keys are then ignored,
                too. A source that is empty or not JSON Lines at all raises in any case.
            allow_unknown_keys: Ignore keys beside `payload` that a record does not have, and count them in the report.
                Otherwise, a line with such a key is invalid. Keys beside `messages` belong to the payload.
            compression: Compression of the source: `none`, `gzip`, `zstd` or `auto`, which detects it.
            max_file_bytes: Maximum size of an uploaded file, in bytes; larger data is split. Default: the API's limit,
                512 MiB.
            wait: Wait until the imports have finished.
            wait_timeout: Maximum time to wait for each file's import, in seconds or as a `timedelta`. Default: 1800.
            resume: Report of an earlier call with the same source and dataset. The import continues where that call
                stopped. `report.to_json()` or pickling stores a report.
            progress: Callback that receives `Progress` updates. `True` shows a tqdm progress bar.
            options: Options of the requests: `timeout`, `deadline`, `max_retries`, `retry`, `headers` and `server_url`;
                see `types.CallOptions`.

        Returns:
            The numbers of lines and records, the invalid lines, and the files with their tasks.

        Raises:
            errors.ValidationError: The source is empty, or a line is invalid. The error's `report.invalid_lines` has
                its line and column.
            errors.TaskFailedError: An import failed on the server.
            errors.MistralError: Any other failure; see `errors` for the subclasses. The error's `report` is the partial
                report.

        Example:
            >>> report = mistral.datasets.import_jsonl(dataset_id, "conversations.jsonl.gz", progress=True)
            >>> print(report.records, "records of", report.lines, "lines")
        """
        from mistral_datasets import _transfer

        call = _transfer.import_jsonl(
            self._client,
            "datasets.import_jsonl",
            dataset_id,
            source,
            lenient,
            allow_unknown_keys,
            compression,
            max_file_bytes,
            wait,
            wait_timeout,
            resume,
            options,
        )
        return _transfer.run(*call, progress)

    async def import_jsonl_async(
        self,
        dataset_id: str | UUID,
        source: str
        | PathLike[str]
        | bytes
        | bytearray
        | memoryview
        | Readable
        | AsyncReadable
        | Iterable[Line]
        | AsyncIterable[Line],
        *,
        lenient: bool = False,
        allow_unknown_keys: bool = False,
        compression: Literal["auto", "none", "gzip", "zstd"] = "auto",
        max_file_bytes: int | None = None,
        wait: bool = True,
        wait_timeout: float | timedelta | None = None,
        resume: ImportReport | None = None,
        progress: ProgressCallback = None,
        **options: Unpack[CallOptions],
    ) -> ImportReport:
        """Imports JSONL of any size: validates every line, uploads the data, imports it and waits.

        Memory usage is constant. A line is an object with a `payload` and optional `properties`, a payload, or an array
        of messages. If a line is invalid, nothing is sent, unless `lenient` is set. Data that exceeds the API's file
        size limit is uploaded as several files.

        Args:
            dataset_id: ID of the dataset (a UUID), or its slug if the server assigns one.
            source: Path of a file, bytes, a file opened for reading, whose `read` may be async, or an iterable or async
                iterable. Items of an iterable are lines, as strings or objects, or chunks of bytes of any size.
            lenient: Skip invalid lines and list them in the report instead of raising. Unknown keys are then ignored,
                too. A source that is empty or not JSON Lines at all raises in any case.
            allow_unknown_keys: Ignore keys beside `payload` that a record does not have, and count them in the report.
                Otherwise, a line with such a key is invalid. Keys beside `messages` belong to the payload.
            compression: Compression of the source: `none`, `gzip`, `zstd` or `auto`, which detects it.
            max_file_bytes: Maximum size of an uploaded file, in bytes; larger data is split. Default: the API's limit,
                512 MiB.
            wait: Wait until the imports have finished.
            wait_timeout: Maximum time to wait for each file's import, in seconds or as a `timedelta`. Default: 1800.
            resume: Report of an earlier call with the same source and dataset. The import continues where that call
                stopped. `report.to_json()` or pickling stores a report.
            progress: Callback that receives `Progress` updates. `True` shows a tqdm progress bar.
            options: Options of the requests: `timeout`, `deadline`, `max_retries`, `retry`, `headers` and `server_url`;
                see `types.CallOptions`.

        Returns:
            The numbers of lines and records, the invalid lines, and the files with their tasks.

        Raises:
            errors.ValidationError: The source is empty, or a line is invalid. The error's `report.invalid_lines` has
                its line and column.
            errors.TaskFailedError: An import failed on the server.
            errors.MistralError: Any other failure; see `errors` for the subclasses. The error's `report` is the partial
                report.

        Example:
            >>> report = await mistral.datasets.import_jsonl_async(dataset_id, "conversations.jsonl.gz")
            >>> print(report.records, "records of", report.lines, "lines")
        """
        from mistral_datasets import _transfer

        call = _transfer.import_jsonl(
            self._client,
            "datasets.import_jsonl_async",
            dataset_id,
            source,
            lenient,
            allow_unknown_keys,
            compression,
            max_file_bytes,
            wait,
            wait_timeout,
            resume,
            options,
        )
        return await _transfer.run_async(*call, progress)

    def export(
        self,
        dataset_id: str | UUID,
        to: str | PathLike[str] | IO[bytes] | Callable[[bytes], object],
        *,
        compression: Literal["auto", "none", "gzip", "zstd"] = "auto",
        progress: ProgressCallback = None,
        **options: Unpack[CallOptions],
    ) -> ExportReport:
        """Exports a whole dataset as JSONL, one record per line.

        If the connection is lost, the download resumes where it stopped. At the end, the number of records is checked.
        If `to` is a path, the data is written to a temporary file, which replaces the file on success.

        Args:
            dataset_id: ID of the dataset (a UUID), or its slug if the server assigns one.
            to: Path of a file, a file opened for writing in binary mode, or a function that receives chunks of bytes.
                Partial writes of raw files and sockets are continued.
            compression: `none`, `gzip`, `zstd`, or `auto`, which uses the path's extension (`.gz`, `.zst`).
            progress: Callback that receives `Progress` updates. `True` shows a tqdm progress bar.
            options: Options of the requests: `timeout`, `deadline`, `max_retries`, `retry`, `headers` and `server_url`;
                see `types.CallOptions`.

        Returns:
            The number of records and bytes, and the path.

        Raises:
            errors.ValidationError: The file cannot be written.
            errors.DecodingError: The export is incomplete.
            errors.MistralError: Any other failure; see `errors` for the subclasses.

        Example:
            >>> report = mistral.datasets.export(dataset_id, "refunds.jsonl.zst", progress=True)
        """
        from mistral_datasets import _transfer

        call, writer = _transfer.export(self._client, "datasets.export", dataset_id, to, compression, options)
        return _transfer.run(call, None, progress, writer)

    async def export_async(
        self,
        dataset_id: str | UUID,
        to: str | PathLike[str] | IO[bytes] | AsyncWritable | Callable[[bytes], object],
        *,
        compression: Literal["auto", "none", "gzip", "zstd"] = "auto",
        progress: ProgressCallback = None,
        **options: Unpack[CallOptions],
    ) -> ExportReport:
        """Exports a whole dataset as JSONL, one record per line.

        If the connection is lost, the download resumes where it stopped. At the end, the number of records is checked.
        If `to` is a path, the data is written to a temporary file, which replaces the file on success.

        Args:
            dataset_id: ID of the dataset (a UUID), or its slug if the server assigns one.
            to: Path of a file, a file opened for writing in binary mode, or a function that receives chunks of bytes.
                The function, or the file's `write`, may be async. Partial writes of raw files and sockets are
                continued.
            compression: `none`, `gzip`, `zstd`, or `auto`, which uses the path's extension (`.gz`, `.zst`).
            progress: Callback that receives `Progress` updates. `True` shows a tqdm progress bar.
            options: Options of the requests: `timeout`, `deadline`, `max_retries`, `retry`, `headers` and `server_url`;
                see `types.CallOptions`.

        Returns:
            The number of records and bytes, and the path.

        Raises:
            errors.ValidationError: The file cannot be written.
            errors.DecodingError: The export is incomplete.
            errors.MistralError: Any other failure; see `errors` for the subclasses.

        Example:
            >>> report = await mistral.datasets.export_async(dataset_id, "refunds.jsonl.zst", progress=True)
        """
        from mistral_datasets import _transfer

        call, writer = _transfer.export(self._client, "datasets.export_async", dataset_id, to, compression, options)
        return await _transfer.run_async(call, None, progress, writer)

    @overload
    def export_records(
        self, dataset_id: str | UUID, *, payload_type: None = None, **options: Unpack[CallOptions]
    ) -> ExportedRecords[ExportedRecord]: ...
    @overload
    def export_records(
        self, dataset_id: str | UUID, *, payload_type: type[P], **options: Unpack[CallOptions]
    ) -> ExportedRecords[TypedExportedRecord[P]]: ...

    def export_records(
        self, dataset_id: str | UUID, *, payload_type: type[P] | None = None, **options: Unpack[CallOptions]
    ) -> ExportedRecords[ExportedRecord] | ExportedRecords[TypedExportedRecord[P]]:
        """Iterates over all records of a dataset through an export, which is the fastest way to read all of them.

        Args:
            dataset_id: ID of the dataset (a UUID), or its slug if the server assigns one.
            payload_type: Type to convert every payload to: a `TypedDict`, a dataclass, an attrs class, a msgspec Struct
                or a pydantic model.
            options: Options of the requests: `timeout`, `deadline`, `max_retries`, `retry`, `headers` and `server_url`;
                see `types.CallOptions`.

        Returns:
            The records, for `for` and `async for`. Every loop starts a new export.

        Raises:
            errors.MistralError: A request failed. Raised by the loop; see `errors` for the subclasses.

        Example:
            >>> for record in mistral.datasets.export_records(dataset_id):
            ...     print(record.payload.messages, record.properties)
        """
        return ExportedRecords(_native.export_records(self._client, dataset_id, payload_type, options))
