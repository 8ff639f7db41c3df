"""JSON encoding and decoding with Python's own `json`, which preserves numbers exactly.

Imported by the native module when it first serializes a value, or when its own parser rejects JSON.
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
    """A model of this package, or a pydantic model."""

    def to_dict(self) -> dict[str, Any]: ...
    def model_dump(self, *, mode: str, by_alias: bool) -> dict[str, Any]: ...


def _default(value: object) -> object:
    """Converts a value that `json` does not support to one that it does."""
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
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_default)
_decoder = json.JSONDecoder()


def write(value: object) -> str:
    """Serializes a value to compact JSON.

    Raises:
        TypeError, ValueError, OverflowError, RecursionError: The value is not JSON serializable.
    """
    return _encoder.encode(value)


def parse(text: str) -> tuple[Any, int]:
    """Parses JSON without surrounding whitespace.

    Returns:
        The value, and the index at which it ends.

    Raises:
        ValueError: The JSON is invalid, or Python cannot represent it.
        RecursionError: The JSON is nested too deeply.
    """
    try:
        return _decoder.raw_decode(text)
    except json.JSONDecodeError as error:
        problem = str(error)
    # Raised outside the handler, because the original exception contains the text and would become the context.
    raise ValueError(f"invalid JSON from the server: {problem}")
