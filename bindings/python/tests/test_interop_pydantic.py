"""Classes of this package as fields of pydantic models, and in JSON encoders."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pydantic
import pytest
from test_models import DATASET, RECORD, SAMPLES

from mistral_datasets import models
from mistral_datasets.enums import TaskStatus
from mistral_datasets.models import ConversationPayload, Dataset, DatasetRecord
from mistral_datasets.types import ExportedRecord


class Result(pydantic.BaseModel):
    record: DatasetRecord
    payload: ConversationPayload | None = None
    status: TaskStatus = TaskStatus.RUNNING
    datasets: list[Dataset] = []


RECORD_TEXT = json.dumps(RECORD)


def test_instances_are_kept() -> None:
    record = DatasetRecord.from_dict(RECORD)
    result = Result(record=record, payload=record.payload, datasets=[Dataset.from_dict(DATASET)])
    assert result.record is record
    assert result.payload is record.payload
    assert result.datasets == [Dataset.from_dict(DATASET)]


def test_dicts_and_json_are_converted() -> None:
    expected = DatasetRecord.from_dict(RECORD)
    for result in (
        Result.model_validate({"record": RECORD, "payload": {"messages": []}, "status": "COMPLETED"}),
        Result.model_validate_json(
            f'{{"record": {RECORD_TEXT}, "payload": {{"messages": []}}, "status": "COMPLETED"}}'
        ),
    ):
        assert result.record == expected
        assert type(result.payload) is ConversationPayload
        assert result.status is TaskStatus.COMPLETED
    assert Result.model_validate({"record": RECORD, "status": "PAUSED"}).status == "PAUSED"


def test_output() -> None:
    result = Result(record=DatasetRecord.from_dict(RECORD), payload=ConversationPayload(messages=[]))
    dumped = result.model_dump()
    assert dumped["record"]["created_at"] == result.record.created_at
    assert dumped["record"]["payload"] == RECORD["payload"]
    assert (dumped["payload"], dumped["status"]) == ({"messages": []}, TaskStatus.RUNNING)
    expected: dict[str, Any] = {"record": RECORD, "payload": {"messages": []}, "status": "RUNNING", "datasets": []}
    assert result.model_dump(mode="json") == json.loads(result.model_dump_json()) == expected
    assert Result.model_validate_json(result.model_dump_json()) == result


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({**RECORD, "id": "secret"}, "DatasetRecord.id: expected a UUID"),
        ({"payload": "secret"}, "DatasetRecord.id: a value is required"),
        ("secret", "DatasetRecord: expected a dict, found str"),
    ],
)
def test_wrong_values_are_validation_errors(value: object, problem: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        Result.model_validate({"record": value})
    (error,) = caught.value.errors()
    assert error["loc"] == ("record",)
    assert problem in error["msg"]
    assert "secret" not in error["msg"]
    with pytest.raises(pydantic.ValidationError, match="status"):
        Result.model_validate({"record": RECORD, "status": 5})


@pytest.mark.parametrize("name", SAMPLES)
def test_every_class_has_a_schema(name: str) -> None:
    kind = getattr(models, name)
    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(kind)
    value = adapter.validate_python(SAMPLES[name])
    assert type(value) is kind
    assert json.loads(adapter.dump_json(value)) == SAMPLES[name]
    for mode in ("validation", "serialization"):
        schema = adapter.json_schema(mode=mode)
        assert (schema["type"], schema["title"]) == ("object", name)
        assert set(SAMPLES[name]) >= set(schema.get("required", ()))
        assert set(schema.get("properties", ())) <= set(SAMPLES[name])


def test_json_schemas() -> None:
    schema = Result.model_json_schema()
    record = schema["properties"]["record"]
    assert record["properties"]["id"] == {"type": "string", "format": "uuid", "description": "ID of the record."}
    messages = record["properties"]["payload"]["properties"]["messages"]["anyOf"]
    assert [each["type"] for each in messages] == ["array", "null"]
    assert "payload" in record["required"]
    assert "deleted_at" not in record["required"]
    status = schema["properties"]["status"]
    assert (status["type"], "enum" in status) == ("string", False), "the API may add values"
    assert "COMPLETED" in status["examples"]
    exported: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(ExportedRecord)
    assert exported.json_schema()["required"] == ["payload"]
    assert exported.validate_python({"payload": {"messages": []}}).payload == {"messages": []}


def test_payloads_are_dicts_for_every_encoder() -> None:
    import msgspec

    record = DatasetRecord.from_dict(RECORD)
    assert isinstance(record.payload, dict)
    assert json.loads(json.dumps(record.payload)) == RECORD["payload"]
    assert json.loads(json.dumps({"records": [record.payload]}, indent=1)) == {"records": [RECORD["payload"]]}
    assert json.loads(json.dumps(record.payload, sort_keys=True)) == RECORD["payload"]
    assert json.loads("".join(json.JSONEncoder().iterencode(record.payload))) == RECORD["payload"]
    assert msgspec.json.decode(msgspec.json.encode(dict(record.payload))) == RECORD["payload"]
    assert pydantic.TypeAdapter(dict[str, Any]).validate_python(record.payload) == RECORD["payload"]
    # Other responses are not JSON values: an encoder refuses them instead of writing something wrong.
    with pytest.raises(TypeError, match="DatasetRecord is not JSON serializable"):
        json.dumps(record)
    assert json.loads(json.dumps(record, default=lambda value: value.to_dict())) == RECORD


def test_the_package_does_not_import_pydantic() -> None:
    program = (
        "import sys, mistral_datasets, mistral_datasets.types, mistral_datasets.enums; print('pydantic' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert output == "False\n"
