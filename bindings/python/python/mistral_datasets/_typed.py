"""Records with typed payloads. Imported by the native module when `payload_type` is first used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from mistral_datasets._native import ExportedRecord, payload_json
from mistral_datasets.models import DatasetRecord

if TYPE_CHECKING:
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
        TypeError: The type is not supported; see `_conversion.payload_converter`.
    """
    # Imported on first use, because it imports `dataclasses`.
    from mistral_datasets._conversion import payload_converter

    convert_payload = payload_converter(payload_type)

    def convert(record: DatasetRecord | ExportedRecord) -> TypedRecord[P] | TypedExportedRecord[P]:
        payload = convert_payload(payload_json(record))
        if isinstance(record, DatasetRecord):
            return TypedRecord(payload, record)
        return TypedExportedRecord(payload, record)

    return convert
