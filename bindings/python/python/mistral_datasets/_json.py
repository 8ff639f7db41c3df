"""JSON encoding and decoding with Python's own `json`, which preserves numbers exactly.

Imported by the native module when it first serializes a value, or when its own parser rejects JSON.

A value is written exactly or refused. The encoder of `json`, which is written in C, handles plain values and everything
that `convert` makes plain. What it cannot write is written, or refused with its path, by the slower `_ExactWriter`.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import math
import re
import sys
import uuid
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, cast


class InvalidValueError(ValueError):
    """A value that JSON cannot represent.

    Attributes:
        location: Path of the value inside the serialized one, such as `.messages[0].score`. Empty for the whole value.
        problem: What is wrong with it, without quoting it.
    """

    def __init__(self, location: str, problem: str) -> None:
        path = location.removeprefix(".")
        super().__init__(f"{path}: {problem}" if path else problem)
        self.location = location
        self.problem = problem


class _RefusedError(TypeError):
    """A value that `convert` refuses. The message says why, without quoting it."""


class _DigitsNeededError(ValueError):
    """Raised by the hook of the C encoder, which cannot write the digits of a `Decimal`."""


_REMEDIES = {
    "set": "convert it to a list",
    "frozenset": "convert it to a list",
    "bytes": "decode it, or encode it as base64",
    "bytearray": "decode it, or encode it as base64",
    "memoryview": "decode it, or encode it as base64",
    "timedelta": "convert it to a number of seconds",
    "Timedelta": "convert it to a number of seconds",
    "timedelta64": "convert it to a number of seconds",
    "Series": "convert it to a list",
    "DataFrame": "convert it to a list of dicts",
    "NaTType": "use None",
    "NAType": "use None",
}
"""What to do about values of common types that JSON does not have."""


def _refusal(value: object) -> _RefusedError:
    name = type(value).__name__
    remedy = _REMEDIES.get(name)
    return _RefusedError(f"{name} is not a JSON value" + (f"; {remedy}" if remedy else ""))


def convert(value: object) -> object:
    """Converts a value that `json` does not support, without converting the values inside.

    Third-party types are recognized by their attributes or through `sys.modules`, because this package must not import
    them.

    Returns:
        A dict, list, str, int, float, bool, None, another value to convert, or a finite `Decimal`.

    Raises:
        _RefusedError: JSON cannot represent the value. Exceptions of the value's own methods propagate.
    """
    kind = type(value)
    if isinstance(value, type):
        raise _refusal(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    if isinstance(value, decimal.Decimal):
        if not value.is_finite():
            raise _RefusedError(f"{'Infinity' if value.is_infinite() else 'NaN'} is not a JSON number")
        return value
    if isinstance(value, (datetime.date, datetime.time)):
        # `NaT` of pandas is a datetime, and like NaN not equal to itself.
        if value != value:
            raise _refusal(value)
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.generic, numpy.ndarray)):
        return _convert_numpy(numpy, value)
    if hasattr(kind, "__array__") or hasattr(kind, "__dataframe__"):
        # A Series or DataFrame has `to_dict`, but which of its many forms is wanted is unknown.
        raise _refusal(value)
    if hasattr(kind, "to_dict"):
        return cast("Any", value).to_dict()
    if hasattr(kind, "model_dump"):
        return cast("Any", value).model_dump(mode="json", by_alias=True)
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if hasattr(kind, "__attrs_attrs__"):
        return {field.name: getattr(value, field.name) for field in cast("Any", kind).__attrs_attrs__}
    if hasattr(kind, "__struct_encode_fields__"):
        return _convert_struct(value)
    raise _refusal(value)


def _convert_numpy(numpy: Any, value: Any) -> object:
    kind, size = value.dtype.kind, value.dtype.itemsize
    if isinstance(value, numpy.ndarray):
        masked = sys.modules.get("numpy.ma")
        if masked is not None and isinstance(value, masked.MaskedArray):
            raise _refusal(value)
        array = numpy.asarray(value)
        if kind in "biuUO" or (kind == "f" and size == 8):
            return array.tolist()
        return list(array) if array.ndim else array[()]
    if kind in "biu" or (kind == "f" and size == 8):
        return value.item()
    if kind == "f" and size < 8:
        # The shortest digits that identify the value among those of its type have at most 9 places, and a Python float
        # keeps up to 15.
        return float(numpy.format_float_scientific(value, unique=True))
    if kind == "M" and not numpy.isnat(value):
        return str(value)
    raise _refusal(value)


def _convert_struct(value: Any) -> object:
    """Converts a struct of msgspec, with the names and the tag that msgspec would write."""
    names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
    values = [(encoded, getattr(value, name)) for name, encoded in names]
    config = value.__struct_config__
    tag = [] if config.tag is None else [(config.tag_field, config.tag)]
    if config.array_like:
        return [item for _, item in tag + values]
    return {name: item for name, item in tag + values if type(item).__name__ != "UnsetType"}


def _hook(value: object) -> object:
    """Converts a value for the C encoder."""
    converted = convert(value)
    if isinstance(converted, decimal.Decimal):
        raise _DigitsNeededError
    return converted


_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_hook)
_decoder = json.JSONDecoder()


def write(value: object) -> str:
    """Serializes a value to compact JSON.

    The text may contain unpaired surrogates, which `escape_surrogates` makes encodable.

    Raises:
        InvalidValueError: JSON cannot represent the value.
    """
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        pass
    # Outside the handler, because the first exception may quote the value and would become the context.
    return _ExactWriter().write(value)


def write_bytes(value: object) -> bytes:
    """Serializes a value to compact JSON in UTF-8.

    Raises:
        InvalidValueError: JSON cannot represent the value.
    """
    text = write(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return escape_surrogates(text).encode()


def escape_surrogates(text: str) -> str:
    r"""Replaces unpaired surrogates in JSON, which UTF-8 cannot represent, by `\uXXXX`."""
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text)


class _ExactWriter:
    """Writes the digits of `Decimal` values, and reports the path of a value that cannot be written."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._path: list[str] = []
        self._parents: set[int] = set()

    def write(self, value: object) -> str:
        """Serializes a value."""
        try:
            self._write(value)
        except RecursionError:
            raise InvalidValueError("", "nested too deeply, or contains itself") from None
        return "".join(self._parts)

    def _write(self, value: object) -> None:
        identity = id(value)
        if value is None or isinstance(value, (str, bool)):
            self._parts.append(_encoder.encode(value))
        elif isinstance(value, (int, float)):
            self._parts.append(self._number(value))
        elif isinstance(value, decimal.Decimal) and value.is_finite():
            self._parts.append(str(value))
        else:
            if identity in self._parents:
                raise self._invalid("the value contains itself")
            self._parents.add(identity)
            if isinstance(value, dict):
                self._object(cast("dict[object, object]", value))
            elif isinstance(value, (list, tuple)):
                self._array(cast("list[object]", value))
            else:
                self._write(self._converted(value))
            self._parents.remove(identity)

    def _object(self, value: dict[object, object]) -> None:
        separator = "{"
        for key, item in value.items():
            self._parts.append(f"{separator}{self._key(key)}:")
            self._path.append(_member(key))
            self._write(item)
            self._path.pop()
            separator = ","
        self._parts.append("}" if separator == "," else "{}")

    def _array(self, value: list[object]) -> None:
        separator = "["
        for index, item in enumerate(value):
            self._path.append(f"[{index}]")
            self._parts.append(separator)
            self._write(item)
            self._path.pop()
            separator = ","
        self._parts.append("]" if separator == "," else "[]")

    def _key(self, key: object) -> str:
        if isinstance(key, str):
            return _encoder.encode(key)
        if key is None or isinstance(key, bool):
            return f'"{_encoder.encode(key)}"'
        if isinstance(key, (int, float)):
            return f'"{self._number(key)}"'
        raise self._invalid(f"expected a str as key, found {type(key).__name__}")

    def _number(self, number: float) -> str:
        if isinstance(number, int):
            try:
                return int.__repr__(number)
            except ValueError:
                raise self._invalid("the integer has too many digits") from None
        if math.isnan(number):
            raise self._invalid("NaN is not a JSON number")
        if math.isinf(number):
            raise self._invalid(f"{'-' if number < 0 else ''}Infinity is not a JSON number")
        return float.__repr__(number)

    def _converted(self, value: object) -> object:
        try:
            return convert(value)
        except _RefusedError as error:
            problem = str(error)
        except (TypeError, ValueError, OverflowError) as error:
            # The message may quote the value.
            problem = f"{type(value).__name__} cannot be converted to JSON: {type(error).__name__}"
        raise self._invalid(problem)

    def _invalid(self, problem: str) -> InvalidValueError:
        return InvalidValueError("".join(self._path), problem)


_MAX_KEY = 64
"""Maximum number of characters of a key in a path."""


def _member(key: object) -> str:
    """Formats a key that can be written for a path."""
    text = str(key)
    if len(text) <= _MAX_KEY and re.fullmatch(r"[^\W\d][\w-]*", text, re.ASCII):
        return f".{text}"
    return f"[{json.dumps(text if len(text) <= _MAX_KEY else text[:_MAX_KEY] + '…')}]"


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
