"""Types for annotations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import IO, Any, ClassVar, Protocol, TypeAlias, TypedDict

from mistral_datasets._call_options import CallOptions, RetryConfig
from mistral_datasets._download import Download
from mistral_datasets._native import CreateReport, ExportedRecord, ImportReport
from mistral_datasets._pager import ExportedRecords, Page, Pager, Pages
from mistral_datasets._progress import Progress
from mistral_datasets._raw import RawResponse
from mistral_datasets._reports import ExportReport, ImportedFile, InvalidLine, Outcome, UnknownFile
from mistral_datasets._task_handle import TaskHandle
from mistral_datasets._typed import TypedExportedRecord, TypedRecord
from mistral_datasets.models import DatasetRecord

__all__ = [
    "JSON",
    "AsyncReadable",
    "AsyncWritable",
    "CallOptions",
    "CreateReport",
    "Download",
    "ExportReport",
    "ExportedRecord",
    "ExportedRecords",
    "FileUpload",
    "ImportReport",
    "ImportedFile",
    "InvalidLine",
    "JSONObject",
    "Line",
    "NewRecord",
    "Outcome",
    "Page",
    "Pager",
    "Pages",
    "Progress",
    "ProgressCallback",
    "RawResponse",
    "Readable",
    "RetryConfig",
    "TaskHandle",
    "TypedExportedRecord",
    "TypedRecord",
    "UnknownFile",
]

JSON: TypeAlias = Any
"""A JSON value: `dict`, `list`, `str`, `int`, `float`, `bool` or `None`."""


class _Dataclass(Protocol):
    """A dataclass instance."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


JSONObject: TypeAlias = Mapping[str, JSON] | _Dataclass
"""A value that is sent as a JSON object: a mapping or a dataclass instance.

Other objects with a JSON form are accepted too: pydantic models, and attrs and msgspec objects.
"""


NewRecord: TypeAlias = JSONObject | DatasetRecord | ExportedRecord | tuple[JSONObject, JSONObject | None]
"""A record to create: a dict with a `payload`, a payload, a tuple of payload and properties, or an existing record.

A payload may have the `properties` of the record beside its messages. `None` as properties is the same as an empty
dict.
"""

Line: TypeAlias = str | bytes | JSONObject
"""A line of JSONL, as a string or an object, or a chunk of bytes of any size."""

ProgressCallback: TypeAlias = Callable[[Progress], object] | bool | None
"""A callback that receives `Progress` updates, or `True` for a tqdm progress bar. `False` is the same as `None`."""


class Readable(Protocol):
    """A file opened for reading."""

    def read(self, size: int, /) -> bytes | str:
        """Reads at most `size` bytes or characters. Returns an empty value at the end of the file."""
        ...


class AsyncReadable(Protocol):
    """A file with an async `read`."""

    def read(self, size: int, /) -> Awaitable[bytes | str]:
        """Reads at most `size` bytes or characters. Returns an empty value at the end of the file."""
        ...


class AsyncWritable(Protocol):
    """A file with an async `write`."""

    def write(self, data: bytes, /) -> Awaitable[object]:
        """Writes data. If it returns an integer, that is the number of bytes written; the rest is passed again."""
        ...


class _File(TypedDict):
    file_name: str
    """Name of the file."""
    content: bytes | bytearray | memoryview | IO[bytes]
    """Content, or a file opened for reading in binary mode, which is streamed from its position to its end.

    A seekable file is read again if the upload is retried. Other files can be sent once only. A file at its end is an
    error.
    """


class FileUpload(_File, total=False):
    """A file to upload."""

    content_type: str | None
    """Media type, such as `application/jsonl`."""
