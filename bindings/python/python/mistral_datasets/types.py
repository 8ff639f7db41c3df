"""Types for annotations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from os import PathLike
from typing import IO, Any, ClassVar, Literal, Protocol, TypeAlias, TypedDict

from mistral_datasets._call_options import CallOptions, RetryConfig
from mistral_datasets._download import Download
from mistral_datasets._filters import FieldName
from mistral_datasets._native import CreateReport, ExportedRecord, ImportReport, SpanImportReport
from mistral_datasets._pager import ExportedRecords, FeedPage, FeedPager, FeedPages, Page, Pager, Pages
from mistral_datasets._preview import Preview
from mistral_datasets._progress import Progress
from mistral_datasets._raw import RawResponse
from mistral_datasets._reports import ExportReport, ImportedFile, ImportedSpans, InvalidLine, Outcome, UnknownFile
from mistral_datasets._task_handle import TaskHandle
from mistral_datasets._typed import TypedExportedRecord, TypedRecord
from mistral_datasets.models import DatasetRecord, GetSpan, SpanDatasetMappingContract, TelemetrySpanReference
from mistral_datasets.params import SpanDatasetMappingContractTypedDict, TelemetrySpanReferenceTypedDict

__all__ = [
    "JSON",
    "AssistantMessage",
    "AsyncReadable",
    "AsyncWritable",
    "AudioPart",
    "CallOptions",
    "ContentPart",
    "Conversation",
    "CreateReport",
    "DocumentPart",
    "Download",
    "ExportReport",
    "ExportedRecord",
    "ExportedRecords",
    "FeedPage",
    "FeedPager",
    "FeedPages",
    "FieldName",
    "FileInput",
    "FileUpload",
    "FunctionCall",
    "ImagePart",
    "ImportReport",
    "ImportableSpan",
    "ImportedFile",
    "ImportedSpans",
    "InvalidLine",
    "JSONObject",
    "Line",
    "Message",
    "NewRecord",
    "Outcome",
    "Page",
    "Pager",
    "Pages",
    "Preview",
    "Progress",
    "ProgressCallback",
    "RawResponse",
    "Readable",
    "RetryConfig",
    "SpanImportReport",
    "SpanMapping",
    "SystemMessage",
    "TaskHandle",
    "TextPart",
    "ToolCall",
    "ToolMessage",
    "TypedExportedRecord",
    "TypedRecord",
    "UnknownFile",
    "UserMessage",
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

ImportableSpan: TypeAlias = GetSpan | TelemetrySpanReference | TelemetrySpanReferenceTypedDict
"""A span to import: a span of a search, a reference to one, or a dict with `trace_id` and `span_id`."""

SpanMapping: TypeAlias = SpanDatasetMappingContract | SpanDatasetMappingContractTypedDict
"""Which attributes of a span become which keys of a record's payload."""

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
    """A file to upload, as in the official SDK."""

    content_type: str | None
    """Media type, such as `application/jsonl`."""


_Content: TypeAlias = bytes | bytearray | memoryview | IO[bytes]

FileInput: TypeAlias = (
    str | PathLike[str] | _Content | tuple[str, _Content] | tuple[str, _Content, str | None] | FileUpload
)
"""A file to upload: a path, its content, a file opened for reading in binary mode, a tuple of name, content and
optional media type, or a `FileUpload`. Content without a name is uploaded as `upload.jsonl`.
"""


class FunctionCall(TypedDict):
    """The function that an assistant calls."""

    name: str
    """Name of the function."""
    arguments: str | dict[str, JSON]
    """Arguments, as JSON or as a dict."""


class _ToolCall(TypedDict):
    function: FunctionCall
    """The function and its arguments."""


class ToolCall(_ToolCall, total=False):
    """A call of a tool by an assistant."""

    id: str
    """ID of the call. The tool message has the same ID as `tool_call_id`."""
    type: str
    """Type of the tool, such as `function`."""
    index: int
    """Index of the call in the message."""


class TextPart(TypedDict):
    """Text part of a message."""

    type: Literal["text"]
    text: str
    """The text."""


class ImagePart(TypedDict):
    """Image part of a message."""

    type: Literal["image_url"]
    image_url: str | dict[str, JSON]
    """URL of the image, which may be a data URL."""


class AudioPart(TypedDict):
    """Audio part of a message."""

    type: Literal["input_audio"]
    input_audio: str | dict[str, JSON]
    """The audio data, base64-encoded."""


class DocumentPart(TypedDict):
    """Document part of a message."""

    type: Literal["document_url"]
    document_url: str
    """URL of the document."""


ContentPart: TypeAlias = TextPart | ImagePart | AudioPart | DocumentPart
"""A part of the content of a message."""


class SystemMessage(TypedDict):
    """Instructions for the assistant."""

    role: Literal["system"]
    content: str | list[ContentPart]
    """The instructions."""


class UserMessage(TypedDict):
    """A message of the user."""

    role: Literal["user"]
    content: str | list[ContentPart]
    """Content of the message."""


class _AssistantMessage(TypedDict):
    role: Literal["assistant"]


class AssistantMessage(_AssistantMessage, total=False):
    """A message of the assistant, with content, tool calls, or both."""

    content: str | list[ContentPart] | None
    """Content of the message, if it has any."""
    tool_calls: list[ToolCall] | None
    """Tools that the assistant calls."""
    prefix: bool
    """Whether the assistant continues this message."""


class _ToolMessage(TypedDict):
    role: Literal["tool"]
    content: str | list[ContentPart]
    """Result of the call."""


class ToolMessage(_ToolMessage, total=False):
    """The result of a tool call."""

    tool_call_id: str
    """ID of the call."""
    name: str
    """Name of the tool."""


Message: TypeAlias = SystemMessage | UserMessage | AssistantMessage | ToolMessage
"""A message of a conversation."""


class Conversation(TypedDict):
    """A payload. Other keys are allowed, but not typed.

    Example:
        >>> messages: list[Message] = [{"role": "user", "content": "Where is my money?"}]
        >>> mistral.datasets.create_record(dataset_id=dataset.id, payload=Conversation(messages=messages))
        >>> for record in mistral.datasets.iter_records(dataset.id, payload_type=Conversation):
        ...     print(record.payload["messages"][0]["role"])
    """

    messages: list[Message]
    """Messages in order."""
