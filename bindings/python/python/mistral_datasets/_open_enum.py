"""The base class of the enumerations."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self


class OpenEnum(str, Enum):
    """An enumeration of strings to which the API may add values.

    Members equal their values and are formatted as them. A value without a member becomes a member that is not part of
    the class's list of members; its name is the value.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = str(value)
        return member

    def __str__(self) -> str:
        return str.__str__(self)

    def __format__(self, format_spec: str) -> str:
        return str.__format__(self, format_spec)

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return type(self), (self.value,)

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __copy__(self) -> Self:
        return self

    @classmethod
    def __get_pydantic_core_schema__(cls, source_type: object, handler: object, /) -> Any:
        """Describes the class to pydantic: a string, which need not be a known value."""
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(str, when_used="json"),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: object, handler: Any, /) -> Any:
        """Returns the JSON schema to pydantic."""
        return {"type": "string", "title": cls.__name__, "examples": [member.value for member in cls]}
