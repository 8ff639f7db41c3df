"""Schemas of this package's classes for pydantic. Imported by pydantic's hooks only, when pydantic is installed."""

from __future__ import annotations

from typing import Any

from pydantic_core import PydanticCustomError, core_schema

from mistral_datasets import errors
from mistral_datasets._json_schemas import SCHEMAS


def model_schema(cls: Any, source_type: object, handler: object) -> core_schema.CoreSchema:
    """Returns the core schema of a class with `from_dict` and `to_dict`.

    Instances are kept. Dicts and JSON objects are converted, and JSON output is what `to_dict` returns.
    """

    def validate(value: object) -> object:
        if isinstance(value, cls):
            return value
        try:
            return cls.from_dict(value)
        except (TypeError, ValueError, errors.DecodingError) as error:
            # The cause may quote the value.
            problem = str(error)
        raise PydanticCustomError("mistral_datasets", "{problem}", {"problem": problem})

    def serialize(value: Any, info: core_schema.SerializationInfo) -> object:
        if info.mode == "json":
            return value.to_dict()
        return value.model_dump(exclude_none=info.exclude_none)

    return core_schema.no_info_plain_validator_function(
        validate,
        serialization=core_schema.plain_serializer_function_ser_schema(serialize, info_arg=True),
    )


def json_schema(cls: Any, schema: object, handler: object) -> dict[str, Any]:
    """Returns the JSON schema of a class."""
    name = cls.__name__
    if name == "ExportedRecord":
        record = SCHEMAS["DatasetRecord"]
        names = ("payload", "properties", "id", "source")
        return {
            "title": name,
            "type": "object",
            "properties": {key: record["properties"][key] for key in names},
            "required": ["payload"],
            "additionalProperties": True,
        }
    return SCHEMAS.get(name, {"title": name, "type": "object", "additionalProperties": True})
