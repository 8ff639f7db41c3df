"""The types that annotations of the package are made of. Import them in code that is type-checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, ClassVar, Protocol, TypeAlias, TypedDict

from mistral_datasets._download import Download

__all__ = ["JSON", "Download", "FileUpload", "JSONObject"]

JSON: TypeAlias = Any
"""A JSON value: dict, list, str, int, float, bool or None."""


class _Dataclass(Protocol):
    """An instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


JSONObject: TypeAlias = Mapping[str, JSON] | _Dataclass
"""What can be sent as a JSON object: a dict or another mapping, or an instance of a dataclass."""


class _File(TypedDict):
    file_name: str
    """What the file is called."""
    content: bytes | bytearray | memoryview | IO[bytes]
    """The bytes, or a file opened for reading in binary, which is streamed."""


class FileUpload(_File, total=False):
    """A file to upload: its `file_name` and `content`, and perhaps its `content_type`."""

    content_type: str | None
    """The media type, such as `application/jsonl`."""
