"""JSON as the package reads and writes it: Python's own parser and writer, so that numbers stay exact.

The native module imports this when JSON is first looked at or sent.
"""

from __future__ import annotations

import datetime
import enum
import json
import uuid
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Protocol, cast


class _Model(Protocol):
    """A model of this package, or one of pydantic, which the official SDK uses."""

    def to_dict(self) -> dict[str, Any]: ...
    def model_dump(self, *, mode: str, by_alias: bool) -> dict[str, Any]: ...


def _plain(value: object) -> object:
    """Makes something the writer knows out of something it does not know."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, enum.Enum):
        return value.value
    if hasattr(value, "to_dict"):
        return cast("_Model", value).to_dict()
    if hasattr(value, "model_dump"):
        return cast("_Model", value).model_dump(mode="json", by_alias=True)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")


_writer = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
_parser = json.JSONDecoder()


def write(value: object) -> str:
    """Writes a value as JSON text without white space.

    Raises:
        TypeError, ValueError, OverflowError, RecursionError: The value has no JSON form.
    """
    return _writer.encode(value)


def parse(text: str) -> tuple[Any, int]:
    """Parses JSON text that has no white space around it, and says where it ended.

    Raises:
        ValueError: It is no JSON, or Python cannot hold what it says.
        RecursionError: It is nested too deeply.
    """
    try:
        return _parser.raw_decode(text)
    except json.JSONDecodeError as error:
        problem = str(error)
    # Out here, because the parser's own exception holds the whole text.
    raise ValueError(f"the server sent what is no JSON: {problem}")
