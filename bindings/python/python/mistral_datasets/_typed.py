"""Records whose payloads are of a type that the program chose. The native module imports this when one is wanted."""

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
    """A record whose payload is of a type that the program chose.

    Attributes:
        payload: The payload, of that type.
        record: The record as it came, with its id, its times and all the rest.
    """

    __slots__ = ("payload", "record")

    def __init__(self, payload: P, record: DatasetRecord) -> None:
        self.payload = payload
        self.record = record

    @property
    def id(self) -> str:
        """The record's id."""
        return self.record.id

    @property
    def properties(self) -> dict[str, JSON]:
        """What is said about the conversation."""
        return self.record.properties

    def __repr__(self) -> str:
        # Not the payload, which is a conversation.
        return f"TypedRecord({self.record!r})"


class TypedExportedRecord(Generic[P]):
    """A record of an export whose payload is of a type that the program chose.

    Attributes:
        payload: The payload, of that type.
        record: The record as it came.
    """

    __slots__ = ("payload", "record")

    def __init__(self, payload: P, record: ExportedRecord) -> None:
        self.payload = payload
        self.record = record

    @property
    def id(self) -> str | None:
        """The record's id, where the export says it."""
        return self.record.id

    @property
    def properties(self) -> dict[str, JSON]:
        """What is said about the conversation."""
        return self.record.properties

    def __repr__(self) -> str:
        return f"TypedExportedRecord({self.record!r})"


def converter(
    payload_type: type[P],
) -> Callable[[DatasetRecord | ExportedRecord], TypedRecord[P] | TypedExportedRecord[P]]:
    """What makes typed records of a type.

    Raises:
        TypeError: The type is neither a TypedDict nor a dataclass nor a pydantic model.
    """
    read = reader(payload_type)

    def convert(record: DatasetRecord | ExportedRecord) -> TypedRecord[P] | TypedExportedRecord[P]:
        payload = read(record.payload)
        if isinstance(record, DatasetRecord):
            return TypedRecord(payload, record)
        return TypedExportedRecord(payload, record)

    return convert


def reader(payload_type: type[P]) -> Callable[[ConversationPayload], P]:
    """What makes a value of a type out of a payload."""
    name = getattr(payload_type, "__name__", str(payload_type))
    if is_typeddict(payload_type):
        required = sorted(cast("_TypedDict", payload_type).__required_keys__)

        def as_dict(payload: ConversationPayload) -> P:
            members = payload.to_dict()
            if missing := [key for key in required if key not in members]:
                raise _unfit(name, missing)
            return cast("P", members)

        return as_dict
    if is_dataclass(payload_type):
        members = [field for field in fields(payload_type) if field.init]
        needed = [each.name for each in members if each.default is MISSING and each.default_factory is MISSING]
        names = [each.name for each in members]

        def as_dataclass(payload: ConversationPayload) -> P:
            given = payload.to_dict()
            if missing := [key for key in needed if key not in given]:
                raise _unfit(name, missing)
            return payload_type(**{key: given[key] for key in names if key in given})

        return cast("Callable[[ConversationPayload], P]", as_dataclass)
    validate = getattr(payload_type, "model_validate_json", None)
    if validate is not None:

        def as_model(payload: ConversationPayload) -> P:
            try:
                return cast("P", validate(payload.to_json()))
            except ValueError as problem:
                # Its words quote the payload, so that they are not repeated, and it is no cause that is printed either.
                raise _refused(name, problem) from None

        return as_model
    raise TypeError(f"payload_type: expected a TypedDict, a dataclass or a pydantic model, found {payload_type!r}")


class _TypedDict(Protocol):
    """The class of a TypedDict."""

    __required_keys__: frozenset[str]


class _Problems(Protocol):
    """An error of pydantic."""

    def errors(self, *, include_url: bool, include_input: bool, include_context: bool) -> list[Mapping[str, Any]]: ...


def _unfit(name: str, missing: list[str]) -> errors.DecodingError:
    return errors.DecodingError(f"a payload is no {name}: it lacks {', '.join(missing)}")


def _refused(name: str, problem: ValueError) -> errors.DecodingError:
    places: list[str] = []
    if hasattr(problem, "errors"):
        found = cast("_Problems", problem).errors(include_url=False, include_input=False, include_context=False)
        places = [f"{'.'.join(str(part) for part in each['loc'])} ({each['type']})" for each in found]
    return errors.DecodingError(f"a payload is no {name}: {', '.join(places) or 'it was refused'}")
