"""Conversion of payloads to the types of a program. Imported when `payload_type` is first used.

Nested types are converted as well. Values of plain types, such as `str`, are not checked, because checking a whole
conversation is the task of pydantic or msgspec.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from typing import (
    Annotated,
    Any,
    ForwardRef,
    Literal,
    NewType,
    Protocol,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from mistral_datasets import errors, models
from mistral_datasets._json import parse

P = TypeVar("P")

Convert = Callable[[Any, str], Any]
"""Converts a value. The second argument is its path, for errors."""

_PLAIN: tuple[Any, ...] = (str, int, float, bool, type(None), object, Any, dict, list, Mapping, Sequence)
"""Types whose values are those that JSON has."""

_SUPPORTED = "a TypedDict, a dataclass, an attrs class, a msgspec Struct or a pydantic model"


class _MismatchError(Exception):
    """A value that does not match its type. The message does not quote it."""


def payload_converter(payload_type: type[P]) -> Callable[[str], P]:
    """Returns a function that converts the JSON of payloads to a type.

    Raises:
        TypeError: The type, or the type of a field, cannot be made from JSON.
    """
    name = getattr(payload_type, "__name__", str(payload_type))
    whole = _whole(payload_type)
    if whole is not None:

        def validate(payload: str) -> P:
            try:
                return cast("P", whole(payload))
            except ValueError as error:
                # The message quotes the payload, so neither the message nor the exception is kept.
                details = _validation_details(error)
            raise errors.DecodingError(f"a payload does not match {name}: {details}")

        return validate
    if not _is_object_type(payload_type):
        raise TypeError(f"payload_type: expected {_SUPPORTED}, found {payload_type!r}")
    convert = _Converters(name).of(payload_type, "")

    def convert_payload(payload: str) -> P:
        values = _parsed(payload)
        try:
            return cast("P", convert(values, ""))
        except _MismatchError as error:
            problem = str(error)
        raise errors.DecodingError(f"a payload does not match {name}: {problem}")

    return convert_payload


def _parsed(payload: str) -> object:
    try:
        return parse(payload)[0]
    except (ValueError, RecursionError) as error:
        problem = str(error)
    raise errors.DecodingError(problem)


def _whole(kind: Any) -> Callable[[str], object] | None:
    """Returns the function of a library that parses JSON and validates it against its own type."""
    if hasattr(kind, "model_validate_json") and isinstance(kind, type):
        return cast("Callable[[str], object]", cast("Any", kind).model_validate_json)
    if hasattr(kind, "__pydantic_validator__") and hasattr(kind, "__pydantic_fields__"):
        return cast("Callable[[str], object]", kind.__pydantic_validator__.validate_json)
    if hasattr(kind, "__struct_fields__") and (msgspec := sys.modules.get("msgspec")) is not None:
        decode: Callable[[str], object] = msgspec.json.Decoder(kind).decode
        return decode
    return None


def _is_object_type(kind: Any) -> bool:
    return is_typeddict(kind) or (isinstance(kind, type) and (dataclasses.is_dataclass(kind) or _is_attrs(kind)))


def _is_attrs(kind: Any) -> bool:
    return hasattr(cast("object", kind), "__attrs_attrs__")


class _ValidationError(Protocol):
    """A pydantic `ValidationError`."""

    def errors(self, *, include_url: bool, include_input: bool, include_context: bool) -> list[Mapping[str, Any]]: ...


def _validation_details(error: ValueError) -> str:
    details: list[str] = []
    if hasattr(error, "errors"):
        found = cast("_ValidationError", error).errors(include_url=False, include_input=False, include_context=False)
        details = [f"{'.'.join(str(part) for part in each['loc'])} ({each['type']})" for each in found]
    return ", ".join(details) or "validation failed"


class _Field:
    """A field of an object type."""

    def __init__(self, key: str, argument: str, convert: Convert, required: bool) -> None:
        self.key = key
        self.argument = argument
        self.convert = convert
        self.required = required


class _Converters:
    """Creates converters from annotations."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._objects: dict[Any, Convert] = {}

    def of(self, kind: Any, path: str) -> Convert:
        """Returns the converter of a type.

        Raises:
            TypeError: Values of the type cannot be made from JSON.
        """
        if isinstance(kind, TypeVar) or kind in _PLAIN or get_origin(kind) is Literal:
            return _unchanged
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Annotated or _is_qualifier(origin):
            return self.of(arguments[0], path)
        if isinstance(kind, NewType):
            return self.of(kind.__supertype__, path)
        if type(kind).__name__ == "TypeAliasType":
            return self.of(kind.__value__, path)
        if origin in (Union, types.UnionType):
            return self._union(arguments, path)
        if origin in (list, Sequence):
            return _list(self.of(arguments[0], f"{path}[]"))
        if origin in (dict, Mapping):
            if arguments[0] not in (str, Any):
                raise self._unsupported(kind, path)
            return _dict(self.of(arguments[1], f"{path}.*"))
        if kind is models.ConversationPayload:
            return lambda value, path: models.ConversationPayload.from_dict(_checked(value, dict, "an object", path))
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return _enum(kind)
        if (whole := _nested(kind)) is not None:
            return whole
        if _is_object_type(kind):
            return self._object(kind, path)
        raise self._unsupported(kind, path)

    def _unsupported(self, kind: Any, path: str) -> TypeError:
        name = getattr(kind, "__name__", None) if not get_args(kind) else None
        return TypeError(
            f"payload_type: {self._root}{path}: values of type {name or kind} cannot be made from JSON; use "
            f"JSON types, {_SUPPORTED}, or a pydantic model for the whole payload"
        )

    def _union(self, kinds: tuple[Any, ...], path: str) -> Convert:
        """Returns the converter of a union: of JSON types, or of one type that is converted and JSON types."""
        converted = [(kind, convert) for kind in kinds if (convert := self.of(kind, path)) is not _unchanged]
        if not converted:
            return _unchanged
        objects = [kind for kind, _ in converted if is_typeddict(kind)]
        if len(converted) > 1 and len(objects) == len(converted):
            # Dicts either way: what differs is which keys are required.
            return _unchanged
        if len(converted) > 1:
            names = " and ".join(str(getattr(kind, "__name__", kind)) for kind, _ in converted)
            raise TypeError(
                f"payload_type: {self._root}{path}: a union of {names} is ambiguous; use a pydantic model or a msgspec "
                f"Struct for the whole payload"
            )
        kind, convert = converted[0]
        json_type: type[Any] = list if get_origin(kind) in (list, Sequence) else dict
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            json_type = str
        return lambda value, path: convert(value, path) if isinstance(value, json_type) else value

    def _object(self, kind: Any, path: str) -> Convert:
        if kind in self._objects:
            return lambda value, path: self._objects[kind](value, path)
        # Types may refer to themselves.
        self._objects[kind] = _unchanged
        fields = self._fields(kind, path)
        is_dict = is_typeddict(kind)

        def convert(value: Any, path: str) -> Any:
            values = cast("dict[str, Any]", _checked(value, dict, "an object", path))
            missing = [field.key for field in fields if field.required and field.key not in values]
            if missing:
                raise _MismatchError(f"{path.removeprefix('.')}{': ' if path else ''}missing {', '.join(missing)}")
            converted = {
                field.argument: field.convert(values[field.key], f"{path}.{field.key}")
                for field in fields
                if field.key in values
            }
            return {**values, **converted} if is_dict else kind(**converted)

        self._objects[kind] = convert
        return convert

    def _fields(self, kind: Any, path: str) -> list[_Field]:
        try:
            hints = get_type_hints(kind, include_extras=True)
        except NameError as error:
            raise TypeError(
                f"payload_type: {self._root}{path}: the name in an annotation is unknown: {error}"
            ) from None

        def field(key: str, argument: str, required: bool) -> _Field:
            hint: Any = hints.get(key, Any)
            return _Field(
                key, argument, self.of(Any if isinstance(hint, ForwardRef) else hint, f"{path}.{key}"), required
            )

        if is_typeddict(kind):
            return [field(key, key, key in kind.__required_keys__) for key in hints]
        if _is_attrs(kind):
            nothing = sys.modules["attr"].NOTHING
            return [field(each.name, each.alias, each.default is nothing) for each in kind.__attrs_attrs__ if each.init]
        missing = dataclasses.MISSING
        return [
            field(each.name, each.name, each.default is missing and each.default_factory is missing)
            for each in dataclasses.fields(kind)
            if each.init
        ]


def _is_qualifier(origin: object) -> bool:
    """Returns whether a type is `Required`, `NotRequired` or `ReadOnly`."""
    return getattr(origin, "_name", None) in ("Required", "NotRequired", "ReadOnly")


def _unchanged(value: Any, path: str) -> Any:
    return value


def _checked(value: Any, kind: type, expected: str, path: str) -> Any:
    if not isinstance(value, kind):
        raise _MismatchError(f"{path.removeprefix('.') or 'payload'}: expected {expected}")
    return value


def _list(convert: Convert) -> Convert:
    if convert is _unchanged:
        return _unchanged

    def convert_list(value: Any, path: str) -> Any:
        items = cast("list[Any]", _checked(value, list, "an array", path))
        return [convert(item, f"{path}[{index}]") for index, item in enumerate(items)]

    return convert_list


def _dict(convert: Convert) -> Convert:
    if convert is _unchanged:
        return _unchanged

    def convert_dict(value: Any, path: str) -> Any:
        items = cast("dict[str, Any]", _checked(value, dict, "an object", path))
        return {key: convert(item, f"{path}.*") for key, item in items.items()}

    return convert_dict


def _enum(kind: type[enum.Enum]) -> Convert:
    def convert(value: Any, path: str) -> Any:
        try:
            return kind(value)
        except ValueError:
            pass
        raise _MismatchError(f"{path.removeprefix('.')}: expected a value of {kind.__name__}")

    return convert


def _nested(kind: Any) -> Convert | None:
    """Returns the converter of a pydantic model or msgspec Struct inside another type."""
    if hasattr(kind, "model_validate") and isinstance(kind, type):
        function: Callable[[Any], Any] = cast("Any", kind).model_validate
    elif hasattr(kind, "__pydantic_validator__") and hasattr(kind, "__pydantic_fields__"):
        function = kind.__pydantic_validator__.validate_python
    elif hasattr(kind, "__struct_fields__") and (msgspec := sys.modules.get("msgspec")) is not None:
        struct: Any = msgspec
        function = lambda value: struct.convert(value, kind)  # noqa: E731
    else:
        return None

    def convert(value: Any, path: str) -> Any:
        try:
            return function(value)
        except ValueError as error:
            details = _validation_details(error)
        raise _MismatchError(f"{path.removeprefix('.')}: {details}")

    return convert
