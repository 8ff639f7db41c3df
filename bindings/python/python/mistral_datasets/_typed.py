"""Records with typed payloads. Imported by the native module when `payload_type` is first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast, is_typeddict

from mistral_datasets import errors
from mistral_datasets.models import ConversationPayload, DatasetRecord

if TYPE_CHECKING:
    from mistral_datasets._native import ExportedRecord
    from mistral_datasets.types import JSON

P = TypeVar("P")


class TypedRecord(Generic[P]):
    """A record whose payload was converted to `payload_type`.

    Attributes:
        payload: Payload, as an instance of `payload_type`.
        record: Original record, with its ID, timestamps and other fields.
    """

    __slots__ = ("payload", "record")

    def __init__(self, payload: P, record: DatasetRecord) -> None:
        self.payload = payload
        self.record = record

    @property
    def id(self) -> str:
        """ID of the record."""
        return self.record.id

    @property
    def properties(self) -> dict[str, JSON]:
        """Properties of the record."""
        return self.record.properties

    def __repr__(self) -> str:
        # Omits the payload, which is a conversation.
        return f"TypedRecord({self.record!r})"


class TypedExportedRecord(Generic[P]):
    """A record of an export whose payload was converted to `payload_type`.

    Attributes:
        payload: Payload, as an instance of `payload_type`.
        record: Original record.
    """

    __slots__ = ("payload", "record")

    def __init__(self, payload: P, record: ExportedRecord) -> None:
        self.payload = payload
        self.record = record

    @property
    def id(self) -> str | None:
        """ID of the record, if the export includes it."""
        return self.record.id

    @property
    def properties(self) -> dict[str, JSON]:
        """Properties of the record."""
        return self.record.properties

    def __repr__(self) -> str:
        return f"TypedExportedRecord({self.record!r})"


def converter(
    payload_type: type[P],
) -> Callable[[DatasetRecord | ExportedRecord], TypedRecord[P] | TypedExportedRecord[P]]:
    """Returns a function that converts records to typed records.

    Raises:
        TypeError: The type is not a `TypedDict`, a dataclass or a pydantic model.
    """
    convert_payload = payload_converter(payload_type)

    def convert(record: DatasetRecord | ExportedRecord) -> TypedRecord[P] | TypedExportedRecord[P]:
        payload = convert_payload(record.payload)
        if isinstance(record, DatasetRecord):
            return TypedRecord(payload, record)
        return TypedExportedRecord(payload, record)

    return convert


def payload_converter(payload_type: type[P]) -> Callable[[ConversationPayload], P]:
    """Returns a function that converts payloads to a type.

    Raises:
        TypeError: The type is not a `TypedDict`, a dataclass or a pydantic model.
    """
    name = getattr(payload_type, "__name__", str(payload_type))
    if is_typeddict(payload_type):
        required = sorted(cast("_TypedDict", payload_type).__required_keys__)

        def as_typed_dict(payload: ConversationPayload) -> P:
            values = payload.to_dict()
            if missing := [key for key in required if key not in values]:
                raise _missing_keys(name, missing)
            return cast("P", values)

        return as_typed_dict
    if is_dataclass(payload_type):
        init_fields = [field for field in fields(payload_type) if field.init]
        names = [field.name for field in init_fields]
        required = [
            field.name for field in init_fields if field.default is MISSING and field.default_factory is MISSING
        ]

        def as_dataclass(payload: ConversationPayload) -> P:
            values = payload.to_dict()
            if missing := [key for key in required if key not in values]:
                raise _missing_keys(name, missing)
            return payload_type(**{key: values[key] for key in names if key in values})

        return cast("Callable[[ConversationPayload], P]", as_dataclass)
    validate = getattr(payload_type, "model_validate_json", None)
    if validate is not None:

        def as_pydantic_model(payload: ConversationPayload) -> P:
            try:
                return cast("P", validate(payload.to_json()))
            except ValueError as error:
                # The message quotes the payload, so neither the message nor the exception is kept.
                raise _validation_failed(name, error) from None

        return as_pydantic_model
    raise TypeError(f"payload_type: expected a TypedDict, a dataclass or a pydantic model, found {payload_type!r}")


class _TypedDict(Protocol):
    """The class of a `TypedDict`."""

    __required_keys__: frozenset[str]


class _ValidationError(Protocol):
    """A pydantic `ValidationError`."""

    def errors(self, *, include_url: bool, include_input: bool, include_context: bool) -> list[Mapping[str, Any]]: ...


def _missing_keys(name: str, missing: list[str]) -> errors.DecodingError:
    return errors.DecodingError(f"a payload does not match {name}: missing {', '.join(missing)}")


def _validation_failed(name: str, error: ValueError) -> errors.DecodingError:
    details: list[str] = []
    if hasattr(error, "errors"):
        found = cast("_ValidationError", error).errors(include_url=False, include_input=False, include_context=False)
        details = [f"{'.'.join(str(part) for part in each['loc'])} ({each['type']})" for each in found]
    return errors.DecodingError(f"a payload does not match {name}: {', '.join(details) or 'validation failed'}")
