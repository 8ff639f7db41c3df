"""The types that annotations of the package are made of. Import them in code that is type-checked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import IO, Any, ClassVar, Literal, Protocol, TypeAlias, TypedDict

from mistral_datasets._download import Download
from mistral_datasets._native import CreateReport, ExportedRecord, ImportReport, TaskHandle
from mistral_datasets._progress import Progress
from mistral_datasets._raw import RawResponse
from mistral_datasets._reports import InvalidLine, ExportReport, ImportedFile, Outcome, UnknownFile
from mistral_datasets._typed import TypedExportedRecord, TypedRecord
from mistral_datasets._pager import ExportedRecords, Page, Pages, Pager
from mistral_datasets.models import DatasetRecord

__all__ = [
    "JSON",
    "AsyncReadable",
    "AsyncWritable",
    "InvalidLine",
    "CreateReport",
    "Download",
    "ExportReport",
    "ExportedRecord",
    "ExportedRecords",
    "FileUpload",
    "ImportReport",
    "ImportedFile",
    "JSONObject",
    "Line",
    "NewRecord",
    "Outcome",
    "Page",
    "Pages",
    "Progress",
    "RawResponse",
    "Readable",
    "TaskHandle",
    "ProgressCallback",
    "TypedExportedRecord",
    "TypedRecord",
    "UnknownFile",
    "Pager",
]

JSON: TypeAlias = Any
"""A JSON value: dict, list, str, int, float, bool or None."""


class _Dataclass(Protocol):
    """An instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


JSONObject: TypeAlias = Mapping[str, JSON] | _Dataclass
"""What can be sent as a JSON object: a dict or another mapping, or an instance of a dataclass."""


NewRecord: TypeAlias = JSONObject | DatasetRecord | ExportedRecord | tuple[JSONObject, JSONObject]
"""A record to create: a dict with a payload, a payload by itself, both in a tuple, or a record that was read."""

Line: TypeAlias = str | bytes | JSONObject
"""A line of JSONL: text or an object. Bytes are pieces of any size."""

ProgressCallback: TypeAlias = Callable[[Progress], object] | Literal[True] | None
"""Who hears how far a transfer is: a function, or with True a bar."""


class Readable(Protocol):
    """A file opened for reading."""

    def read(self, size: int, /) -> bytes | str:
        """Reads at most so much; nothing at the end."""
        ...


class AsyncReadable(Protocol):
    """A file whose `read` is awaited."""

    def read(self, size: int, /) -> Awaitable[bytes | str]:
        """Reads at most so much; nothing at the end."""
        ...


class AsyncWritable(Protocol):
    """A file whose `write` is awaited."""

    def write(self, piece: bytes, /) -> Awaitable[object]:
        """Writes all of it."""
        ...


class _File(TypedDict):
    file_name: str
    """What the file is called."""
    content: bytes | bytearray | memoryview | IO[bytes]
    """The bytes, or a file opened for reading in binary, which is streamed."""


class FileUpload(_File, total=False):
    """A file to upload: its `file_name` and `content`, and perhaps its `content_type`."""

    content_type: str | None
    """The media type, such as `application/jsonl`."""
