"""What makes many calls of one, and hangs at `mistral.datasets` beside the operations."""

from __future__ import annotations

from mistral_datasets import _native
from mistral_datasets._native import TaskHandle

# Type checkers take this for true; importing it from `typing` would take longer than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable
    from os import PathLike
    from typing import IO, Literal, overload
    from uuid import UUID

    from mistral_datasets._native import Client, CreateReport, ExportedRecord, ImportReport
    from mistral_datasets._reports import ExportReport
    from mistral_datasets._typed import P, TypedExportedRecord
    from mistral_datasets._pager import ExportedRecords
    from mistral_datasets.types import AsyncReadable, AsyncWritable, Line, NewRecord, Readable, ProgressCallback

else:

    def overload(method):
        """What `typing` has, without importing it."""
        return method


class Bulk:
    """The methods of `mistral.datasets` that follow from no operation."""

    __slots__ = ()

    @property
    def _client(self) -> Client:
        """The client; the native class that stands before this one has it."""
        raise NotImplementedError

    def task(self, *, dataset_id: str | UUID, task_id: str | UUID) -> TaskHandle:
        """An import task by its ids, as they were saved or as an import returned them. Nothing is sent.

        Args:
            dataset_id: The id of the dataset that the task fills.
            task_id: The task's id.

        Returns:
            A handle, by which one can ask for the task and wait for its end.

        Example:
            >>> task = mistral.datasets.task(dataset_id=dataset_id, task_id=task_id).wait(timeout=600)
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
        resume: CreateReport | None = None,
        progress: ProgressCallback = None,
    ) -> CreateReport:
        """Creates many records, sending none of them twice.

        Records are taken from the iterable as fast as they are sent. An exception that it raises is raised here as it
        is, when what is under way has ended; what was done by then is the `report` of its `__context__`.

        Args:
            dataset_id: The dataset's id, or its slug where the server gives datasets one.
            records: The records. Each is a dict with a `payload` and perhaps `properties`; or a payload by itself, such
                as `{"messages": [...]}`; or a tuple of payload and properties; or a record that was read before.
            concurrency: How many requests may be under way at once. With 1, records are created in the order of the
                iterable. Limits: 1 to 64.
            strategy: `single` sends each by itself; every record has its own outcome and id. `file` uploads them as a
                file and imports that: much faster for many, and all or none. `auto` is `file` for more than 1,000
                records or 32 MiB, and to find out takes so much from the iterable before anything is sent.
            on_error: Whether the first failure of a record ends the call.
            resume: The report of an earlier call from the same records: those that were created then, or may have been,
                are not sent again.
            progress: What is called with a `Progress` now and then; True shows a bar, which needs tqdm.

        Returns:
            What became of each record, in the order of the iterable, and which strategy was used.

        Raises:
            errors.MistralError: The first failure of a record (unless `on_error="continue"`), or one that every record
                would meet, by the class that fits it. Its `report` tells what was done.

        Example:
            >>> report = mistral.datasets.create_records(
            ...     dataset_id, ({"messages": [{"role": "user", "content": text}]} for text in texts)
            ... )
            >>> print(report.created, report.strategy, [item.id for item in report.items])
        """
        from mistral_datasets import _transfer

        exchange = _transfer.creating(self._client, dataset_id, records, concurrency, strategy, on_error, resume)
        return _transfer.carry_out(*exchange, progress)

    async def create_records_async(
        self,
        dataset_id: str | UUID,
        records: Iterable[NewRecord] | AsyncIterable[NewRecord],
        *,
        concurrency: int = 8,
        strategy: Literal["auto", "single", "file"] = "auto",
        on_error: Literal["stop", "continue"] = "stop",
        resume: CreateReport | None = None,
        progress: ProgressCallback = None,
    ) -> CreateReport:
        """Like `create_records`, for asyncio. The records may come from an async iterable."""
        from mistral_datasets import _transfer

        exchange = _transfer.creating(self._client, dataset_id, records, concurrency, strategy, on_error, resume)
        return await _transfer.carry_out_async(*exchange, progress)

    def import_jsonl(
        self,
        dataset_id: str | UUID,
        source: str | PathLike[str] | bytes | bytearray | memoryview | Readable | Iterable[Line],
        *,
        lenient: bool = False,
        compression: Literal["auto", "none", "gzip", "zstd"] = "auto",
        max_file_bytes: int | None = None,
        wait: bool = True,
        timeout: float | None = None,
        resume: ImportReport | None = None,
        progress: ProgressCallback = None,
    ) -> ImportReport:
        """Imports JSONL of any size: checks every line, uploads, imports, and waits. Nothing is held in memory.

        A line is an object with a `payload` and perhaps `properties`, or a payload by itself, or an array of messages.
        Unless `lenient`, nothing is sent when a line is bad. What exceeds the service's limit for a file becomes
        several.

        Args:
            dataset_id: The dataset's id, or its slug where the server gives datasets one.
            source: The path of a file; or bytes; or a file opened for reading; or an iterable of lines, each text or an
                object, or of bytes in pieces of any size.
            lenient: Whether bad lines are left out and told in the report, instead of ending the call.
            compression: How the source is compressed: `none`, `gzip`, `zstd`, or `auto`, which is found out.
            max_file_bytes: How many bytes an uploaded file has at most; what is more becomes several. Default: what the
                service takes, 512 MB.
            wait: Whether to wait for the imports to end.
            timeout: How many seconds to wait at most for each file's import. Default: 1800.
            resume: The report of an earlier call from the same source, which goes on where that stopped.
            progress: What is called with a `Progress` now and then; True shows a bar, which needs tqdm.

        Returns:
            The numbers of lines and records, the bad lines, and the files with their tasks.

        Raises:
            errors.ValidationError: A line is bad: the error's `report.invalid_lines` has its number and column.
            errors.TaskFailedError: The server gave an import up.
            errors.MistralError: Whatever else went wrong, by the class that fits it. Its `report` tells what was done.

        Example:
            >>> report = mistral.datasets.import_jsonl(dataset_id, "conversations.jsonl.gz", progress=True)
            >>> print(report.records, "records of", report.lines, "lines")
        """
        from mistral_datasets import _transfer

        exchange = _transfer.importing(
            self._client, dataset_id, source, lenient, compression, max_file_bytes, wait, timeout, resume
        )
        return _transfer.carry_out(*exchange, progress)

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
        compression: Literal["auto", "none", "gzip", "zstd"] = "auto",
        max_file_bytes: int | None = None,
        wait: bool = True,
        timeout: float | None = None,
        resume: ImportReport | None = None,
        progress: ProgressCallback = None,
    ) -> ImportReport:
        """Like `import_jsonl`, for asyncio. The source may be an async iterable, or a file whose `read` is awaited."""
        from mistral_datasets import _transfer

        exchange = _transfer.importing(
            self._client, dataset_id, source, lenient, compression, max_file_bytes, wait, timeout, resume
        )
        return await _transfer.carry_out_async(*exchange, progress)

    def export(
        self,
        dataset_id: str | UUID,
        to: str | PathLike[str] | IO[bytes] | Callable[[bytes], object],
        *,
        compression: Literal["auto", "none", "gzip", "zstd"] = "auto",
        progress: ProgressCallback = None,
    ) -> ExportReport:
        """Exports a whole dataset as JSONL, a record a line.

        What breaks off on the way goes on where it stopped, and in the end the lines are counted. A file on the disk
        appears when it is whole; until then an existing one stays as it is.

        Args:
            dataset_id: The dataset's id, or its slug where the server gives datasets one.
            to: The path of a file; or a file opened for writing in binary; or a function that is called with bytes.
            compression: `none`, `gzip`, `zstd`, or `auto`, which is by the path's ending (`.gz`, `.zst`).
            progress: What is called with a `Progress` now and then; True shows a bar, which needs tqdm.

        Returns:
            How many records and bytes, and where to.

        Raises:
            errors.ValidationError: The file cannot be written.
            errors.DecodingError: Records are missing from the export.
            errors.MistralError: Whatever else went wrong, by the class that fits it.

        Example:
            >>> report = mistral.datasets.export(dataset_id, "refunds.jsonl.zst", progress=True)
        """
        from mistral_datasets import _transfer

        exchange, take = _transfer.exporting(self._client, dataset_id, to, compression)
        return _transfer.carry_out(exchange, None, progress, take)

    async def export_async(
        self,
        dataset_id: str | UUID,
        to: str | PathLike[str] | IO[bytes] | AsyncWritable | Callable[[bytes], object],
        *,
        compression: Literal["auto", "none", "gzip", "zstd"] = "auto",
        progress: ProgressCallback = None,
    ) -> ExportReport:
        """Like `export`, for asyncio. The function, or the file's `write`, may be a coroutine function."""
        from mistral_datasets import _transfer

        exchange, take = _transfer.exporting(self._client, dataset_id, to, compression)
        return await _transfer.carry_out_async(exchange, None, progress, take)

    @overload
    def export_records(
        self, dataset_id: str | UUID, *, payload_type: None = None
    ) -> ExportedRecords[ExportedRecord]: ...
    @overload
    def export_records(
        self, dataset_id: str | UUID, *, payload_type: type[P]
    ) -> ExportedRecords[TypedExportedRecord[P]]: ...

    def export_records(self, dataset_id: str | UUID, *, payload_type: type[object] | None = None) -> object:
        """The records of a dataset by way of an export: the fastest way to read all of them.

        Args:
            dataset_id: The dataset's id, or its slug where the server gives datasets one.
            payload_type: What every payload is made into: a TypedDict, a dataclass or a pydantic model.

        Returns:
            The records, for `for` and `async for`. Each loop over them exports anew.

        Raises:
            errors.MistralError: Raised by the loop, as `export` would.

        Example:
            >>> for record in mistral.datasets.export_records(dataset_id):
            ...     print(record.payload.messages, record.properties)
        """
        from mistral_datasets._pager import ExportedRecords

        return ExportedRecords(_native.export_records(self._client, dataset_id, payload_type))
