"""Forms of the `file` argument of uploads. Imported by the native module when it uploads the first file."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

_NAME = "upload.jsonl"
"""Name of a file whose name is unknown."""

_EXPECTED = (
    "expected a path, bytes, a file opened for reading in binary mode, a tuple of name and content, or a dict with "
    "`file_name` and `content`"
)


class _Source(io.FileIO):
    """A file at a path, which is closed with its last reference, when the upload has ended."""

    def __del__(self) -> None:
        self.close()


def parts(file: Any) -> tuple[str, object, str | None]:
    """Returns the name, the content and the content type of a file. The content is bytes or a file.

    Raises:
        TypeError: The value has none of the accepted forms.
        OSError: The file at a path cannot be opened.
    """
    if isinstance(file, Mapping):
        fields = cast("Mapping[str, Any]", file)
        if "file_name" not in fields or "content" not in fields:
            raise TypeError(_EXPECTED)
        return _checked(fields["file_name"], fields["content"], fields.get("content_type"))
    if isinstance(file, (str, os.PathLike)):
        path = Path(cast("str | os.PathLike[str]", file))
        # `FileIO` would show a `Path` as `PosixPath(…)` in its error message.
        return path.name, _Source(os.fspath(path)), None
    if isinstance(file, (bytes, bytearray, memoryview)):
        return _NAME, cast("object", file), None
    if isinstance(file, tuple):
        items = cast("Sequence[Any]", file)
        if len(items) not in (2, 3):
            raise TypeError(f"{_EXPECTED}; found a tuple of {len(items)}")
        return _checked(items[0], items[1], items[2] if len(items) == 3 else None)
    if hasattr(file, "file_name") and hasattr(file, "content"):
        # `File` of the official SDK.
        kind = getattr(file, "content_type", None)
        return _checked(file.file_name, file.content, kind if isinstance(kind, str) else None)
    if hasattr(file, "read"):
        name = getattr(file, "name", None)
        return Path(name).name if isinstance(name, str) else _NAME, file, None
    raise TypeError(f"{_EXPECTED}; found {type(file).__name__}")


def _checked(name: object, content: object, content_type: object) -> tuple[str, object, str | None]:
    if not isinstance(name, str):
        raise TypeError(f"file_name: expected a str, found {type(name).__name__}")
    if content_type is not None and not isinstance(content_type, str):
        raise TypeError(f"content_type: expected a str, found {type(content_type).__name__}")
    return name, content, content_type
